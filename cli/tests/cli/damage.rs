//! `verify` and `repair`, and what the other commands say of damage.

use rustix::process::Signal;

use crate::golden::Transcript;
use crate::program::{Program, Store, flip};

#[test]
fn output_of_verify() {
    let store = Store::new();
    let mut shell = Transcript::new("run-verify.txt");
    shell.note("a store that is missing");
    shell.run(&store, &["verify", "STORE"]);
    shell.run(&store, &["verify", "STORE", "orders"]);
    assert!(
        !store.folder.path().join("data").exists(),
        "nothing is made"
    );
    shell.note("two channels, one of them without messages");
    store.append("payments", b"");
    store.append("orders", b"0\n1\n2\n");
    shell.run(&store, &["verify", "STORE"]);
    shell.run(&store, &["verify", "STORE", "orders", "--output", "json"]);
    shell.run(&store, &["verify", "STORE", "refunds"]);
    shell.note("truncated, and a writer lives");
    shell.run(
        &store,
        &["truncate", "STORE", "orders", "--until", "lsn:0", "--yes"],
    );
    let mut writer = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    writer.write(b"3\n");
    writer.line().unwrap();
    shell.run(&store, &["verify", "STORE"]);
    shell.note("the writer was killed");
    writer.signal(Signal::KILL);
    writer.wait();
    shell.run(&store, &["verify", "STORE"]);
    shell.note("errors");
    shell.run(&store, &["verify", "carrier-pigeon:coop"]);
    shell.end();
}

#[test]
fn output_of_damage_and_of_repair() {
    let store = Store::new();
    let mut shell = Transcript::new("run-damage.txt");
    shell.note("nothing to repair");
    shell.run(&store, &["repair", "STORE"]);
    store.append("payments", b"first\n");
    // An owner for each, so that it is written by itself.
    for line in ["first\n", "second-with-a-pattern\n", "third\n"] {
        store.append("orders", line.as_bytes());
    }
    shell.run(&store, &["repair", "STORE"]);
    shell.run(&store, &["repair", "STORE", "--yes"]);
    shell.note("somebody writes");
    let mut writer = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    writer.write(b"fourth\n");
    writer.line().unwrap();
    shell.mask(format!("process {}", writer.pid()), "process PID");
    shell.run(&store, &["repair", "STORE", "--yes"]);
    writer.stdin = None;
    assert_eq!(writer.end().code, 0);
    shell.note("a bit is flipped");
    let place = flip(store.folder.path(), b"with-a-pattern");
    shell.run(&store, &["tail", "STORE", "orders"]);
    shell.run(&store, &["verify", "STORE"]);
    let done = shell.run(&store, &["verify", "STORE", "orders", "--output", "json"]);
    let told = offset(&done.stdout);
    assert!(
        (told..told + 100).contains(&place),
        "{told} is told for {place}"
    );
    shell.run(&store, &["ls", "STORE", "-l"]);
    shell.run(&store, &["doctor", "STORE"]);
    shell.run(&store, &["truncate", "STORE", "orders", "--until", "lsn:2"]);
    shell.run(&store, &["repair", "STORE"]);
    shell.run(&store, &["verify", "STORE"]);
    shell.run(&store, &["repair", "STORE", "--yes"]);
    shell.run(&store, &["verify", "STORE"]);
    shell.run(&store, &["tail", "STORE", "orders"]);
    shell.run(&store, &["repair", "STORE"]);
    shell.run_on(&store, &["append", "STORE", "orders"], b"fifth\n");
    shell.end();
}

/// The offset in the file that the first finding tells.
fn offset(lines: &[u8]) -> usize {
    let mut lines = lines.split(|byte| *byte == b'\n');
    let finding = lines
        .find(|line| line.starts_with(b"{\"finding\""))
        .unwrap();
    let finding: serde_json::Value = serde_json::from_slice(finding).unwrap();
    let place = finding["finding"]["place"].as_str().unwrap();
    place.rsplit_once(" at ").unwrap().1.parse().unwrap()
}
