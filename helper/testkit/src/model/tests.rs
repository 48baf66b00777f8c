use walx_core::{
    BackendName, Bounds, Capability, Error, ErrorKind, Fence, Header, Kind, MessageId, Owner,
    Record, Term, Tick, Truncation,
};
use walx_impls::{Batch, Claim, FenceToken, Start, StoredRecord};

use super::Verdict;
use super::log::Log;
use super::scan::Scan;

const NAME: BackendName = BackendName::constant("test");

fn log() -> Log {
    let capability = Capability::new(1 << 20)
        .with_fence(Fence::Native)
        .with_truncation(Truncation::Exact)
        .with_atomic_batch(true);
    let mut log = Log::new(NAME, capability);
    open(&mut log, 0);
    log
}

fn open(log: &mut Log, token: u64) {
    log.opening();
    log.opened(&Claim::TakeOver, FenceToken::from_u64(token))
        .1
        .unwrap();
}

fn id(number: u64) -> MessageId {
    MessageId::from_u64(NAME, number)
}

fn record(number: u64) -> Record {
    let owner = Owner::new(Term::FIRST);
    Record::marker(Header::new(Kind::Data, owner, Tick::from_unix_ms(number)))
}

/// Calls appends of one record each, of which none is answered.
fn call(log: &mut Log, writer: usize, numbers: std::ops::Range<u64>) {
    for number in numbers {
        log.called(writer, &Batch::One(record(number)));
    }
}

fn acknowledge(log: &mut Log, writer: usize, at: usize, number: u64) -> Verdict {
    log.answered((writer, at), 1, &Ok(Batch::One(id(number))))
}

fn fail(log: &mut Log, at: usize, kind: ErrorKind) -> Verdict {
    log.answered((0, at), 1, &Err(Error::new(kind, "a test fails it")))
}

/// A scan that delivers these records.
fn scan(log: &mut Log, start: Start, numbers: &[u64]) -> Verdict {
    let mut scan = Scan::new(log, start);
    scan.answered(log);
    numbers.iter().try_for_each(|number| {
        let (id, record) = (id(*number), record(*number));
        scan.delivers(log, &StoredRecord { id, record })
    })
}

/// Five records, of which all are acknowledged.
fn five() -> Log {
    let mut log = log();
    call(&mut log, 0, 0..5);
    for number in 0..5 {
        acknowledge(&mut log, 0, number as usize, number).unwrap();
    }
    log
}

#[test]
fn a_sound_log_is_never_reproached() {
    let mut log = five();
    for start in [Start::Earliest, Start::Last(9), Start::At(id(0))] {
        scan(&mut log, start, &[0, 1, 2, 3, 4]).unwrap();
    }
    scan(&mut log, Start::After(id(2)), &[3, 4]).unwrap();
    scan(&mut log, Start::Last(2), &[3, 4]).unwrap();
    scan(&mut log, Start::Last(2), &[1, 2, 3, 4]).unwrap();
    let asked = log.ask();
    log.bounds(&asked, Bounds::new(Some(id(0)), Some(id(4))))
        .unwrap();
}

#[test]
fn a_scan_that_skips_repeats_swaps_or_invents_is_wrong() {
    for wrong in [&[0, 2][..], &[1], &[0, 0], &[0, 1, 0], &[2, 1], &[0, 1, 9]] {
        scan(&mut five(), Start::Earliest, wrong).unwrap_err();
    }
    scan(&mut five(), Start::At(id(2)), &[3]).unwrap_err();
    scan(&mut five(), Start::After(id(2)), &[2]).unwrap_err();
    scan(&mut five(), Start::After(id(2)), &[4]).unwrap_err();
    scan(&mut five(), Start::Last(3), &[3]).unwrap_err();
}

