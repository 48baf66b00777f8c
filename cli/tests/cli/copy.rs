use rustix::process::Signal;
use walx_utility::clock;

use crate::golden::Transcript;
use crate::program::{DEADLINE, Done, Program, Store, flip, run};

/// The URI of a store beside another one.
fn beside(store: &Store, name: &str) -> String {
    format!("file:{}/{name}", store.folder.path().display())
}

/// What a report says after `--from `.
fn goes_on_at(done: &Done) -> String {
    let (_, rest) = done.stderr.split_once("--from ").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn output_of_copy() {
    let store = Store::new();
    let copy = beside(&store, "copy");
    let mut shell = Transcript::new("run-copy.txt");
    let to = |channel: &'static str, more: &[&'static str]| -> Vec<String> {
        let all = ["copy", "STORE", "orders", &copy, channel].into_iter();
        all.chain(more.iter().copied()).map(str::to_owned).collect()
    };
    let mut copies = |arguments: Vec<String>| {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        shell.run(&store, &arguments)
    };
    // Nothing to copy, and nothing is made.
    assert_eq!(copies(to("orders", &[])).code, 3);
    assert!(!store.folder.path().join("copy").exists());
    store.append("orders", b"a\nb\nc\n");
    copies(to("orders", &[]));
    // A second time is a mistake, unless it is meant.
    copies(to("orders", &[]));
    store.append("orders", b"d\n");
    copies(to("orders", &["--from", "lsn:3", "--append"]));
    copies(to("orders", &["--from", "latest", "--append"]));
    let tail = run(&["tail", &copy, "orders"], b"");
    assert_eq!(tail.stdout, b"a\nb\nc\nd\n");
    // What was truncated.
    let truncate = [
        "truncate",
        &store.uri(),
        "orders",
        "--until",
        "lsn:1",
        "--yes",
    ];
    assert_eq!(run(&truncate, b"").code, 0);
    copies(to("rest", &[]));
    copies(to("start", &["--from", "lsn:0"]));
    copies(to("start", &["--from", "lsn:0", "--on-gap", "skip"]));
    shell.end();
}

#[test]
fn all_that_a_message_has_is_copied_within_a_store_too() {
    let store = Store::new();
    let lines = br#"{"payload_base64":"/w==","properties":{"a":"1","b":{"base64":"/g=="}},"virtual_channel":"v","idempotency_key":"k"}
{"payload":""}
"#;
    let done = run(&["append", &store.uri(), "orders", "--json"], lines);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let uri = store.uri();
    let done = run(&["copy", &uri, "orders", &uri, "payments"], b"");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let read = |channel| -> Vec<serde_json::Value> {
        let lines = store.tail(channel, &["--output", "json"]);
        let lines = String::from_utf8(lines).unwrap();
        let parse = |line| {
            let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
            let record = value.as_object_mut().unwrap();
            record.retain(|name, _| !["id", "tick"].contains(&name.as_str()));
            value
        };
        lines.lines().map(parse).collect()
    };
    assert_eq!(read("orders").len(), 2);
    assert_eq!(read("orders"), read("payments"));
}

#[test]
fn a_channel_is_not_copied_into_itself_however_it_is_spelled() {
    let store = Store::new();
    store.append("orders", b"a\n");
    std::os::unix::fs::symlink(
        store.folder.path().join("data"),
        store.folder.path().join("link"),
    )
    .unwrap();
    for other in ["data", "./data", "data/", "link", "data?durability=os"] {
        let done = run(
            &[
                "copy",
                &store.uri(),
                "orders",
                &beside(&store, other),
                "orders",
                "--append",
            ],
            b"",
        );
        assert_eq!(done.code, 2, "{other}: {}", done.stderr);
        assert!(done.error().contains("the same channel"), "{other}");
    }
    assert_eq!(store.tail("orders", &[]), b"a\n");
}

