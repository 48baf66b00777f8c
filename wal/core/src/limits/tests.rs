use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

fn limits(bytes: usize) -> Limits {
    Category::ALL
        .into_iter()
        .fold(Limits::new(), |it, each| it.with_limit(each, bytes))
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn charge(reserve: &mut Reserve) -> Option<Charge> {
    match poll(reserve) {
        Poll::Ready(charge) => Some(charge),
        Poll::Pending => None,
    }
}

#[test]
fn a_charge_is_given_back_when_it_is_dropped() {
    let limits = limits(10);
    let first = limits.try_charge(Category::Cache, 6).unwrap();
    assert!(limits.try_charge(Category::Cache, 5).is_none());
    assert!(first.try_grow(4) && !first.try_grow(1));
    first.shrink(7);
    assert_eq!((first.bytes(), limits.used(Category::Cache)), (3, 3));
    first.absorb(limits.charge(Category::Cache, 20));
    assert_eq!((first.bytes(), limits.used(Category::Cache)), (23, 23));
    drop(first);
    assert_eq!(
        limits.snapshot().cache,
        Use {
            used: 0,
            limit: 10,
            waiting: 0
        }
    );
}

#[test]
fn what_can_do_with_less_gets_less() {
    let limits = limits(10);
    let get = |wanted, least| limits.charge_up_to(Category::ReadAhead, wanted, least);
    let (all, rest) = (get(6, 2), get(6, 2));
    assert_eq!((all.bytes(), rest.bytes()), (6, 4));
    assert_eq!((get(6, 2).bytes(), get(1, 2).bytes()), (2, 1));
}

#[test]
fn only_what_is_in_flight_may_be_larger_than_the_limit_where_nothing_else_is() {
    let limits = limits(10);
    let alone = limits.try_charge(Category::InFlight, 99).unwrap();
    assert!(limits.try_charge(Category::InFlight, 1).is_none());
    assert!(limits.try_charge(Category::Transactions, 11).is_none());
    drop(alone);
    assert!(limits.try_charge(Category::InFlight, 1).is_some());
}

#[test]
fn nobody_overtakes_those_that_wait_and_each_has_room_before_it_runs() {
    let limits = limits(10);
    let first = limits.try_charge(Category::InFlight, 6).unwrap();
    let mut large = limits.reserve(Category::InFlight, 9);
    let mut small = limits.reserve(Category::InFlight, 1);
    assert!(
        limits.try_charge(Category::InFlight, 1).is_none(),
        "it would overtake"
    );
    assert!(charge(&mut large).is_none() && charge(&mut small).is_none());
    assert_eq!(limits.snapshot().in_flight.waiting, 2);
    drop(first);
    assert_eq!(
        limits.used(Category::InFlight),
        10,
        "both have room, though nobody has polled them"
    );
    assert_eq!(charge(&mut small).unwrap().bytes(), 1);
    drop(large);
    assert_eq!(limits.used(Category::InFlight), 0);
}

#[test]
fn who_leaves_the_queue_holds_nobody_up() {
    let limits = limits(10);
    let _held = limits.try_charge(Category::InFlight, 6).unwrap();
    let large = limits.reserve(Category::InFlight, 9);
    let mut small = limits.reserve(Category::InFlight, 4);
    assert!(charge(&mut small).is_none());
    drop(large);
    assert_eq!(charge(&mut small).unwrap().bytes(), 4);
}

#[test]
fn a_higher_limit_lets_those_in_that_wait() {
    let limits = limits(10);
    let _held = limits.try_charge(Category::InFlight, 10).unwrap();
    let mut waits = limits.reserve(Category::InFlight, 5);
    limits.set_limit(Category::InFlight, 14);
    assert!(charge(&mut waits).is_none());
    limits.set_limit(Category::InFlight, 15);
    assert!(charge(&mut waits).is_some());
}

#[test]
fn a_watch_tells_each_change_once_and_several_as_one() {
    let limits = limits(10);
    let mut watch = limits.watch();
    let mut look = || {
        let mut changed = Box::pin(watch.changed());
        match changed
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(now) => Some(now.of(Category::ReadAhead).used),
            Poll::Pending => None,
        }
    };
    assert_eq!((look(), look()), (Some(0), None));
    let first = limits.charge(Category::ReadAhead, 3);
    first.grow(1);
    assert_eq!((look(), look()), (Some(4), None));
    drop(first);
    assert_eq!((look(), look()), (Some(0), None));
}

#[test]
fn no_room_is_lost_and_nobody_waits_for_ever_with_many_threads() {
    let limits = limits(100);
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let limits = &limits;
            scope.spawn(move || {
                for round in 0..2_000 {
                    let bytes = 1 + (thread * 37 + round * 13) % 120;
                    let held = match limits.try_charge(Category::InFlight, bytes) {
                        Some(held) => held,
                        None => wait(limits.reserve(Category::InFlight, bytes)),
                    };
                    assert!(limits.used(Category::InFlight) <= 120);
                    drop(held);
                }
            });
        }
    });
    assert_eq!(
        limits.snapshot().in_flight,
        Use {
            used: 0,
            limit: 100,
            waiting: 0
        }
    );
}

/// Waits on the thread.
fn wait(mut reserve: Reserve) -> Charge {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match pin!(&mut reserve).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(charge) => return charge,
            Poll::Pending => std::thread::park(),
        }
    }
}

proptest! {
    #[test]
    fn the_queue_is_served_in_order_and_the_limit_holds(sizes in prop::collection::vec(0_usize..=10, 1..40)) {
        let limits = limits(10);
        let mut waiting: Vec<_> = sizes.iter().map(|&bytes| limits.reserve(Category::InFlight, bytes)).collect();
        while !waiting.is_empty() {
            prop_assert!(limits.used(Category::InFlight) <= 10);
            let granted = waiting.iter_mut().map(charge).take_while(Option::is_some).count();
            prop_assert!(granted > 0, "the first one has room");
            // Those behind the first one that waits have none either.
            let later = waiting.iter_mut().skip(granted).filter_map(charge).count();
            prop_assert_eq!(later, 0);
            waiting.drain(..granted);
        }
        prop_assert_eq!(limits.used(Category::InFlight), 0);
    }
}