#[test]
fn what_was_delivered_or_lies_before_what_was_acknowledged_must_stay() {
    // The second is acknowledged, so the first, of which nobody heard, is there.
    let mut log = log();
    call(&mut log, 0, 0..3);
    acknowledge(&mut log, 0, 1, 1).unwrap();
    scan(&mut log, Start::Earliest, &[1]).unwrap_err();
    // The third was delivered before its answer, and is gone behind a new writer's first record.
    let mut log = five();
    call(&mut log, 0, 5..6);
    scan(&mut log, Start::At(id(4)), &[4, 5]).unwrap();
    open(&mut log, 1);
    call(&mut log, 1, 6..7);
    scan(&mut log, Start::At(id(4)), &[4, 6]).unwrap_err();
}

#[test]
fn nothing_overtakes_a_failure() {
    for kind in [
        ErrorKind::NotWritten,
        ErrorKind::OutcomeUnknown,
        ErrorKind::Unavailable,
    ] {
        let mut log = log();
        call(&mut log, 0, 0..2);
        fail(&mut log, 0, kind).unwrap();
        acknowledge(&mut log, 0, 1, 1).unwrap_err();
    }
    // What is not written never comes; what is unknown may.
    let mut log = log();
    call(&mut log, 0, 0..1);
    fail(&mut log, 0, ErrorKind::NotWritten).unwrap();
    scan(&mut log, Start::Earliest, &[0]).unwrap_err();
    let mut log = self::log();
    call(&mut log, 0, 0..1);
    fail(&mut log, 0, ErrorKind::OutcomeUnknown).unwrap();
    scan(&mut log, Start::Earliest, &[0]).unwrap();
}

#[test]
fn an_older_writer_has_no_say() {
    let mut log = five();
    open(&mut log, 1);
    call(&mut log, 0, 5..6);
    acknowledge(&mut log, 0, 5, 5).unwrap_err();
    // Nor does it land behind the newer one's first record.
    let mut log = five();
    call(&mut log, 0, 5..6);
    open(&mut log, 1);
    call(&mut log, 1, 6..7);
    acknowledge(&mut log, 1, 0, 6).unwrap();
    acknowledge(&mut log, 0, 5, 7).unwrap_err();
    log.opening();
    let stale = Claim::Resume(FenceToken::from_u64(0));
    log.opened(&stale, FenceToken::from_u64(2)).1.unwrap_err();
}

#[test]
fn a_batch_is_never_torn() {
    let mut log = five();
    log.called(0, &Batch::Many(vec![record(5), record(6)]));
    open(&mut log, 1);
    call(&mut log, 1, 7..8);
    scan(&mut log, Start::At(id(4)), &[4, 5, 7]).unwrap_err();
}

#[test]
fn a_truncation_takes_what_it_names_and_no_more() {
    let cut = |at: u64| {
        let mut log = five();
        let cut = log.cutting(id(at), None);
        log.has_cut(cut, &Ok(())).unwrap();
        log
    };
    scan(&mut cut(1), Start::Earliest, &[2, 3]).unwrap();
    scan(&mut cut(1), Start::Earliest, &[1, 2]).unwrap_err();
    scan(&mut cut(1), Start::Earliest, &[3]).unwrap_err();
    for (earliest, right) in [(1, false), (2, true), (3, false)] {
        let log = cut(1);
        let verdict = log.bounds(&log.ask(), Bounds::new(Some(id(earliest)), Some(id(4))));
        assert_eq!(verdict.is_ok(), right, "{earliest}");
    }
    let all = cut(4);
    all.bounds(&all.ask(), Bounds::default()).unwrap_err();
    all.bounds(&all.ask(), Bounds::new(None, Some(id(4))))
        .unwrap();
}

#[test]
fn a_position_is_lost_only_by_a_truncation() {
    let lost = Error::new(
        ErrorKind::PositionLost {
            earliest: Some(id(0)),
        },
        "a test",
    );
    let log = five();
    Scan::new(&log, Start::At(id(2)))
        .ends(&log, &lost, false)
        .unwrap_err();
    let closed = Error::new(ErrorKind::Closed, "a test");
    Scan::new(&log, Start::Earliest)
        .ends(&log, &closed, false)
        .unwrap_err();
    Scan::new(&log, Start::Earliest)
        .ends(&log, &closed, true)
        .unwrap();
}
