use crate::golden::Transcript;
use crate::program::{Store, flip, run};

#[test]
fn output_of_diff() {
    let store = Store::new();
    let mut shell = Transcript::new("run-diff.txt");
    store.append("orders", b"a\nb\nc\n");
    shell.note("a channel that is missing");
    shell.run(&store, &["diff", "STORE", "orders", "STORE", "payments"]);
    shell.note("equal, also where the numbers are others");
    store.append("payments", b"b\nc\n");
    shell.run(&store, &["diff", "STORE", "orders", "STORE", "orders"]);
    let from = ["--from", "lsn:1", "--from-b", "lsn:0"];
    let sides = ["diff", "STORE", "orders", "STORE", "payments"];
    shell.run(&store, &[&sides[..], &from].concat());
    shell.note("a payload, and the length");
    shell.run(&store, &sides);
    shell.run(&store, &[&sides[..], &["--from", "lsn:2"]].concat());
    store.append("payments", b"d\n");
    shell.run(&store, &[&sides[..], &from].concat());
    store.append("orders", b"d\ne\nf\n");
    shell.run(&store, &[&sides[..], &from].concat());
    shell.note("what stands beside the payload");
    let json = |channel, line: &[u8]| {
        let done = run(&["append", &store.uri(), channel, "--json"], line);
        assert_eq!(done.code, 0, "{}", done.stderr);
    };
    json("left", br#"{"payload":"x","properties":{"eu":"1"}}"#);
    json(
        "right",
        br#"{"payload":"x","properties":{"eu":{"base64":"G1sx"}}}"#,
    );
    shell.run(&store, &["diff", "STORE", "left", "STORE", "right"]);
    shell.note("an empty channel");
    store.append("empty", b"");
    shell.run(&store, &["diff", "STORE", "empty", "STORE", "empty"]);
    shell.run(&store, &["diff", "STORE", "empty", "STORE", "left"]);
    shell.end();
}

#[test]
fn a_hole_ends_the_comparison_and_names_its_side() {
    let store = Store::with("damage=salvage");
    for line in ["first\n", "second-with-a-pattern\n", "third\n"] {
        store.append("orders", line.as_bytes());
    }
    flip(store.folder.path(), b"with-a-pattern");
    let sound = Store::new();
    sound.append("orders", b"first\nsecond-with-a-pattern\nthird\n");
    let done = run(
        &["diff", &sound.uri(), "orders", &store.uri(), "orders"],
        b"",
    );
    assert_eq!(done.code, 9, "{}", done.stderr);
    assert!(done.stdout.is_empty());
    let error = done.stderr.lines().last().unwrap();
    assert!(
        error.starts_with("walx: B: gap (corrupt), lsn 1"),
        "{error}"
    );
}

#[test]
fn many_messages_are_compared_to_the_last_one() {
    let store = Store::with("durability=os");
    let lines: String = (0..50_000).map(|i| format!("{i}\n")).collect();
    store.append("a", lines.as_bytes());
    store.append("b", lines.replace("49999\n", "49998\n").as_bytes());
    let done = run(&["diff", &store.uri(), "a", &store.uri(), "b"], b"");
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(
        (done.code, text.as_str()),
        (
            7,
            "A at lsn 49999 and B at lsn 49999 differ: the payload from byte 4 on: \"49999\" and \"49998\"\n"
        )
    );
}
