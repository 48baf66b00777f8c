//! What a scan hands out.

use walx_core::Lsn;

use super::Plant;
use crate::history::tests::script::{Script, id, mark, owner, place};
use crate::history::{Check, EventId, Start, Stop};

pub(super) const PLANTS: &[Plant] = &[
    (
        "a transaction is delivered in part",
        Check::Transaction,
        |s, broken| {
            transaction(s, true, if broken { &[0] } else { &[0, 1] });
        },
    ),
    (
        "a transaction that was rolled back is delivered",
        Check::Transaction,
        |s, broken| {
            transaction(s, !broken, &[0, 1]);
        },
    ),
    (
        "a transaction is turned round",
        Check::Transaction,
        |s, broken| {
            transaction(s, true, if broken { &[1, 0] } else { &[0, 1] });
        },
    ),
    (
        "a committed transaction is not delivered",
        Check::Transaction,
        |s, broken| {
            let w = s.open(1);
            let t = s.begin(w);
            s.body(w, t, 0);
            s.end_at(t, broken, mark(1));
            s.read(w, []);
        },
    ),
    (
        "a transaction is delivered before its commit",
        Check::Transaction,
        |s, broken| {
            let w = s.open(1);
            let t = s.begin(w);
            let a = s.body(w, t, 0);
            let scan = s.scan(w, Start::Earliest, Stop::Never);
            if broken {
                s.deliver(scan, a, 0, 1);
            }
            s.end_transaction(t, true);
            if !broken {
                s.deliver(scan, a, 0, 1);
            }
        },
    ),
    (
        "another message stands within a transaction",
        Check::Transaction,
        |s, broken| {
            let w = s.open(1);
            let t = s.begin(w);
            let (a, other, b) = (s.body(w, t, 0), s.append(w, 1, 1), s.body(w, t, 2));
            s.end_transaction(t, true);
            let (apart, whole) = (
                [(a, 0, 1), (other, 1, 1), (b, 2, 1)],
                [(other, 1, 1), (a, 0, 1), (b, 2, 1)],
            );
            s.read(w, if broken { &apart } else { &whole });
        },
    ),
    (
        "a message comes from nowhere",
        Check::Invented,
        |s, broken| {
            let w = s.open(1);
            let a = s.call(w);
            s.forget(a);
            let nobody = EventId {
                process: 9,
                number: 1,
            };
            s.read(w, [(if broken { nobody } else { a }, 0, 1)]);
        },
    ),
    (
        "a message is delivered before it is handed in",
        Check::Invented,
        |s, broken| {
            let w = s.open(1);
            let scan = s.scan(w, Start::Earliest, Stop::Never);
            let next = EventId {
                process: 0,
                number: if broken { 60 } else { 50 },
            };
            if broken {
                s.deliver(scan, next, 0, 1);
            }
            assert_eq!(s.call(w), next);
            if !broken {
                s.deliver(scan, next, 0, 1);
            }
        },
    ),
    (
        "a scan from behind a message delivers it again",
        Check::Range,
        |s, broken| {
            let w = s.open(1);
            let (a, b) = (s.append(w, 1, 0), s.append(w, 1, 1));
            let scan = s.scan(w, Start::After(id(0)), Stop::Tail);
            if broken {
                s.deliver(scan, a, 0, 1);
            }
            s.deliver(scan, b, 1, 1);
            s.end(scan);
        },
    ),
    (
        "a scan goes on behind its end",
        Check::Range,
        |s, broken| {
            let w = s.open(1);
            let (a, b) = (s.append(w, 1, 0), s.append(w, 1, 1));
            let scan = s.scan(w, Start::Earliest, Stop::Lsn(Lsn::ZERO));
            s.deliver(scan, a, 0, 1);
            if broken {
                s.deliver(scan, b, 1, 1);
            }
            s.end(scan);
        },
    ),
    (
        "a scan of what comes delivers what was there",
        Check::Range,
        |s, broken| {
            let w = s.open(1);
            let a = s.append(w, 1, 0);
            let scan = s.scan(
                w,
                if broken {
                    Start::Latest
                } else {
                    Start::Earliest
                },
                Stop::Never,
            );
            s.deliver(scan, a, 0, 1);
        },
    ),
    (
        "a scan delivers another stream",
        Check::Range,
        |s, broken| {
            let w = s.open(1);
            let call = s.call_in(w, None, &[Some("a"), Some("b"), None]);
            s.ack(call, &[0, 1, 2].map(|lsn| place(lsn, owner(1))));
            let scan = s.scan_of(w, Start::Earliest, Stop::Tail, Some("a"));
            for index in [0, 1, 2] {
                if broken || index != 1 {
                    s.deliver_at(scan, call, index, place(u64::from(index), owner(1)));
                }
            }
            s.end(scan);
        },
    ),
];

/// A transaction of two, committed or rolled back, and which of them a scan delivers.
fn transaction(s: &mut Script, commit: bool, delivered: &[usize]) {
    let w = s.open(1);
    let t = s.begin(w);
    let bodies = [s.body(w, t, 0), s.body(w, t, 1)];
    s.end_transaction(t, commit);
    let delivered: Vec<_> = delivered
        .iter()
        .map(|at| (bodies[*at], *at as u64, 1))
        .collect();
    s.read(w, &delivered);
}
