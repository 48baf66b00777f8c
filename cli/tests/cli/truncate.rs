use crate::golden::Transcript;
use crate::program::{Program, Store};

#[test]
fn output_of_truncate() {
    let store = Store::new();
    let mut shell = Transcript::new("run-truncate.txt");
    let truncate = |shell: &mut Transcript, more: &[&str]| {
        shell.run(
            &store,
            &[&["truncate", "STORE", "orders", "--until"], more].concat(),
        )
    };
    shell.note("a store that is missing");
    truncate(&mut shell, &["lsn:0", "--yes"]);
    assert!(
        !store.folder.path().join("data").exists(),
        "nothing is made"
    );
    shell.note("a channel without messages");
    store.append("orders", b"");
    truncate(&mut shell, &["lsn:0"]);
    truncate(&mut shell, &["lsn:0", "--yes"]);
    shell.note("lsn 0 to 9");
    store.append("orders", b"0\n1\n2\n3\n4\n");
    store.append("orders", b"5\n6\n7\n8\n9\n");
    truncate(&mut shell, &["lsn:0"]);
    truncate(&mut shell, &["lsn:4"]);
    assert_eq!(
        store.tail("orders", &["-n", "1"]),
        b"0\n",
        "nothing is changed"
    );
    truncate(&mut shell, &["lsn:4", "--yes"]);
    assert_eq!(store.tail("orders", &[]), b"5\n6\n7\n8\n9\n");
    shell.note("before the earliest, beyond the tail");
    truncate(&mut shell, &["lsn:4", "--yes"]);
    truncate(&mut shell, &["tick:0"]);
    truncate(&mut shell, &["id:file:0000000000000000"]);
    truncate(&mut shell, &["lsn:10", "--yes"]);
    truncate(&mut shell, &["id:file:00000000000000ff"]);
    truncate(&mut shell, &["id:kafka:0000000000000000"]);
    shell.note("by id and by tick");
    let records = String::from_utf8(store.tail("orders", &["--output", "json"])).unwrap();
    let records: Vec<serde_json::Value> = records
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let tick = records[2]["tick"].as_u64().unwrap();
    shell.mask(tick, "TICK");
    let id = format!("id:{}", records[1]["id"].as_str().unwrap());
    truncate(&mut shell, &[&id]);
    truncate(&mut shell, &[&format!("tick:{tick}")]);
    truncate(&mut shell, &["time:2001-01-01T00:00:00Z"]);
    truncate(&mut shell, &["time:2199-01-01T00:00:00Z"]);
    shell.note("another process writes");
    let mut writer = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    writer.write(b"10\n");
    writer.line().unwrap();
    shell.mask(format!("process {}", writer.pid()), "process PID");
    truncate(&mut shell, &["lsn:10"]);
    truncate(&mut shell, &["lsn:10", "--yes"]);
    shell.note("it was killed: the newest record is a message");
    writer.signal(rustix::process::Signal::KILL);
    writer.wait();
    truncate(&mut shell, &["lsn:10"]);
    truncate(&mut shell, &["lsn:10", "--yes"]);
    truncate(&mut shell, &["lsn:10", "--yes"]);
    assert_eq!(store.tail("orders", &[]), b"10\n");
    shell.note("behind a clean end it is one of walx's own");
    store.append("orders", b"11\n");
    truncate(&mut shell, &["lsn:11", "--yes"]);
    truncate(&mut shell, &["lsn:11"]);
    assert_eq!(store.tail("orders", &[]), b"");
    shell.run_on(
        &store,
        &["append", "STORE", "orders", "--print-ids"],
        b"12\n",
    );
    shell.note("errors");
    truncate(&mut shell, &["all"]);
    truncate(&mut shell, &["last:1"]);
    shell.run(&store, &["truncate", "STORE", "orders", "--yes"]);
    shell.run(
        &store,
        &["truncate", "STORE", "payments", "--until", "lsn:0"],
    );
    shell.end();
}
