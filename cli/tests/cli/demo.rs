use rustix::process::Signal;

use crate::golden;
use crate::program::{Program, Store, command, run};

/// The text with one word for each number, and without the spaces that align it.
fn without_numbers(text: &str) -> String {
    let number = |c: char| c.is_ascii_digit();
    let word = |word: &str| match word.trim_end_matches([',', ':']) {
        bare if bare.starts_with(number) => format!("N{}", &word[bare.len()..]),
        _ => word.to_owned(),
    };
    let line = |line: &str| {
        line.split_whitespace()
            .map(word)
            .collect::<Vec<_>>()
            .join(" ")
            + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn a_demo_with_kills_ends_clean() {
    let done = run(&["demo", "--seconds", "4", "--kills", "2"], b"");
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.code, 0, "{text}{}", done.stderr);
    assert!(
        text.starts_with("durability each, ") && text.contains("2 writers killed"),
        "{text}"
    );
    assert!(text.ends_with(
        "clean: every acknowledged line reached every scanner, with its bytes, once, in order\n"
    ));
    golden::golden("run-demo.txt", &without_numbers(&text));
    let rows: Vec<Vec<u64>> = text
        .lines()
        .filter(|line| line.starts_with("orders ") || line.starts_with("payments "))
        .map(|line| {
            line.split_whitespace()
                .skip(2)
                .map(|cell| cell.parse().unwrap())
                .collect()
        })
        .collect();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let [
            appended,
            acknowledged,
            log,
            delivered,
            lost,
            doubled,
            disordered,
            gaps,
        ] = row.try_into().unwrap();
        assert!(
            appended >= log && log >= acknowledged && acknowledged > 0,
            "{text}"
        );
        assert_eq!(
            (delivered, lost, doubled, disordered, gaps),
            (log, 0, 0, 0, 0),
            "{text}"
        );
    }
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["demo", "--seconds", "60", "--kills", "59"]);
    command.env("TMPDIR", folder.path());
    // Its first kill says so on stderr; stdout says nothing before the end.
    let mut program = Program::run(command);
    while !program.said().contains("kill 1,") {}
    program.signal(Signal::TERM);
    assert_eq!(program.end().code, 143);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_demo_in_a_store_of_ones_own_uses_channels_that_nobody_has() {
    let store = Store::new();
    store.append("orders", b"mine\n");
    let uri = store.uri();
    let done = run(
        &["demo", "--store", &uri, "--seconds", "2", "--kills", "1"],
        b"",
    );
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.code, 0, "{text}{}", done.stderr);
    assert!(text.contains("\nclean: "), "{text}");
    assert!(done.stderr.contains("-orders and demo-") && done.stderr.contains("-payments stay"));
    assert_eq!(store.tail("orders", &[]), b"mine\n");
    let listed = run(&["ls", &uri], b"").stdout;
    let listed = String::from_utf8(listed).unwrap();
    assert_eq!(
        listed.lines().filter(|it| it.starts_with("demo-")).count(),
        2
    );

    let memory = run(&["demo", "--store", "memory:shared"], b"");
    assert_eq!(memory.code, 10, "{}", memory.stderr);
    assert!(memory.stderr.contains("ends with its process"));
}
