use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use crate::program::{Program, Store, run};

fn field(line: &[u8], name: &str) -> serde_json::Value {
    serde_json::from_slice::<serde_json::Value>(line).unwrap()[name].clone()
}

#[test]
fn ids_come_in_order_as_soon_as_a_line_is_durable() {
    let store = Store::new();
    let mut program = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    for number in 0..3 {
        // Stdin stays open: the id comes for this line alone.
        program.write(b"x\n");
        let line = program.line().unwrap();
        assert_eq!(field(&line, "lsn"), number);
        assert!(
            field(&line, "id").as_str().unwrap().starts_with("file:")
                && field(&line, "tick").as_u64() > Some(0)
        );
    }
    program.write(b"x");
    program.stdin = None;
    assert_eq!(field(&program.line().unwrap(), "lsn"), 3);
    let done = program.end();
    assert_eq!((done.code, done.error()), (0, "walx: appended 4 records"));
}

#[test]
fn a_printed_id_is_a_position() {
    let store = Store::new();
    let done = run(
        &["append", &store.uri(), "orders", "--print-ids"],
        b"a\nb\nc\n",
    );
    let second = done.stdout.split(|byte| *byte == b'\n').nth(1).unwrap();
    let id = format!("id:{}", field(second, "id").as_str().unwrap());
    assert_eq!(store.tail("orders", &["--from", &id]), b"b\nc\n");
}

#[test]
fn a_signal_ends_the_wait_for_a_named_pipe_that_nobody_writes_to() {
    let store = Store::new();
    let pipe = store.folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    let mut program = Program::start(&["append", &store.uri(), "orders", pipe.to_str().unwrap()]);
    program.wait_until_it_sleeps();
    program.signal(Signal::TERM);
    assert_eq!(program.wait().signal(), Some(Signal::TERM.as_raw()));
    assert!(!store.folder.path().join("data").exists());
}

#[test]
fn a_signal_ends_the_reading_and_what_was_read_is_safe() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let store = Store::new();
        let mut program = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
        program.write(b"a\nb\n");
        program.line().unwrap();
        program.line().unwrap();
        program.signal(signal);
        let done = program.end();
        assert_eq!(
            (done.code, done.error()),
            (code, "walx: appended 2 records")
        );
        // It was closed cleanly: the next owner needs no leave.
        store.append("orders", b"c\n");
        assert_eq!(store.tail("orders", &[]), b"a\nb\nc\n");
    }
}

#[test]
fn a_reader_of_ids_that_goes_away_ends_it_quietly_and_cleanly() {
    let store = Store::new();
    let mut program = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    program.write(b"a\n");
    program.line().unwrap();
    program.close_stdout();
    program.write(b"b\n");
    // Stdin stays open: the missing reader alone ends it.
    let done = program.end();
    assert_eq!((done.code, done.error()), (141, "walx: appended 2 records"));
    store.append("orders", b"c\n");
    assert_eq!(store.tail("orders", &[]), b"a\nb\nc\n");
}

#[test]
fn ids_that_can_not_be_written_are_an_error() {
    let store = Store::new();
    let mut command = crate::program::command(&["append", &store.uri(), "orders", "--print-ids"]);
    command.stdout(
        std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap(),
    );
    let mut program = Program::run(command);
    program.write(b"a\n");
    let done = program.end();
    assert_eq!(done.code, 1);
    assert!(
        done.stderr
            .contains("walx: the ids can't be written to stdout: No space left"),
        "{}",
        done.stderr
    );
    assert_eq!(store.tail("orders", &[]), b"a\n");
}

#[test]
fn a_line_that_is_too_large_is_named_and_those_before_it_are_safe() {
    let store = Store::with("max_record=1KiB");
    let input = [b"a\nb\n", &[b'x'; 5_000][..], b"\nd\n"].concat();
    let done = run(&["append", &store.uri(), "orders"], &input);
    assert_eq!(done.code, 2);
    let (report, error) = done.stderr.split_once('\n').unwrap();
    assert_eq!(report, "walx: appended 2 records");
    assert!(error.starts_with("walx: line 3: too large: "), "{error}");
    assert_eq!(store.tail("orders", &[]), b"a\nb\n");

    // With its header it is too large, by itself it would fit: the wal finds out, and nothing behind it is written.
    let input = [b"c\n", &[b'x'; 1_023][..], b"\nd\n"].concat();
    let done = run(&["append", &store.uri(), "orders"], &input);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr
            .starts_with("walx: appended 1 record\nwalx: line 2: too large: "),
        "{}",
        done.stderr
    );
    assert_eq!(store.tail("orders", &[]), b"a\nb\nc\n");
}

#[test]
fn an_input_that_is_missing_makes_no_channel() {
    let store = Store::new();
    let done = run(&["append", &store.uri(), "orders", "/does/not/exist"], b"");
    assert_eq!(done.code, 3);
    assert!(
        done.error().contains("/does/not/exist can't be read"),
        "{}",
        done.stderr
    );
    assert_eq!(run(&["tail", &store.uri(), "orders"], b"").code, 3);
}
