use crate::program::{Store, run};

/// The code, and the one line on stderr.
fn error(arguments: &[&str]) -> (i32, String) {
    let done = run(arguments, b"");
    assert!(done.stdout.is_empty());
    (done.code, done.error().to_owned())
}

#[test]
fn an_unknown_store_names_the_known_ones() {
    for verb in ["append", "tail"] {
        let (code, text) = error(&[verb, "carrier-pigeon:coop", "orders"]);
        assert_eq!(code, 10);
        assert!(
            text.contains("carrier-pigeon") && text.contains("known are: file, "),
            "{text}"
        );
    }
}

#[test]
fn a_wrong_setting_is_a_matter_of_configuration() {
    let store = Store::with("durabilty=each");
    let (code, text) = error(&["append", &store.uri(), "orders"]);
    assert_eq!(code, 10);
    assert!(
        text.starts_with("walx: ") && text.contains("durabilty"),
        "{text}"
    );
    let (code, text) = error(&["tail", "./data", "orders"]);
    assert_eq!(code, 10);
    assert!(text.contains("file:./data"), "{text}");
}

#[test]
fn a_store_that_is_a_file_is_a_matter_of_configuration() {
    let store = Store::new();
    let file = store.file("notes.txt", b"mine");
    for verb in ["append", "tail"] {
        let (code, text) = error(&[verb, &format!("file:{file}"), "orders"]);
        assert_eq!(code, 10, "{text}");
        assert!(text.contains("is no directory"), "{text}");
    }
    assert_eq!(std::fs::read(file).unwrap(), b"mine");
}

#[test]
fn a_channel_that_is_missing_is_not_found_and_not_made() {
    let store = Store::new();
    store.append("orders", b"a\n");
    for _ in 0..2 {
        let (code, text) = error(&["tail", &store.uri(), "payments"]);
        assert_eq!(code, 3);
        assert!(
            text.starts_with("walx: not found: ") && text.contains("payments"),
            "{text}"
        );
    }
}

#[test]
fn a_store_that_is_missing_is_not_found_and_not_made() {
    let store = Store::new();
    let (code, text) = error(&["tail", &store.uri(), "orders"]);
    assert_eq!(code, 3, "{text}");
    assert_eq!(std::fs::read_dir(store.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_wrong_argument_is_a_matter_of_usage() {
    for (arguments, text) in [
        (
            &["tail", "memory:", "orders", "--from", "end"][..],
            "use earliest, latest, lsn:N, id:ID, after:ID, tick:N, time:",
        ),
        (
            &["tail", "memory:", "orders", "--from", "lsn:x"],
            "\"x\" is no number",
        ),
        (
            &["tail", "memory:", "orders", "--from", "id:7"],
            "\"7\" is no message id",
        ),
        (
            &["tail", "memory:", "orders", "--from", "time:noon"],
            "\"noon\" is no time in UTC",
        ),
        (
            &["tail", "memory:", "orders", "--count", "0"],
            "0 is not in 1..",
        ),
        (
            &["tail", "memory:", "orders", "--output", "xml"],
            "invalid value 'xml'",
        ),
        (
            &["append", "memory:", "no/channel"],
            "\"no/channel\" is no channel name",
        ),
        (&["append", "memory:"], "<CHANNEL>"),
        (&["demo", "--seconds", "0"], "0 is not in 1.."),
        (&["produce"], "unrecognized subcommand 'produce'"),
    ] {
        let done = run(arguments, b"");
        assert_eq!(done.code, 2, "{arguments:?}");
        assert!(
            done.stdout.is_empty() && done.stderr.contains(text),
            "{arguments:?}: {}",
            done.stderr
        );
    }
}

#[test]
fn an_id_of_another_backend_is_a_matter_of_usage() {
    let store = Store::new();
    store.append("orders", b"a\n");
    let (code, text) = error(&[
        "tail",
        &store.uri(),
        "orders",
        "--from",
        "id:kafka:0000000000000001",
    ]);
    assert_eq!(code, 2, "{text}");
}

#[test]
fn a_demo_without_lines_is_refused() {
    let store = Store::new();
    let empty = store.file("empty", b"");
    let (code, text) = error(&["demo", "--input", &empty]);
    assert_eq!((code, text.as_str()), (2, "walx: the input has no lines"));
    assert_eq!(error(&["demo", "--input", "/does/not/exist"]).0, 3);
}

#[cfg(not(feature = "conformance"))]
#[test]
fn a_build_without_the_suite_says_how_to_get_it() {
    for arguments in [&["conformance", "memory:"][..], &["conformance", "--list"]] {
        let (code, text) = error(arguments);
        assert_eq!(code, 8);
        assert!(text.contains("--features conformance"), "{text}");
    }
}
