//! Where it lies, and whose it is.

use walx_core::{ErrorKind, Tick};

use super::Plant;
use crate::history::tests::script::{id, owner, place};
use crate::history::{Check, Key, Start, Stop, What};

pub(super) const PLANTS: &[Plant] = &[
    (
        "two calls change their places",
        Check::Order,
        |s, broken| {
            let w = s.open(1);
            let (a, b) = (s.call(w), s.call(w));
            let (first, second) = if broken { (b, a) } else { (a, b) };
            s.ack(first, &[place(0, owner(1))]);
            s.ack(second, &[place(1, owner(1))]);
            s.read(w, [(first, 0, 1), (second, 1, 1)]);
        },
    ),
    (
        "a scan turns two messages round",
        Check::Order,
        |s, broken| {
            let w = s.open(1);
            let (a, b) = (s.append(w, 1, 0), s.append(w, 1, 1));
            let (there, back) = ([(a, 0, 1), (b, 1, 1)], [(b, 1, 1), (a, 0, 1)]);
            s.read(w, if broken { &back } else { &there });
        },
    ),
    ("a tick falls", Check::Order, |s, broken| {
        let w = s.open(1);
        s.append(w, 1, 0);
        let b = s.call(w);
        let mut second = place(1, owner(1));
        if broken {
            second.tick = Tick::from_unix_ms(3);
        }
        s.ack(b, &[second]);
    }),
    (
        "another message lies within a batch",
        Check::Order,
        |s, broken| {
            let w = s.open(1);
            let other = s.call_in(w, None, &[None]);
            let batch = s.call_in(w, None, &[None, None]);
            s.put(What::AppendTaken { call: batch });
            s.put(What::AppendTaken { call: other });
            let (last, between) = if broken { (2, 1) } else { (1, 2) };
            s.ack(batch, &[place(0, owner(1)), place(last, owner(1))]);
            s.ack(other, &[place(between, owner(1))]);
        },
    ),
    (
        "an owner that was overtaken is acknowledged",
        Check::TwoOwners,
        |s, broken| {
            let w = s.open(1);
            s.open(2);
            let a = s.call(w);
            if broken {
                s.ack(a, &[place(0, owner(1))]);
            } else {
                s.fail(a, ErrorKind::Fenced);
            }
        },
    ),
    (
        "a smaller owner writes behind a larger one in another process",
        Check::TwoOwners,
        |s, broken| {
            let (first, second) = if broken { (1, 0) } else { (0, 1) };
            s.process(1);
            let w = s.open(1);
            s.append(w, 1, first);
            s.process(2);
            let w = s.open(2);
            s.append(w, 2, second);
        },
    ),
    (
        "two opens answer the same owner",
        Check::TwoOwners,
        |s, broken| {
            s.process(1);
            s.open(1);
            s.process(2);
            s.open(if broken { 1 } else { 2 });
        },
    ),
    (
        "an open answers a smaller owner than the one before",
        Check::TwoOwners,
        |s, broken| {
            s.open(2);
            s.open(if broken { 1 } else { 3 });
        },
    ),
    (
        "a message is delivered with another id",
        Check::Place,
        |s, broken| {
            let w = s.open(1);
            let a = s.append(w, 1, 0);
            let scan = s.scan(w, Start::Earliest, Stop::Tail);
            let mut found = place(0, owner(1));
            if broken {
                found.id = id(5);
            }
            s.deliver_at(scan, a, 0, found);
            s.end(scan);
        },
    ),
    (
        "a message is delivered with other bytes",
        Check::Place,
        |s, broken| {
            let w = s.open(1);
            let call = s.append(w, 1, 0);
            let scan = s.scan(w, Start::Earliest, Stop::Never);
            s.put(What::Delivered {
                scan,
                key: Some(Key { call, index: 0 }),
                place: place(0, owner(1)),
                digest: if broken { 8 } else { 7 },
                transaction: None,
            });
        },
    ),
    (
        "two messages are acknowledged at one lsn",
        Check::Place,
        |s, broken| {
            let w = s.open(1);
            s.append(w, 1, 0);
            s.append(w, 1, u64::from(!broken));
        },
    ),
    (
        "a message is acknowledged as another owner's",
        Check::Place,
        |s, broken| {
            let w = s.open(1);
            s.append(w, if broken { 3 } else { 1 }, 0);
        },
    ),
    (
        "a batch of two is answered with one place",
        Check::Place,
        |s, broken| {
            let w = s.open(1);
            let batch = s.call_in(w, None, &[None, None]);
            let places = [place(0, owner(1)), place(1, owner(1))];
            s.ack(batch, if broken { &places[..1] } else { &places });
        },
    ),
];
