use std::collections::{BTreeMap, HashSet};

use walx_utility::random;

use crate::program::{Program, Store};

/// Lines that a life gets; more than it lives to append.
const LINES: u64 = 20_000;

/// The lines of a life: each one once in the world, of any length.
fn lines(life: u64) -> Vec<Vec<u8>> {
    let line = |number| {
        let length = random::within(0..=300) as usize;
        [format!("{life}-{number}-").into_bytes(), vec![b'x'; length]].concat()
    };
    (0..LINES).map(line).collect()
}

#[test]
fn every_printed_lsn_is_there_after_any_kill_with_its_bytes_and_nothing_twice() {
    killed(20, "each");
}

/// The end of a process takes nothing that it had written, synced or not.
#[test]
fn it_is_there_after_a_kill_also_where_a_sync_comes_later_or_never() {
    killed(4, "interval:1s");
    killed(4, "os");
}

fn killed(kills: u64, durability: &str) {
    let store = Store::with(format!("durability={durability}&segment=256KiB"));
    let mut acknowledged = BTreeMap::new();
    let mut given = Vec::new();
    for life in 0..kills {
        let lines = lines(life);
        let mut program = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
        program.feed(
            lines
                .iter()
                .flat_map(|line| [line, &b"\n"[..]].concat())
                .collect(),
        );
        let moment = random::within(0..=3_000);
        let mut acknowledge = |program: &mut Program, number: u64| {
            let Some(id) = program.line() else {
                return false;
            };
            let id: serde_json::Value = serde_json::from_slice(&id).unwrap();
            let before =
                acknowledged.insert(id["lsn"].as_u64().unwrap(), lines[number as usize].clone());
            assert_eq!(before, None, "an lsn was given twice");
            true
        };
        let mut number = 0;
        while number < moment && acknowledge(&mut program, number) {
            number += 1;
        }
        assert_eq!(
            number,
            moment,
            "life {life} ended by itself: {}",
            program.end().stderr
        );
        program.signal(rustix::process::Signal::KILL);
        // What it printed before the kill was acknowledged.
        while acknowledge(&mut program, number) {
            number += 1;
        }
        assert!(program.wait().code().is_none());
        given.push(lines);
    }

    let mut found = Vec::new();
    for (number, line) in store
        .tail("orders", &["--output", "json"])
        .split(|byte| *byte == b'\n')
        .enumerate()
    {
        if !line.is_empty() {
            let record: serde_json::Value = serde_json::from_slice(line).unwrap();
            assert_eq!(record["lsn"], number, "lsns are dense");
            found.push(record["payload"].as_str().unwrap().as_bytes().to_vec());
        }
    }
    assert!(acknowledged.len() > 500, "too few to prove anything");
    for (lsn, line) in &acknowledged {
        assert!(
            found.get(*lsn as usize) == Some(line),
            "lsn {lsn} is lost or changed"
        );
    }
    assert_eq!(
        found.iter().collect::<HashSet<_>>().len(),
        found.len(),
        "a line is there twice"
    );
    // What is there of each life is its beginning, in order.
    let mut rest = &found[..];
    for lines in given {
        let count = rest
            .iter()
            .zip(&lines)
            .take_while(|(found, line)| found == line)
            .count();
        rest = &rest[count..];
    }
    assert!(
        rest.is_empty(),
        "lines are out of order, from lsn {} on",
        found.len() - rest.len()
    );
}
