//! What is missing.

use walx_core::{ErrorKind, GapReason, Lsn};

use super::Plant;
use crate::history::tests::script::{id, owner, place};
use crate::history::{Check, Failed, ScanEnd, Start, Stop, What};

pub(super) const PLANTS: &[Plant] = &[
    (
        "an lsn that nobody was told is left out",
        Check::Gap,
        |s, broken| {
            let w = s.open(1);
            let a = s.append(w, 1, 0);
            let b = s.call(w);
            s.forget(b);
            let c = s.append(w, 1, 2);
            let scan = s.scan(w, Start::Earliest, Stop::Never);
            s.deliver(scan, a, 0, 1);
            if !broken {
                s.deliver(scan, b, 1, 1);
            }
            s.deliver(scan, c, 2, 1);
        },
    ),
    (
        "one of two scans at a time leaves a message out",
        Check::Gap,
        |s, broken| {
            let w = s.open(1);
            let scans = [(); 2].map(|()| s.scan(w, Start::Earliest, Stop::Never));
            let [a, b, c] = [(); 3].map(|()| s.call(w));
            for (number, call) in [a, b, c].into_iter().enumerate() {
                s.deliver(scans[0], call, number as u64, 1);
                if !broken || call != b {
                    s.deliver(scans[1], call, number as u64, 1);
                }
            }
        },
    ),
    (
        "the first message is left out where nothing was truncated",
        Check::Gap,
        |s, broken| {
            let w = s.open(1);
            let a = s.call(w);
            s.forget(a);
            let b = s.append(w, 1, 1);
            s.read(
                w,
                if broken {
                    vec![(b, 1, 1)]
                } else {
                    vec![(a, 0, 1), (b, 1, 1)]
                },
            );
        },
    ),
    (
        "a gap of foreign records stands where a message is missing",
        Check::Lost,
        |s, broken| {
            let w = s.open(1);
            let a = s.append(w, 1, 0);
            let b = s.append(w, 1, 1);
            let c = s.append(w, 1, 2);
            let scan = s.scan(w, Start::Earliest, Stop::Tail);
            s.deliver(scan, a, 0, 1);
            if !broken {
                s.deliver(scan, b, 1, 1);
            }
            s.gap(scan, GapReason::Foreign, None);
            s.deliver(scan, c, 2, 1);
            s.end(scan);
        },
    ),
    (
        "foreign records are told to be messages that are missing",
        Check::Told,
        |s, broken| {
            let w = s.open(1);
            let a = s.append(w, 1, 0);
            let scan = s.scan(w, Start::Earliest, Stop::Tail);
            let lsns = broken.then_some((1, 2));
            s.deliver(scan, a, 0, 1);
            s.gap(scan, GapReason::Foreign, lsns);
            s.end(scan);
        },
    ),
    (
        "a loss is told where nothing was damaged",
        Check::Told,
        |s, broken| {
            let w = s.open(1);
            s.append(w, 1, 0);
            let b = s.append(w, 1, 1);
            if !broken {
                s.put(What::Damaged);
            }
            let scan = s.scan(w, Start::Earliest, Stop::Tail);
            s.gap(scan, GapReason::Corrupt, Some((0, 1)));
            s.deliver(scan, b, 1, 1);
            s.end(scan);
        },
    ),
    (
        "a truncation is told where there was none",
        Check::Told,
        |s, broken| {
            let w = s.open(1);
            s.append(w, 1, 0);
            let b = s.append(w, 1, 1);
            if !broken {
                s.truncate(id(0));
            }
            let scan = s.scan(w, Start::Lsn(Lsn::ZERO), Stop::Tail);
            s.gap(scan, GapReason::Truncated, Some((0, 1)));
            s.deliver(scan, b, 1, 1);
            s.end(scan);
        },
    ),
    (
        "more is told to be truncated than there was leave for",
        Check::Told,
        |s, broken| {
            let w = s.open(1);
            let [_, b, c] = [0, 1, 2].map(|lsn| s.append(w, 1, lsn));
            s.truncate(id(0));
            let scan = s.scan(w, Start::Lsn(Lsn::ZERO), Stop::Tail);
            s.gap(
                scan,
                GapReason::Truncated,
                Some((0, if broken { 2 } else { 1 })),
            );
            if !broken {
                s.deliver(scan, b, 1, 1);
            }
            s.deliver(scan, c, 2, 1);
            s.end(scan);
        },
    ),
    (
        "a scan that a truncation overtakes jumps without a word",
        Check::Gap,
        |s, broken| {
            let w = s.open(1);
            let [a, _, c] = [0, 1, 2].map(|lsn| s.append(w, 1, lsn));
            let scan = s.scan(w, Start::Earliest, Stop::Tail);
            s.deliver(scan, a, 0, 1);
            s.truncate(id(1));
            if !broken {
                s.gap(scan, GapReason::Truncated, Some((1, 2)));
            }
            s.deliver(scan, c, 2, 1);
            s.end(scan);
        },
    ),
    (
        "an append overtakes one that failed",
        Check::Overtaken,
        |s, broken| {
            let w = s.open(1);
            let a = s.call(w);
            s.fail(a, ErrorKind::OutcomeUnknown);
            let b = s.call(w);
            if broken {
                s.ack(b, &[place(0, owner(1))]);
            } else {
                s.fail(b, ErrorKind::NotWritten);
            }
        },
    ),
    (
        "a handle goes on behind a hole, and not as a later incarnation",
        Check::Overtaken,
        |s, broken| {
            let w = s.open(1);
            let again = owner(1).reopened();
            for (lsn, (failed, next)) in [(0, (owner(1), again)), (1, (again, again.reopened()))] {
                let a = s.call(w);
                s.fail(a, ErrorKind::NotWritten);
                let b = s.call(w);
                s.ack(
                    b,
                    &[place(lsn, if broken && lsn == 1 { failed } else { next })],
                );
            }
        },
    ),
    (
        "a handle that was fenced goes on",
        Check::Overtaken,
        |s, broken| {
            let w = s.open(1);
            let a = s.call(w);
            s.fail(
                a,
                if broken {
                    ErrorKind::Fenced
                } else {
                    ErrorKind::TooLarge
                },
            );
            s.append(w, 1, 0);
        },
    ),
    ("a closed handle appends", Check::Overtaken, |s, broken| {
        let w = s.open(1);
        let handle = w;
        let call = s.put(What::CloseCalled { handle });
        if !broken {
            s.append(w, 1, 0);
        }
        let answer = Ok(());
        s.put(What::CloseAnswered { call, answer });
        if broken {
            s.append(w, 1, 0);
        }
    }),
    (
        "what was truncated is delivered",
        Check::Truncated,
        |s, broken| {
            let w = s.open(1);
            let all = [0, 1, 2].map(|lsn| (s.append(w, 1, lsn), lsn, 1));
            s.truncate_through(Some(w), id(1));
            s.read(w, if broken { &all[1..] } else { &all[2..] });
        },
    ),
    (
        "a reader gets what was truncated through the store",
        Check::Truncated,
        |s, broken| {
            let w = s.open(1);
            let all = [0, 1, 2].map(|lsn| (s.append(w, 1, lsn), lsn, 1));
            s.truncate(id(1));
            let next = s.open(2);
            s.read(next, if broken { &all[1..] } else { &all[2..] });
        },
    ),
    (
        "a scan ends with a lost position where nothing was truncated",
        Check::Told,
        |s, broken| {
            let w = s.open(1);
            s.append(w, 1, 0);
            if !broken {
                s.truncate(id(0));
            }
            let scan = s.scan(w, Start::Lsn(Lsn::ZERO), Stop::Tail);
            let kind = ErrorKind::PositionLost { earliest: None };
            let unknown = false;
            let end = ScanEnd::Failed(Failed { kind, unknown });
            s.put(What::ScanEnded { scan, end });
        },
    ),
    (
        "an open finds a sound log damaged",
        Check::Told,
        |s, broken| {
            let w = s.open(1);
            s.append(w, 1, 0);
            if !broken {
                s.put(What::Damaged);
            }
            let call = s.open_called(true);
            let kind = ErrorKind::Corrupt;
            let unknown = false;
            let answer = Err(Failed { kind, unknown });
            s.put(What::OpenAnswered { call, answer });
        },
    ),
];
