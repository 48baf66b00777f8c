//! What is there, once, and stays.

use walx_core::ErrorKind;

use super::Plant;
use crate::history::tests::script::{owner, place};
use crate::history::{Check, Start, Stop, What};

pub(super) const PLANTS: &[Plant] = &[
    (
        "a message in the middle is left out",
        Check::Lost,
        |s, broken| {
            let w = s.open(1);
            let (a, b) = (s.append(w, 1, 0), s.append(w, 1, 1));
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
    ("the last message is left out", Check::Lost, |s, broken| {
        let w = s.open(1);
        let (a, b) = (s.append(w, 1, 0), s.append(w, 1, 1));
        let all = [(a, 0, 1), (b, 1, 1)];
        s.read(w, if broken { &all[..1] } else { &all });
    }),
    (
        "a killed process's message is left out",
        Check::Lost,
        |s, broken| {
            s.process(1);
            let w = s.open(1);
            let a = s.append(w, 1, 0);
            s.process(0);
            s.put(What::Ended { process: 1 });
            let w = s.open_read_only();
            s.read(w, if broken { vec![] } else { vec![(a, 0, 1)] });
        },
    ),
    (
        "a message that is acknowledged only after the next owner opened is left out",
        Check::Lost,
        |s, broken| {
            let w = s.open(1);
            let a = s.call(w);
            let next = s.open(2);
            s.read(next, if broken { vec![] } else { vec![(a, 0, 1)] });
            s.ack(a, &[place(0, owner(1))]);
        },
    ),
    (
        "a scan of what comes leaves a message out",
        Check::Lost,
        |s, broken| {
            let w = s.open(1);
            s.append(w, 1, 0);
            let scan = s.scan(w, Start::Latest, Stop::Never);
            let (b, c) = (s.append(w, 1, 1), s.append(w, 1, 2));
            if !broken {
                s.deliver(scan, b, 1, 1);
            }
            s.deliver(scan, c, 2, 1);
        },
    ),
    (
        "a scan delivers a message twice",
        Check::Doubled,
        |s, broken| {
            let w = s.open(1);
            let a = s.append(w, 1, 0);
            let twice = [(a, 0, 1), (a, 0, 1)];
            s.read(w, if broken { &twice } else { &twice[..1] });
        },
    ),
    (
        "an unknown append lies at two places",
        Check::Doubled,
        |s, broken| {
            let w = s.open(1);
            let a = s.call(w);
            s.fail(a, ErrorKind::OutcomeUnknown);
            s.read(w, [(a, 0, 1)]);
            s.read(w, [(a, u64::from(broken), 1)]);
        },
    ),
    (
        "what a reader saw is gone after a kill",
        Check::Early,
        |s, broken| {
            let reader = s.open_read_only();
            let tail = s.scan(reader, Start::Earliest, Stop::Never);
            s.process(1);
            let w = s.open(1);
            let a = s.call(w);
            s.process(0);
            s.deliver(tail, a, 0, 1);
            s.put(What::Ended { process: 1 });
            let next = s.open(2);
            s.read(next, if broken { vec![] } else { vec![(a, 0, 1)] });
        },
    ),
    (
        "what was not written is delivered",
        Check::NotWritten,
        |s, broken| {
            let w = s.open(1);
            let a = s.call(w);
            let kind = if broken {
                ErrorKind::NotWritten
            } else {
                ErrorKind::OutcomeUnknown
            };
            s.fail(a, kind);
            s.read(w, [(a, 0, 1)]);
        },
    ),
    (
        "what is delivered is then answered as not written",
        Check::NotWritten,
        |s, broken| {
            let w = s.open(1);
            let tail = s.scan(w, Start::Earliest, Stop::Never);
            let a = s.call(w);
            s.deliver(tail, a, 0, 1);
            s.fail(
                a,
                if broken {
                    ErrorKind::NotWritten
                } else {
                    ErrorKind::OutcomeUnknown
                },
            );
        },
    ),
    (
        "an unknown append appears after the next owner's log was read",
        Check::Unknown,
        |s, broken| {
            let w = s.open(1);
            let a = s.call(w);
            s.fail(a, ErrorKind::OutcomeUnknown);
            let next = s.open(2);
            s.read(next, []);
            s.read(next, if broken { vec![(a, 0, 1)] } else { vec![] });
        },
    ),
];
