use super::*;

fn ledger() -> Ledger {
    Ledger::new(2).unwrap()
}

fn ack(ledger: &mut Ledger, lsn: u64) {
    ledger.acknowledge(Acknowledged {
        channel: 0,
        lsn,
        hash: lsn * 7,
        at_ns: 1_000_000,
        took_us: 50,
    });
}

fn deliver(ledger: &mut Ledger, reader: usize, lsn: u64) {
    ledger.deliver(reader, lsn, lsn.wrapping_mul(7), 1_500_000);
}

fn faults(ledger: &Ledger) -> Vec<(u64, u64, u64)> {
    ledger
        .readers
        .iter()
        .map(|reader| (reader.lost, reader.doubled, reader.disordered))
        .collect()
}

#[test]
fn a_clean_run_leaves_no_fault_and_no_place_open() {
    let mut ledger = ledger();
    for lsn in 0..1000 {
        // One scanner is faster than the acknowledgement, one slower.
        deliver(&mut ledger, 0, lsn);
        ack(&mut ledger, lsn);
        assert_eq!(ledger.open(), 1);
        deliver(&mut ledger, 1, lsn);
        assert_eq!(ledger.open(), 0);
    }
    ledger.close();
    assert_eq!(faults(&ledger), [(0, 0, 0); 2]);
    assert_eq!(
        (ledger.acknowledged, ledger.readers[0].delivered),
        (1000, 1000)
    );
    assert_eq!(ledger.readers[0].chain, ledger.readers[1].chain);
    assert_eq!(
        (ledger.append_us.len(), ledger.deliver_us.len()),
        (1000, 2000)
    );
    assert_eq!(ledger.deliver_us.value_at_quantile(0.5), 500);
    assert!(ledger.has_reached(1000) && !ledger.has_reached(1001));
}

#[test]
fn what_a_killed_writer_never_acknowledged_is_no_fault() {
    let mut ledger = ledger();
    ack(&mut ledger, 0);
    for reader in 0..2 {
        (0..=2).for_each(|lsn| deliver(&mut ledger, reader, lsn));
    }
    assert_eq!(ledger.open(), 2);
    // The next writer's first acknowledgement: 1 and 2 can't be acknowledged any more.
    ack(&mut ledger, 3);
    assert_eq!(ledger.open(), 1);
    (0..2).for_each(|reader| deliver(&mut ledger, reader, 3));
    ledger.close();
    assert_eq!(faults(&ledger), [(0, 0, 0); 2]);
}

#[test]
fn an_acknowledged_line_that_one_scanner_skips_is_lost_there() {
    let mut ledger = ledger();
    (0..3).for_each(|lsn| ack(&mut ledger, lsn));
    for lsn in [0, 2] {
        deliver(&mut ledger, 0, lsn);
    }
    (0..3).for_each(|lsn| deliver(&mut ledger, 1, lsn));
    assert_eq!(faults(&ledger), [(1, 0, 0), (0, 0, 0)]);
    assert_ne!(ledger.readers[0].chain, ledger.readers[1].chain);
}

#[test]
fn an_acknowledged_line_that_never_comes_is_lost_at_the_end() {
    let mut ledger = ledger();
    ack(&mut ledger, 0);
    deliver(&mut ledger, 0, 0);
    assert_eq!(faults(&ledger), [(0, 0, 0); 2]);
    ledger.close();
    assert_eq!(faults(&ledger), [(0, 0, 0), (1, 0, 0)]);
}

#[test]
fn other_bytes_than_those_acknowledged_are_a_loss() {
    let mut ledger = ledger();
    ack(&mut ledger, 0);
    ledger.deliver(0, 0, 99, 0);
    ledger.deliver(1, 0, 0, 0);
    // The delivery may also come before the acknowledgement.
    ledger.deliver(0, 1, 7, 0);
    ledger.deliver(1, 1, 99, 0);
    ack(&mut ledger, 1);
    ledger.close();
    assert_eq!(faults(&ledger), [(1, 0, 0), (1, 0, 0)]);
}

#[test]
fn doubles_and_disorder_are_told_apart() {
    let mut ledger = ledger();
    for lsn in [0, 0, 2, 1, 1, 3] {
        deliver(&mut ledger, 0, lsn);
    }
    assert_eq!(faults(&ledger)[0], (0, 2, 1));
    ack(&mut ledger, 5);
    ack(&mut ledger, 5);
    ack(&mut ledger, 4);
    assert_eq!(ledger.acknowledged_again, 2);
}

#[test]
fn a_scanner_that_ended_holds_nothing_up_and_loses_what_comes() {
    let mut ledger = ledger();
    ledger.end(1, Some("closed".to_owned()));
    for lsn in 0..10 {
        ack(&mut ledger, lsn);
        deliver(&mut ledger, 0, lsn);
    }
    assert_eq!(ledger.open(), 0);
    assert!(ledger.has_reached(10));
    assert_eq!(faults(&ledger), [(0, 0, 0), (10, 0, 0)]);
}

#[test]
fn memory_is_bounded_even_if_a_scanner_stands_still() {
    let mut ledger = ledger();
    for lsn in 0..MAX_OPEN as u64 + 10 {
        ack(&mut ledger, lsn);
    }
    assert_eq!(ledger.open(), MAX_OPEN);
    assert_eq!(faults(&ledger), [(10, 0, 0); 2]);
    deliver(&mut ledger, 0, u64::MAX - 1);
    assert!(ledger.open() <= MAX_OPEN && ledger.readers[0].skipped.len() == MAX_SKIPPED);
}
