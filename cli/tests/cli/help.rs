use crate::golden;
use crate::program::run;

/// Compares a help with its golden file.
fn golden(name: &str, arguments: &[&str]) {
    let done = run(arguments, b"");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    golden::golden(name, &String::from_utf8(done.stdout).unwrap());
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
fn help_of_the_operators_commands_is_as_documented() {
    for name in [
        "ls",
        "describe",
        "verify",
        "truncate",
        "copy",
        "diff",
        "repair",
        "doctor",
        "conformance",
        "completion",
    ] {
        golden(&format!("{name}.txt"), &[name, "--help"]);
    }
}

#[test]
fn version_is_one_line() {
    let done = run(&["--version"], b"");
    assert_eq!(
        String::from_utf8(done.stdout).unwrap(),
        format!("walx {}\n", env!("CARGO_PKG_VERSION"))
    );
}
