use std::path::Path;

use rustix::process::Signal;

use crate::program::{Done, Program, Store, run};

/// Runs the command to its end.
fn conformance(arguments: &[&str]) -> Done {
    run(&[&["conformance"], arguments].concat(), b"")
}

fn text(done: &Done) -> String {
    String::from_utf8(done.stdout.clone()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn a_group_of_promises_holds_in_memory_and_in_files_and_nothing_is_left() {
    let store = Store::with("durability=os");
    let done = conformance(&["memory:", &store.uri(), "--only", "backend::close"]);
    let text = text(&done);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{text}");
    for line in [
        "ok    memory  plain   backend::close::a_closed_handle_is_closed",
        "ok    memory  faulty  backend::close::a_closed_handle_is_closed",
        "ok    file  plain   backend::close::a_closed_handle_is_closed",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    let summary = format!("file (walx {}): ", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&summary) && !text.contains("FAIL"), "{text}");
    assert_eq!(names(store.folder.path()), [""; 0]);
}

#[test]
fn what_a_store_can_not_do_is_left_out_with_the_reason() {
    let done = conformance(&["memory:", "--only", "fence", "--plain"]);
    let text = text(&done);
    assert_eq!(done.code, 0, "{text}");
    let left_out = |it: &&str| it.starts_with("out ");
    let line = text.lines().find(left_out).unwrap();
    assert!(line.ends_with(": needs a fence by a lock"), "{line}");
    assert!(
        text.contains("1 case left out for want of a fence by a lock"),
        "{text}"
    );
    assert!(!text.contains("faulty"), "{text}");
}

#[test]
fn a_store_that_holds_data_is_refused_and_left_as_it_is() {
    let store = Store::new();
    store.append("orders", b"paid\n");
    let before = contents(&store);
    let done = conformance(&[
        "memory:",
        &store.uri(),
        "--only",
        "backend::close",
        "--plain",
    ]);
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.error().contains("name another one"), "{}", done.stderr);
    assert_eq!(contents(&store), before);
    assert_eq!(store.tail("orders", &[]), b"paid\n");
}

/// Every file of a store.
fn contents(store: &Store) -> Vec<(String, Vec<u8>)> {
    let data = store.folder.path().join("data");
    let files = names(&data).into_iter();
    let mut files: Vec<_> = files
        .map(|name| (name.clone(), std::fs::read(data.join(name)).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_directory_with_foreign_files_is_refused() {
    let store = Store::new();
    let file = store.file("notes.txt", b"mine");
    let uri = format!("file:{}", store.folder.path().display());
    let done = conformance(&[&uri, "--only", "backend::close"]);
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.error().contains("notes.txt"), "{}", done.stderr);
    assert_eq!(std::fs::read(file).unwrap(), b"mine");
    assert_eq!(names(store.folder.path()), ["notes.txt"]);
}

#[test]
fn cases_are_listed_with_their_promises() {
    let done = conformance(&["--list", "--only", "backend::fence"]);
    let text = text(&done);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() >= 6 && lines.len().is_multiple_of(2), "{text}");
    for pair in lines.chunks(2) {
        assert!(pair[0].starts_with("backend::fence::"), "{text}");
        assert!(
            pair[1].starts_with("    ") && pair[1].ends_with('.'),
            "{text}"
        );
    }
    let json = conformance(&["--list", "--output", "json", "--only", "backend::fence"]);
    assert_eq!(
        json.stdout.split(|it| *it == b'\n').count() - 1,
        lines.len() / 2
    );
}

#[test]
fn json_tells_each_run_and_the_summary() {
    let done = conformance(&[
        "memory:",
        "--only",
        "backend::fence",
        "--seed",
        "7",
        "--output",
        "json",
    ]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let lines = text(&done);
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (summary, runs) = lines.split_last().unwrap();
    let summary = &summary["summary"];
    let count = |outcome: &str, faulty: bool| {
        let of = |it: &&serde_json::Value| {
            it["run"]["outcome"] == outcome && it["run"]["faulty"] == faulty
        };
        runs.iter().filter(of).count()
    };
    for (kind, faulty) in [("plain", false), ("faulty", true)] {
        for outcome in ["passed", "left_out", "failed"] {
            assert_eq!(summary[kind][outcome], count(outcome, faulty), "{summary}");
        }
    }
    assert!(count("passed", true) > 0 && count("left_out", false) > 0);
    let seeds = |it: &serde_json::Value| it["run"]["faulty"] == it["run"]["seed"].is_u64();
    assert!(runs.iter().all(seeds));
    assert_eq!(summary["kept"], true);
    assert_eq!(summary["whole"], false);
    assert_eq!(summary["fence"], "native");
}

#[test]
fn a_table_has_a_row_a_store() {
    let done = conformance(&["memory:", "--plain", "--output", "markdown"]);
    let text = text(&done);
    assert_eq!(done.code, 0, "{text}{}", done.stderr);
    let lines: Vec<_> = text.lines().collect();
    let row = format!("| `memory:` | walx {} |", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[2].starts_with(&row), "{text}");
    assert!(lines[2].contains("| - |"), "it ran without faults: {text}");
}

#[test]
fn wrong_arguments_are_named() {
    let store = Store::with("durabilty=each");
    for (arguments, code, says) in [
        (&["memory:", "--only", "no_such_case"][..], 2, "--list"),
        (
            &["memory:", "--only", "fence", "--output", "markdown"],
            2,
            "leave --only out",
        ),
        (&["--list", "--only", "no_such_case"], 2, "--list"),
        (&["carrier-pigeon:coop"], 10, "known are: file, "),
        (&["./data"], 10, "write file:./data"),
        (&[&store.uri(), "--only", "backend::close"], 10, "durabilty"),
        (
            &["memory:orders?max_recrod=1KiB", "--only", "backend::close"],
            10,
            "max_recrod",
        ),
    ] {
        let done = conformance(arguments);
        assert_eq!(done.code, code, "{arguments:?}: {}", done.stderr);
        assert!(
            done.error().contains(says),
            "{arguments:?}: {}",
            done.stderr
        );
        assert!(done.stdout.is_empty());
    }
    assert_eq!(conformance(&[]).code, 2);
    assert_eq!(names(store.folder.path()), [""; 0]);
}

#[test]
fn a_signal_ends_it_and_it_removes_what_it_made() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let store = Store::with("durability=os");
        let mut program = Program::start(&["conformance", &store.uri(), "--jobs", "2"]);
        program.line().unwrap();
        assert_eq!(names(store.folder.path()), ["data"]);
        program.signal(signal);
        let done = program.end();
        assert_eq!(done.code, code, "{}", done.stderr);
        assert!(done.stderr.contains("ended early"), "{}", done.stderr);
        assert_eq!(names(store.folder.path()), [""; 0]);
    }
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let store = Store::with("durability=os");
    let mut program = Program::start(&["conformance", &store.uri(), "--jobs", "2"]);
    program.line().unwrap();
    program.close_stdout();
    let done = program.end();
    assert_eq!(done.code, 141, "{}", done.stderr);
    assert_eq!(names(store.folder.path()), [""; 0]);
}
