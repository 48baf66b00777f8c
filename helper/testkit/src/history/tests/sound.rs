//! Histories of a log that keeps its promises pass, whatever happens to it; with one delivery changed they don't.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::model::{Step, events};
use crate::history::{Check, Checks, Event, EventId, History, What, check};

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(any::<Step>(), 1..120)
}

fn violations(events: Vec<Event>) -> Vec<crate::history::Violation> {
    check(&History::new(events).unwrap(), &Checks::all())
}

/// Where the deliveries stand that have one before and one behind them in their scan.
fn inner(events: &[Event]) -> Vec<usize> {
    let scan = |event: &Event| match event.what {
        What::Delivered { scan, .. } => Some(scan),
        _ => None,
    };
    let has = |events: &[Event], wanted: EventId| events.iter().any(|it| scan(it) == Some(wanted));
    // Of a filtered scan nobody can tell that a message is missing which nobody else saw.
    let whole = |wanted: EventId| {
        let called = events.iter().find(|event| event.id == wanted);
        called.is_some_and(|it| {
            matches!(&it.what, What::ScanCalled { virtual_channels, .. } if virtual_channels.is_empty())
        })
    };
    (0..events.len())
        .filter(|at| {
            scan(&events[*at]).is_some_and(|scan| {
                whole(scan) && has(&events[..*at], scan) && has(&events[at + 1..], scan)
            })
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_that_keeps_its_promises_is_found_to_keep_them(steps in steps()) {
        let found = violations(events(&steps));
        prop_assert!(found.is_empty(), "{}", found[0]);
    }

    #[test]
    fn a_delivery_that_is_left_out_is_found(steps in steps(), pick: prop::sample::Index) {
        let mut events = events(&steps);
        let inner = inner(&events);
        events.remove(inner[pick.index(inner.len())]);
        prop_assert!(!violations(events).is_empty());
    }

    #[test]
    fn a_delivery_that_is_repeated_is_found(steps in steps(), pick: prop::sample::Index) {
        let mut events = events(&steps);
        let inner = inner(&events);
        let at = inner[pick.index(inner.len())];
        let mut again = events[at].clone();
        again.id.number += 1;
        events.insert(at + 1, again);
        let found = violations(events);
        prop_assert!(found.iter().any(|it| it.check == Check::Doubled));
        prop_assert!(found.iter().all(|it| it.events.len() < 9), "{}", found[0]);
    }

    #[test]
    fn deliveries_that_change_their_places_are_found(steps in steps(), pick: prop::sample::Index) {
        let mut events = events(&steps);
        let inner = inner(&events);
        let at = inner[pick.index(inner.len())];
        let What::Delivered { scan, .. } = events[at].what else { unreachable!() };
        let next = (at + 1..events.len())
            .find(|next| matches!(events[*next].what, What::Delivered { scan: other, .. } if other == scan))
            .unwrap();
        let (first, second) = (events[at].what.clone(), events[next].what.clone());
        (events[at].what, events[next].what) = (second, first);
        let found = violations(events);
        prop_assert!(found.iter().any(|it| it.check == Check::Order));
    }

    #[test]
    fn bytes_that_change_are_found(steps in steps(), pick: prop::sample::Index) {
        let mut events = events(&steps);
        let inner = inner(&events);
        let at = inner[pick.index(inner.len())];
        if let What::Delivered { digest, .. } = &mut events[at].what {
            *digest ^= 1;
        }
        let found = violations(events);
        prop_assert!(!found.is_empty() && found.iter().all(|it| it.check == Check::Place));
    }
}

#[test]
fn the_model_does_what_it_is_to_show() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0; 8];
    for _ in 0..200 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let events = events(&steps);
        let counts: [fn(&What) -> bool; 7] = [
            |it| matches!(it, What::Ended { .. }),
            |it| matches!(it, What::Gap { .. }),
            |it| matches!(it, What::After { .. }),
            |it| matches!(it, What::Delivered { .. }),
            |it| matches!(it, What::CloseAnswered { .. }),
            |it| matches!(it, What::TruncateCalled { .. }),
            |it| {
                matches!(
                    it,
                    What::AppendAnswered {
                        answer: crate::history::Appended::Failed(_),
                        ..
                    }
                )
            },
        ];
        for (count, wanted) in seen.iter_mut().zip(counts) {
            *count += events.iter().filter(|event| wanted(&event.what)).count();
        }
        seen[7] += inner(&events).len();
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
}
