use rustix::process::Signal;

use crate::program::{Program, Store, command, flip, run};

/// A store with the lines `0` to `9`, and its records as `tail` prints them.
fn ten() -> (Store, Vec<serde_json::Value>) {
    let store = Store::new();
    // Two owners, so that the log has more than records in it.
    store.append("orders", b"0\n1\n2\n3\n4\n");
    store.append("orders", b"5\n6\n7\n8\n9\n");
    let text = String::from_utf8(store.tail("orders", &["--output", "json"])).unwrap();
    let records: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 10);
    (store, records)
}

fn from(store: &Store, position: &str) -> String {
    String::from_utf8(store.tail("orders", &["--from", position])).unwrap()
}

#[test]
fn every_form_of_a_position_is_a_start() {
    let (store, records) = ten();
    assert_eq!(from(&store, "earliest"), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    assert_eq!(from(&store, "latest"), "");
    assert_eq!(from(&store, "lsn:7"), "7\n8\n9\n");
    assert_eq!(from(&store, "lsn:10"), "");
    assert_eq!(from(&store, "lsn:999999"), "");
    assert_eq!(from(&store, "last:0"), "");
    assert_eq!(from(&store, "last:3"), "7\n8\n9\n");
    assert_eq!(from(&store, "last:6"), "4\n5\n6\n7\n8\n9\n");
    assert_eq!(from(&store, "last:999999"), from(&store, "earliest"));
    assert_eq!(
        from(
            &store,
            &format!("id:{}", records[4]["id"].as_str().unwrap())
        ),
        "4\n5\n6\n7\n8\n9\n"
    );
    let tick = records[8]["tick"].as_u64().unwrap();
    assert_eq!(from(&store, &format!("tick:{tick}")), "8\n9\n");
    assert_eq!(from(&store, &format!("tick:{}", tick + 1)), "9\n");
    assert_eq!(from(&store, "tick:0"), from(&store, "earliest"));
    assert_eq!(
        from(&store, "time:2001-01-01T00:00:00Z"),
        from(&store, "earliest")
    );
    assert_eq!(from(&store, "time:2199-01-01T00:00:00Z"), "");
}

#[test]
fn records_carry_their_place_and_term() {
    let (_, records) = ten();
    for (number, record) in records.iter().enumerate() {
        assert_eq!(record["lsn"], number);
        assert_eq!(record["payload"], number.to_string());
        assert_eq!(record["properties"], serde_json::json!({}));
        assert!(record["id"].as_str().unwrap().starts_with("file:"));
    }
    assert!(records.is_sorted_by_key(|record| record["tick"].as_u64().unwrap()));
    assert!(records[0]["term"].as_u64() < records[9]["term"].as_u64());
}

#[test]
fn count_ends_it() {
    let (store, _) = ten();
    assert_eq!(store.tail("orders", &["--count", "3"]), b"0\n1\n2\n");
    assert_eq!(
        store.tail("orders", &["--from", "lsn:8", "-n", "3"]),
        b"8\n9\n"
    );
    assert_eq!(store.tail("orders", &["--follow", "-n", "2"]), b"0\n1\n");
}

#[test]
fn a_table_is_for_people() {
    let (store, _) = ten();
    let table =
        String::from_utf8(store.tail("orders", &["--output", "table", "--from", "lsn:8"])).unwrap();
    let lines: Vec<Vec<_>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["LSN", "TIME", "BYTES", "TXN", "PAYLOAD"]);
    assert_eq!((lines[1][0], lines[1][2], lines[1][3]), ("8", "1", "8"));
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_follower_sees_what_another_process_appends() {
    let (store, _) = ten();
    let mut follower = Program::start(&[
        "tail",
        &store.uri(),
        "orders",
        "--from",
        "lsn:8",
        "--follow",
    ]);
    assert_eq!(
        (follower.line().unwrap(), follower.line().unwrap()),
        (b"8".to_vec(), b"9".to_vec())
    );
    for number in 10..15 {
        // Each one comes before the next is there; each writer is a new owner.
        let line = number.to_string();
        store.append("orders", format!("{line}\n").as_bytes());
        assert_eq!(follower.line().unwrap(), line.as_bytes());
    }
    let mut writer = Program::start(&["append", &store.uri(), "orders"]);
    for number in 15..20 {
        let line = number.to_string();
        writer.write(format!("{line}\n").as_bytes());
        assert_eq!(follower.line().unwrap(), line.as_bytes());
    }
    writer.stdin = None;
    assert_eq!(writer.end().code, 0);
    follower.signal(Signal::INT);
    let done = follower.end();
    assert_eq!(
        (done.code, done.stdout.as_slice(), done.stderr.as_str()),
        (130, &b""[..], "")
    );
}

#[test]
fn a_follower_lives_across_the_death_of_writers() {
    let store = Store::new();
    store.append("orders", b"0\n");
    let mut follower = Program::start(&["tail", &store.uri(), "orders", "--follow"]);
    assert_eq!(follower.line().unwrap(), b"0");
    for number in 1..6 {
        let line = number.to_string();
        let mut writer = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
        writer.write(format!("{line}\n").as_bytes());
        writer.line().unwrap();
        writer.signal(Signal::KILL);
        assert!(writer.wait().code().is_none());
        assert_eq!(follower.line().unwrap(), line.as_bytes());
    }
    follower.signal(Signal::TERM);
    assert_eq!(follower.end().code, 143);
}

#[test]
fn latest_means_what_comes_after_the_call() {
    let (store, _) = ten();
    let mut follower = Program::start(&[
        "tail",
        &store.uri(),
        "orders",
        "--from",
        "latest",
        "--follow",
        "-n",
        "1",
    ]);
    // Nothing tells when the follower has started, so lines are appended until it sees one.
    let (seen, sees) = std::sync::mpsc::sync_channel(1);
    let reader = walx_utility::spawn::thread("reader", move || {
        seen.send(follower.line().unwrap()).unwrap();
        assert_eq!(follower.end().code, 0);
    });
    let first = (10..1_000).find_map(|number| {
        store.append("orders", format!("{number}\n").as_bytes());
        sees.try_recv().ok()
    });
    let first: u32 = String::from_utf8(first.unwrap()).unwrap().parse().unwrap();
    assert!(first >= 10);
    reader.unwrap().join().unwrap();
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let store = Store::with("durability=os");
    store.append("orders", &[b'\n'; 200_000]);
    let mut program = Program::start(&["tail", &store.uri(), "orders"]);
    program.line().unwrap();
    program.close_stdout();
    let done = program.end();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
}

#[test]
fn output_that_can_not_be_written_is_an_error() {
    let (store, _) = ten();
    let mut command = command(&["tail", &store.uri(), "orders"]);
    command.stdout(
        std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap(),
    );
    let done = Program::run(command).end();
    assert_eq!(done.code, 1);
    assert!(done.error().contains("No space left"), "{}", done.stderr);
}

#[test]
fn damage_is_told_and_the_exit_code_shows_it() {
    // The log tells of it too, with file and offset; here it is about what the program says.
    let tail = |arguments: &[&str]| {
        let mut command = command(arguments);
        command.env("RUST_LOG", "off");
        Program::run(command).end()
    };
    let store = Store::with("damage=salvage");
    store.append("orders", b"first\nsecond-with-a-pattern\nthird\n");
    flip(store.folder.path(), b"with-a-pattern");
    let done = tail(&["tail", &store.uri(), "orders"]);
    assert_eq!(
        (done.code, done.stdout.as_slice()),
        (9, &b"first\nthird\n"[..]),
        "{}",
        done.stderr
    );
    assert!(
        done.error().starts_with("walx: gap (corrupt)"),
        "{}",
        done.stderr
    );

    let done = tail(&["tail", &store.uri(), "orders", "--output", "json"]);
    assert_eq!((done.code, done.stderr.as_str()), (9, ""));
    let text = String::from_utf8(done.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (lines.len(), &lines[1]["gap"]["reason"]),
        (3, &"corrupt".into())
    );

    let strict = store.uri().replace("salvage", "strict");
    let done = tail(&["tail", &strict, "orders"]);
    // The store refuses at once, or where the damage is.
    assert_eq!(done.code, 9, "{}", done.stderr);
    assert!(b"first\n".starts_with(&done.stdout));
    assert!(
        done.error().starts_with("walx: corrupt: "),
        "{}",
        done.stderr
    );
}

#[test]
fn the_log_leaves_what_salvage_finds_to_the_program() {
    let store = Store::with("damage=salvage");
    store.append("orders", b"first\nsecond-with-a-pattern\nthird\n");
    flip(store.folder.path(), b"with-a-pattern");
    let done = Program::run(command(&["tail", &store.uri(), "orders"])).end();
    assert_eq!(done.code, 9);
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    assert!(
        done.error().starts_with("walx: gap (corrupt)"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_a_salvaged_log_lost_at_its_end_is_told_and_its_numbers_are_not_given_again() {
    let store = Store::with("segment=8KiB&damage=salvage");
    let numbers = |range: std::ops::Range<u32>| -> String {
        range.map(|number| format!("{number}\n")).collect()
    };
    store.append("orders", numbers(0..1_000).as_bytes());
    store.append("orders", numbers(1_000..1_005).as_bytes());
    let folder = store.folder.path().join("data");
    let segments = std::fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path());
    let last = segments
        .filter(|it| it.extension().is_some_and(|it| it == "wal"))
        .max();
    std::fs::remove_file(last.unwrap()).unwrap();

    let done = run(&["tail", &store.uri(), "orders"], b"");
    assert_eq!(done.code, 9, "{}", done.stderr);
    assert!(done.stderr.contains("gap (corrupt)"), "{}", done.stderr);

    let again = run(&["append", &store.uri(), "orders", "--print-ids"], b"new\n");
    assert_eq!(again.code, 0, "{}", again.stderr);
    let place: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert!(place["lsn"].as_u64().unwrap() >= 1_005, "{place}");
}
