use std::path::Path;

use crate::program::run;

/// Compares with the golden file; `UPDATE_GOLDEN=1` writes it instead.
fn golden(name: &str, arguments: &[&str]) {
    let done = run(arguments, b"");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let text = String::from_utf8(done.stdout).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap());
}

#[test]
fn help_is_as_documented_and_fits_one_screen() {
    golden("help.txt", &["--help"]);
    let help = String::from_utf8(run(&["--help"], b"").stdout).unwrap();
    assert!(
        help.lines().count() <= 24 && help.lines().all(|line| line.chars().count() <= 80),
        "{help}"
    );
}

#[test]
fn help_of_append_is_as_documented() {
    golden("append.txt", &["append", "--help"]);
}

#[test]
fn help_of_tail_is_as_documented() {
    golden("tail.txt", &["tail", "--help"]);
}

#[test]
fn help_of_demo_is_as_documented() {
    golden("demo.txt", &["demo", "--help"]);
}

#[test]
fn version_is_one_line() {
    let done = run(&["--version"], b"");
    assert_eq!(
        String::from_utf8(done.stdout).unwrap(),
        format!("walx {}\n", env!("CARGO_PKG_VERSION"))
    );
}
