//! Reports out of turn, which no broker sends on demand, and the waits of the writer's thread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use walx_utility::{clock, spawn};

use super::super::flights::{Flights, Gate, Trouble, Waiting};

/// Only of the oldest append may be said that it is not in the log.
#[test]
fn a_failure_is_that_of_the_oldest_record_only_where_it_is_about_it() {
    let flights = Flights::new(Gate::Open);
    flights.call(3, true);
    flights.report(0, Ok(7));
    flights.flush();
    flights.report(2, Err(Code::MessageSizeTooLarge));
    let elsewhere = Trouble::Elsewhere(Code::MessageSizeTooLarge);
    assert_eq!(flights.view().trouble, Some(elsewhere));

    let flights = Flights::new(Gate::Open);
    flights.call(2, true);
    flights.report(0, Ok(7));
    flights.report(1, Err(Code::MessageSizeTooLarge));
    let oldest = Trouble::Code(Code::MessageSizeTooLarge);
    assert_eq!(flights.view().trouble, Some(oldest));

    let flights = Flights::new(Gate::Open);
    flights.call(2, true);
    flights.refused(1, Code::UnknownTopic);
    let elsewhere = Trouble::Elsewhere(Code::UnknownTopic);
    assert_eq!(flights.view().trouble, Some(elsewhere));
}

/// Else whoever pauses between two tries tries without a pause from then on.
#[test]
fn a_kick_ends_one_pause_and_the_next_park() {
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);
    let took = |wait: &dyn Fn()| {
        let started = clock::now();
        wait();
        clock::now() - started
    };
    let flights = Flights::new(Gate::Open);
    for _ in 0..2 {
        flights.kick();
        assert!(took(&|| flights.pause(LONG)) < LONG);
        for _ in 0..3 {
            assert!(took(&|| flights.pause(SHORT)) >= SHORT);
        }
    }
    // Who paused may not have looked who kicked.
    assert!(took(&|| flights.park(LONG)) < LONG);
    assert!(took(&|| flights.park(SHORT)) >= SHORT);
    flights.kick();
    assert!(took(&|| flights.park(LONG)) < LONG);
    assert!(took(&|| flights.pause(SHORT)) >= SHORT);
}

/// Somebody's waker whose end uses the writer, on a thread of its own so that the test ends in any case.
struct Uses {
    flights: Arc<Flights>,
    done: SyncSender<()>,
}

impl Wake for Uses {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Uses {
    fn drop(&mut self) {
        let (flights, done) = (Arc::clone(&self.flights), self.done.clone());
        let (sender, used) = sync_channel(1);
        let user = spawn::thread("user", move || {
            flights.kick();
            let _ = sender.send(());
        });
        user.unwrap();
        if used.recv_timeout(Duration::from_secs(5)).is_ok() {
            done.send(()).unwrap();
        }
    }
}

#[test]
fn a_waker_that_is_replaced_ends_without_the_lock() {
    let flights = Flights::new(Gate::Open);
    let era = Arc::clone(flights.era(&mut None));
    let mut waiting = pin!(Waiting::new(&era, flights.call(1, true), 1, false));
    let (sender, done) = sync_channel(1);
    let waker = Waker::from(Arc::new(Uses {
        flights: Arc::clone(&flights),
        done: sender,
    }));
    let first = waiting.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(first.is_pending());
    drop(waker);
    let second = waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(second.is_pending());
    assert!(done.try_recv().is_ok(), "it ended under the lock");
}
