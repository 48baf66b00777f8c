//! Keys, and what a caller expects.

use walx_core::{ErrorKind, Expected, Lsn, Term};

use super::Plant;
use crate::history::Check;
use crate::history::tests::script::{mark, owner, place};

pub(super) const PLANTS: &[Plant] = &[
    ("a key is written twice", Check::Once, |s, broken| {
        let w = s.open(1);
        let (a, b) = (s.call_keyed(w, 1), s.call_keyed(w, 1 + u64::from(!broken)));
        s.ack(a, &[place(0, owner(1))]);
        s.ack(b, &[place(1, owner(1))]);
        s.read(w, [(a, 0, 1), (b, 1, 1)]);
    }),
    (
        "a key is answered with two places",
        Check::Once,
        |s, broken| {
            let w = s.open(1);
            let (a, b) = (s.call_keyed(w, 1), s.call_keyed(w, 1));
            s.ack(a, &[place(0, owner(1))]);
            s.ack(b, &[place(u64::from(broken), owner(1))]);
        },
    ),
    (
        "a key of an append that nobody heard of is written again by the next owner",
        Check::Once,
        |s, broken| {
            let w = s.open(1);
            let a = s.call_keyed(w, 1);
            s.fail(a, ErrorKind::OutcomeUnknown);
            let w = s.open(2);
            let b = s.call_keyed(w, 1);
            match broken {
                true => s.ack(b, &[place(1, owner(2))]),
                false => s.ack(b, &[place(0, owner(1))]),
            }
            match broken {
                true => s.read(w, [(a, 0, 1), (b, 1, 2)]),
                false => s.read(w, [(a, 0, 1)]),
            }
        },
    ),
    (
        "a message that stands for another with its key is lost",
        Check::Lost,
        |s, broken| {
            let w = s.open(1);
            let a = s.call_keyed(w, 1);
            s.forget(a);
            let (b, c) = (s.call_keyed(w, 1), s.append(w, 1, 1));
            s.ack(b, &[place(0, owner(1))]);
            match broken {
                true => s.read(w, [(c, 1, 1)]),
                false => s.read(w, [(a, 0, 1), (c, 1, 1)]),
            }
        },
    ),
    (
        "a key of a transaction that is committed is written again",
        Check::Once,
        |s, broken| {
            let w = s.open(1);
            let t = s.begin(w);
            let a = s.call_with(w, Some(t), vec![crate::history::tests::script::keyed(1)]);
            s.ack(a, &[place(0, owner(1))]);
            s.end_at(t, broken, mark(1));
            let b = s.call_keyed(w, 1);
            s.ack(b, &[place(1, owner(1))]);
        },
    ),
    (
        "a message lies elsewhere than its caller expects",
        Check::Expected,
        |s, broken| {
            let w = s.open(1);
            let a = s.call_if(w, Expected::new().with_lsn(Lsn::new(u64::from(broken))));
            s.ack(a, &[place(0, owner(1))]);
        },
    ),
    (
        "another term wrote than its caller expects",
        Check::Expected,
        |s, broken| {
            let w = s.open(1);
            let term = Term::new(1 + u64::from(broken));
            let a = s.call_if(w, Expected::new().with_term(term));
            s.ack(a, &[place(0, owner(1))]);
        },
    ),
];
