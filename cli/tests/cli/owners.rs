use rustix::process::Signal;

use crate::program::{Program, Store, run};

#[test]
fn a_second_writer_is_refused_and_told_who_the_first_is() {
    let store = Store::new();
    let mut first = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    first.write(b"a\n");
    first.line().unwrap();

    let second = run(&["append", &store.uri(), "orders"], b"b\n");
    assert_eq!(second.code, 4);
    assert!(
        second.error().contains(&first.pid().to_string()),
        "{}",
        second.stderr
    );

    first.write(b"c\n");
    first.line().unwrap();
    first.stdin = None;
    assert_eq!(first.end().code, 0);
    store.append("orders", b"d\n");
    assert_eq!(store.tail("orders", &[]), b"a\nc\nd\n");
}

#[test]
fn a_live_owner_is_not_pushed_out_even_while_it_is_stopped() {
    let store = Store::new();
    let mut first = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    first.write(b"a\n");
    first.line().unwrap();
    first.signal(Signal::STOP);
    let second = run(&["append", &store.uri(), "orders", "--take-over"], b"b\n");
    assert_eq!(second.code, 4, "{}", second.stderr);
    first.signal(Signal::CONT);
    first.write(b"c\n");
    first.line().unwrap();
    first.signal(Signal::KILL);
    assert!(first.wait().code().is_none());

    // After its end nobody needs leave.
    store.append("orders", b"d\n");
    assert_eq!(store.tail("orders", &[]), b"a\nc\nd\n");
}

#[test]
fn followers_of_a_long_log_keep_no_writer_out() {
    let store = Store::with("durability=os");
    store.append(
        "orders",
        &b"a line that makes the log long\n".repeat(100_000),
    );
    let follow = ["--from", "last:1", "--follow"];
    let mut followers: Vec<_> = (0..3)
        .map(|_| Program::start(&[&["tail", &store.uri(), "orders"], &follow[..]].concat()))
        .collect();
    for follower in &mut followers {
        follower.line().unwrap();
    }
    for round in 0..8 {
        let line = format!("{round}\n");
        store.append("orders", line.as_bytes());
        for follower in &mut followers {
            assert_eq!(follower.line().unwrap(), line.trim_end().as_bytes());
        }
    }
}
