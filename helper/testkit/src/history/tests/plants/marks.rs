//! Commits, rollbacks and points in time.

use walx_core::{ErrorKind, MarkerKind, Tick};

use super::Plant;
use crate::history::tests::script::{Script, mark, owner, place, sent};
use crate::history::{Check, EventId, Sent, Start, Stop};

const COMMIT: MarkerKind = MarkerKind::Commit { count: 1 };
const EXPIRED: MarkerKind = MarkerKind::Rollback { expired: true };

pub(super) const PLANTS: &[Plant] = &[
    (
        "a transaction whose commit was refused is delivered",
        Check::Transaction,
        |s, broken| {
            let (w, t, a) = open(s);
            match broken {
                true => s.end_refused(t, ErrorKind::NotWritten),
                false => s.end_refused(t, ErrorKind::OutcomeUnknown),
            }
            let scan = s.scan(w, Start::Earliest, Stop::Never);
            s.deliver_whole(scan, (0, mark(1)), &[(a, 0)]);
        },
    ),
    (
        "a transaction is delivered elsewhere than at its commit",
        Check::Transaction,
        |s, broken| {
            let (w, t, a) = open(s);
            s.end_at(t, true, mark(1 + u64::from(broken)));
            let scan = s.scan(w, Start::Earliest, Stop::Never);
            s.deliver_whole(scan, (0, mark(1)), &[(a, 0)]);
        },
    ),
    (
        "a scan that starts behind the begin of a transaction forgets it",
        Check::Transaction,
        |s, broken| {
            let (w, t, a) = open(s);
            let b = s.append(w, 1, 1);
            s.end_at(t, true, mark(2));
            let scan = s.scan(w, Start::Tick(place(1, owner(1)).tick), Stop::Tail);
            s.deliver(scan, b, 1, 1);
            if !broken {
                s.deliver_whole(scan, (0, mark(2)), &[(a, 0)]);
            }
            s.end(scan);
        },
    ),
    (
        "a scan goes on behind a commit without it",
        Check::Transaction,
        |s, broken| {
            let (w, t, a) = open(s);
            s.end_at(t, true, mark(1));
            let b = s.append(w, 1, 1);
            let scan = s.scan(w, Start::Earliest, Stop::Never);
            if !broken {
                s.deliver_whole(scan, (0, mark(1)), &[(a, 0)]);
            }
            s.deliver(scan, b, 1, 1);
        },
    ),
    (
        "a transaction is committed behind an exclusive message",
        Check::Transaction,
        |s, broken| {
            let (w, t, _) = open(s);
            let exclusive = Sent {
                exclusive: broken,
                ..sent(None)
            };
            let call = s.call_with(w, None, vec![exclusive]);
            s.ack(call, &[place(1, owner(1))]);
            s.end_at(t, true, mark(2));
        },
    ),
    (
        "a scan of all as it was appended leaves out a message of a transaction",
        Check::Transaction,
        |s, broken| {
            let (w, _, a) = open(s);
            let scan = s.scan_raw(w);
            if !broken {
                s.deliver_in(scan, a, 0, 0);
            }
            s.end(scan);
        },
    ),
    (
        "a commit lies before a message that was appended before it",
        Check::Mark,
        |s, broken| {
            let (w, t, _) = open(s);
            s.append(w, 1, 1);
            s.end_at(t, true, mark(if broken { 1 } else { 2 }));
        },
    ),
    (
        "two transactions are delivered in another order than they lie",
        Check::Mark,
        |s, broken| {
            let w = s.open(1);
            let (t, u) = (s.begin(w), s.begin(w));
            let (a, b) = (s.body(w, t, 0), s.body(w, u, 1));
            s.end_at(t, true, mark(2));
            s.end_at(u, true, mark(3));
            let scan = s.scan(w, Start::Latest, Stop::Never);
            let all = [((0, mark(2)), [(a, 0)]), ((1, mark(3)), [(b, 1)])];
            let order = if broken { [1, 0] } else { [0, 1] };
            for at in order {
                s.deliver_whole(scan, all[at].0, &all[at].1);
            }
        },
    ),
    (
        "two transactions have one number",
        Check::Mark,
        |s, broken| {
            let w = s.open(1);
            let (t, u) = (s.begin(w), s.begin(w));
            let (a, b) = (s.body(w, t, 0), s.body(w, u, 1));
            let scan = s.scan_raw(w);
            s.deliver_in(scan, a, 0, 0);
            s.deliver_in(scan, b, 1, u64::from(!broken));
        },
    ),
    (
        "a transaction goes on behind its end",
        Check::Mark,
        |s, broken| {
            let w = s.open(1);
            let t = s.begin(w);
            let (a, b) = (s.body(w, t, 0), s.body(w, t, 1));
            let scan = s.scan_raw(w);
            s.deliver_in(scan, a, 0, 0);
            if broken {
                s.mark(scan, EXPIRED, mark(1), Some(0));
            }
            s.deliver_in(scan, b, 1, 0);
        },
    ),
    (
        "a commit counts less than there is",
        Check::Mark,
        |s, broken| {
            let w = s.open(1);
            let t = s.begin(w);
            let (a, b) = (s.body(w, t, 0), s.body(w, t, 1));
            s.end_transaction(t, true);
            let scan = s.scan_raw(w);
            s.deliver_in(scan, a, 0, 0);
            s.deliver_in(scan, b, 1, 0);
            let count = 1 + u32::from(!broken);
            s.mark(scan, MarkerKind::Commit { count }, mark(2), Some(0));
        },
    ),
    (
        "a transaction whose commit was acknowledged is rolled back",
        Check::Mark,
        |s, broken| {
            let (w, t, a) = open(s);
            s.end_at(t, true, mark(1));
            let scan = s.scan_raw(w);
            s.deliver_in(scan, a, 0, 0);
            let kind = if broken { EXPIRED } else { COMMIT };
            s.mark(scan, kind, mark(1), Some(0));
        },
    ),
    (
        "a transaction that was given up is committed",
        Check::Mark,
        |s, broken| {
            let (w, t, a) = open(s);
            s.end_transaction(t, !broken);
            let scan = s.scan_raw(w);
            s.deliver_in(scan, a, 0, 0);
            s.mark(scan, COMMIT, mark(1), Some(0));
        },
    ),
    (
        "a point in time lies before a message that was appended before it",
        Check::Mark,
        |s, broken| {
            let w = s.open(1);
            s.append(w, 1, 0);
            s.tick(w, mark(u64::from(!broken)));
        },
    ),
    (
        "a point in time is not delivered",
        Check::Point,
        |s, broken| {
            let w = s.open(1);
            s.tick(w, mark(0));
            let scan = match broken {
                true => s.scan_ticks(w),
                false => s.scan(w, Start::Earliest, Stop::Tail),
            };
            s.end(scan);
        },
    ),
    (
        "the newest tick is before a message that was acknowledged",
        Check::Point,
        |s, broken| {
            let w = s.open(1);
            s.append(w, 1, 0);
            let tick = place(0, owner(1)).tick.get() - u64::from(broken);
            s.newest(w, Some(Tick::new(tick)));
        },
    ),
    (
        "the newest tick is before a commit that was acknowledged",
        Check::Point,
        |s, broken| {
            let (w, t, _) = open(s);
            s.end_at(t, true, mark(1));
            let tick = mark(1).tick.get() - u64::from(broken);
            s.newest(w, Some(Tick::new(tick)));
        },
    ),
    (
        "the newest tick is one that nobody reaches",
        Check::Point,
        |s, broken| {
            let w = s.open(1);
            let a = s.append(w, 1, 0);
            let tick = place(0, owner(1)).tick.get() + u64::from(broken);
            s.newest(w, Some(Tick::new(tick)));
            let scan = s.scan_ticks(w);
            s.deliver(scan, a, 0, 1);
            s.end(scan);
        },
    ),
];

/// An owner, its transaction, and the message in that.
fn open(s: &mut Script) -> (EventId, EventId, EventId) {
    let w = s.open(1);
    let t = s.begin(w);
    let a = s.body(w, t, 0);
    (w, t, a)
}
