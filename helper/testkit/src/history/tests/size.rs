//! The checks stay fast where a history is long: nothing in them is quadratic.

use walx_core::{GapReason, Lsn};
use walx_utility::clock;

use super::script::{Script, id};
use crate::history::{Check, Checks, Start, Stop, check};

#[test]
fn a_long_history_of_many_scans_holes_and_violations_is_checked_in_seconds() {
    let mut s = Script::default();
    let w = s.open(1);
    let calls: Vec<_> = (0..20_000).map(|lsn| s.append(w, 1, lsn)).collect();
    // Many scans of little, and truncations.
    for lsn in 0..100 {
        let scan = s.scan(
            w,
            Start::Lsn(Lsn::new(10_000 + lsn)),
            Stop::Lsn(Lsn::new(10_000 + lsn)),
        );
        s.deliver(scan, calls[10_000 + lsn as usize], 10_000 + lsn, 1);
        s.end(scan);
        s.truncate(id(lsn));
    }
    // Every second message in a gap.
    let scan = s.scan(w, Start::Lsn(Lsn::new(100)), Stop::Tail);
    for (lsn, call) in (0..).zip(&calls).skip(100) {
        if lsn % 2 == 0 {
            s.gap(scan, GapReason::Lost, Some((lsn, lsn + 1)));
        } else {
            s.deliver(scan, *call, lsn, 1);
        }
    }
    s.end(scan);
    // And every second one lost.
    let scan = s.scan(w, Start::Lsn(Lsn::new(100)), Stop::Tail);
    for (lsn, call) in (0..).zip(&calls).skip(100).step_by(2) {
        s.deliver(scan, *call, lsn, 1);
    }
    s.end(scan);
    let history = s.history();
    assert!(history.events().len() > 90_000);
    let started = clock::now();
    let violations = check(&history, &Checks::all());
    let elapsed = started.elapsed();
    assert!(violations.iter().any(|it| it.check == Check::Lost));
    assert!(violations.iter().all(|it| it.events.len() < 10));
    assert!(elapsed.as_secs() < 20, "{elapsed:?}");
}