#[test]
fn a_hole_stops_a_copy_and_is_skipped_on_request() {
    let store = Store::with("damage=salvage");
    for line in ["first\n", "second-with-a-pattern\n", "third\n"] {
        store.append("orders", line.as_bytes());
    }
    flip(store.folder.path(), b"with-a-pattern");
    let (uri, copy) = (store.uri(), beside(&store, "copy"));
    let stopped = run(&["copy", &uri, "orders", &copy, "orders"], b"");
    assert_eq!(stopped.code, 9, "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains("SRC has a gap (corrupt), lsn 1"),
        "{}",
        stopped.stderr
    );
    assert!(
        stopped.stderr.contains("copied 1 message,"),
        "{}",
        stopped.stderr
    );
    let from = goes_on_at(&stopped);
    let rest = ["--from", &from, "--append", "--on-gap", "skip"];
    let all = [&["copy", &uri, "orders", &copy, "orders"], &rest[..]].concat();
    let done = run(&all, b"");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("skipped in SRC: gap (corrupt), lsn 1"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("skipped 1 hole"), "{}", done.stderr);
    assert_eq!(
        run(&["tail", &copy, "orders"], b"").stdout,
        b"first\nthird\n"
    );
}

#[test]
fn a_copy_that_was_interrupted_goes_on_and_copies_nothing_twice() {
    let store = Store::with("durability=os");
    let lines: String = (0..100_000).map(|i| format!("{i}\n")).collect();
    store.append("orders", lines.as_bytes());
    // Acknowledgements come twice a second, so that it can't be done before the signal.
    let copy = beside(&store, "copy?durability=interval:500ms");
    let uri = store.uri();
    let arguments = ["copy", &uri, "orders", &copy, "orders"];
    let program = Program::start(&arguments);
    let deadline = clock::now() + DEADLINE;
    while run(&["tail", &copy, "orders", "--count", "1"], b"").stdout != b"0\n" {
        assert!(clock::now() < deadline, "nothing is copied");
    }
    program.signal(Signal::INT);
    let stopped = program.end();
    assert_eq!(stopped.code, 130, "{}", stopped.stderr);
    let from = goes_on_at(&stopped);
    assert_ne!(
        from, "lsn:100000",
        "the signal came too late to interrupt it"
    );
    let done = run(
        &[&arguments[..], &["--append", "--from", &from]].concat(),
        b"",
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    let diff = run(&["diff", &store.uri(), "orders", &copy, "orders"], b"");
    assert_eq!(
        (diff.code, diff.stdout.as_slice()),
        (0, &b"100000 messages are equal\n"[..])
    );
}

#[test]
fn a_message_that_the_copy_can_not_take_ends_it_and_is_named() {
    let store = Store::new();
    let line = "x".repeat(2_000);
    store.append("orders", format!("a\n{line}\nb\n").as_bytes());
    let copy = beside(&store, "copy?max_record=1KiB");
    let done = run(&["copy", &store.uri(), "orders", &copy, "orders"], b"");
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(
        done.stderr.contains("lsn 1 into DST: too large"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("--from lsn:1 --append"),
        "{}",
        done.stderr
    );
    assert_eq!(run(&["tail", &copy, "orders"], b"").stdout, b"a\n");
}

#[test]
fn copying_takes_little_memory() {
    let store = Store::with("durability=os");
    let line = "x".repeat(100_000) + "\n";
    store.append("orders", line.repeat(2_000).as_bytes());
    let copy = beside(&store, "copy?durability=os");
    let program = Program::start(&["copy", &store.uri(), "orders", &copy, "orders"]);
    let deadline = clock::now() + DEADLINE;
    let mut peak = 0;
    while let Some(now) = program.peak_memory_if_it_runs() {
        peak = peak.max(now);
        assert!(clock::now() < deadline);
        std::thread::yield_now();
    }
    let done = program.end();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(peak < 120 << 20, "{peak} bytes");
}
