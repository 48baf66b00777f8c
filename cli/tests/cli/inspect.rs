//! `ls` and `describe`, and what `append` and `tail` print beside them.

use std::io::{PipeReader, PipeWriter, Write};

use rustix::process::Signal;

use crate::golden::Transcript;
use crate::program::{Program, Store, command, run};

#[test]
fn output_of_append_and_tail() {
    let store = Store::new();
    let mut shell = Transcript::new("run-append-tail.txt");
    shell.note("a store that is missing");
    shell.run(&store, &["tail", "STORE", "orders"]);
    shell.run_on(
        &store,
        &["append", "STORE", "orders"],
        b"paid\n\x1b[31mred\n\xff\n",
    );
    shell.run_on(
        &store,
        &["append", "STORE", "orders", "--json", "--print-ids"],
        br#"{"payload":"shipped","properties":{"order":"4711"}}"#,
    );
    shell.run(&store, &["tail", "STORE", "orders", "--from", "last:1"]);
    shell.run(&store, &["tail", "STORE", "orders", "--output", "json"]);
    shell.run(&store, &["tail", "STORE", "orders", "--output", "table"]);
    shell.note("errors");
    shell.run(&store, &["tail", "STORE", "payments"]);
    shell.run(&store, &["tail", "STORE", "orders", "--from", "end"]);
    shell.run(&store, &["tail", "carrier-pigeon:coop", "orders"]);
    shell.run_on(&store, &["append", "STORE", "orders", "--json"], b"{}\n");
    shell.run(&store, &["append", "STORE?durabilty=each", "orders"]);
    shell.run(&store, &["append", "STORE", "no/channel"]);
    shell.note("truncated");
    shell.run(
        &store,
        &["truncate", "STORE", "orders", "--until", "lsn:1", "--yes"],
    );
    shell.run(&store, &["tail", "STORE", "orders", "--from", "lsn:0"]);
    shell.run(&store, &["tail", "STORE", "orders", "--from", "tick:0"]);
    shell.end();
}

#[test]
fn output_of_ls() {
    let store = Store::new();
    let mut shell = Transcript::new("run-ls.txt");
    shell.note("a store that is missing");
    shell.run(&store, &["ls", "STORE"]);
    assert!(
        !store.folder.path().join("data").exists(),
        "nothing is made"
    );
    shell.note("two channels, one of them without messages");
    store.append("payments", b"");
    store.append("orders", b"0\n1\n2\n");
    shell.run(&store, &["ls", "STORE"]);
    shell.run(&store, &["ls", "STORE", "--long"]);
    shell.run(&store, &["ls", "STORE", "--output", "table"]);
    shell.run(&store, &["ls", "STORE", "--output", "json"]);
    shell.note("truncated");
    run(
        &[
            "truncate",
            &store.uri(),
            "orders",
            "--until",
            "lsn:0",
            "--yes",
        ],
        b"",
    );
    shell.run(&store, &["ls", "STORE", "-l"]);
    shell.note("a writer lives");
    let mut writer = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    writer.write(b"3\n");
    writer.line().unwrap();
    let pid = format!("{:<10}", format!("pid {}", writer.pid()));
    shell.mask(pid, "pid PID   ");
    shell.run(&store, &["ls", "STORE", "-l"]);
    shell.note("the writer was killed");
    writer.signal(Signal::KILL);
    writer.wait();
    shell.run(&store, &["ls", "STORE", "-l"]);
    shell.note("errors");
    shell.run(&store, &["ls", "carrier-pigeon:coop"]);
    shell.run(&store, &["ls", "./data"]);
    shell.run(&store, &["ls", "STORE", "-l", "--output", "json"]);
    shell.end();
}

#[test]
fn output_of_describe() {
    let store = Store::new();
    let mut shell = Transcript::new("run-describe.txt");
    shell.note("a store that is missing");
    shell.run(&store, &["describe", "STORE"]);
    shell.run(&store, &["describe", "STORE", "orders"]);
    assert!(
        !store.folder.path().join("data").exists(),
        "nothing is made"
    );
    shell.note("two channels, one of them without messages");
    store.append("payments", b"");
    store.append("orders", b"0\n1\n2\n");
    shell.run(&store, &["describe", "STORE"]);
    shell.run(&store, &["describe", "STORE", "orders", "--output", "json"]);
    shell.run(&store, &["describe", "STORE", "refunds"]);
    shell.note("truncated, and a writer lives");
    run(
        &[
            "truncate",
            &store.uri(),
            "orders",
            "--until",
            "lsn:1",
            "--yes",
        ],
        b"",
    );
    let mut writer = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    writer.write(b"3\n");
    writer.line().unwrap();
    shell.mask(format!("process {}", writer.pid()), "process PID");
    shell.run(&store, &["describe", "STORE", "orders"]);
    shell.run(&store, &["describe", "STORE", "orders", "--output", "json"]);
    shell.run_on(&store, &["append", "STORE", "orders"], b"4\n");
    shell.note("the writer was killed");
    writer.signal(Signal::KILL);
    writer.wait();
    shell.run(&store, &["describe", "STORE", "orders"]);
    shell.note("errors");
    shell.run(&store, &["describe", "carrier-pigeon:coop", "orders"]);
    shell.end();
}

#[test]
fn a_reader_of_a_report_that_goes_away_ends_it_quietly() {
    let store = Store::with("durability=os");
    for number in 0..3 {
        store.append(&format!("channel-{number}"), b"x\n");
    }
    for arguments in [
        &["ls", &store.uri()][..],
        &["ls", &store.uri(), "-l"],
        &["describe", &store.uri()],
        &["verify", &store.uri()],
        &["doctor", &store.uri()],
        &["completion", "bash"],
    ] {
        let mut program = Program::start(arguments);
        program.close_stdout();
        let done = program.end();
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn a_signal_ends_a_report_that_nobody_takes() {
    let store = Store::with("durability=os");
    store.append("orders", b"0\n1\n");
    let uri = store.uri();
    for (arguments, signal, code) in [
        (&["ls", &uri][..], Signal::INT, 130),
        (&["describe", &uri], Signal::TERM, 143),
        (&["verify", &uri], Signal::INT, 130),
        (
            &["truncate", &uri, "orders", "--until", "lsn:0"],
            Signal::TERM,
            143,
        ),
        (&["doctor", &uri], Signal::INT, 130),
        (&["completion", "fish"], Signal::TERM, 143),
    ] {
        let (_reader, full) = full_pipe();
        let mut command = command(arguments);
        command.stdout(full);
        let program = Program::run(command);
        // What it has to say doesn't fit, so it can't end by itself.
        program.wait_until_it_catches(signal);
        program.signal(signal);
        let done = program.end();
        assert_eq!(
            (done.code, done.stderr.as_str()),
            (code, ""),
            "{arguments:?}"
        );
    }
}

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[0; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}
