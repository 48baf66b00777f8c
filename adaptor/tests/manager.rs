//! The channels of one node: the largest request counts, and one thing is done at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Rig, message, scan_all, texts, within};
use walx_adaptor::ChannelManager;
use walx_core::{Availability, ChannelName, Error, ErrorKind, OpenOption, ScanOption, Term};
use walx_utility::{clock, spawn};

fn term(term: u64) -> Term {
    Term::new(term)
}

fn at(rig: &Rig, number: u64) -> OpenOption {
    rig.option().with_term(term(number))
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.map(|_| ()).unwrap_err().kind()
}

#[tokio::test]
async fn the_largest_request_counts_and_smaller_ones_are_told_so() {
    let rig = Rig::new();
    let manager = ChannelManager::new(rig.opener.clone());
    let channel = &rig.channel;
    assert_eq!(kind(manager.get(channel, term(1))), ErrorKind::NotFound);
    // Within a term a removal comes behind an open.
    manager.remove(channel, term(1)).await.unwrap();
    assert_eq!(kind(manager.open(at(&rig, 1)).await), ErrorKind::Fenced);
    let wal = manager.open(at(&rig, 2)).await.unwrap();
    assert_eq!(wal.owner().term, term(2));
    assert_eq!(kind(manager.open(at(&rig, 2)).await), ErrorKind::Fenced);
    assert_eq!(
        kind(manager.remove(channel, term(1)).await),
        ErrorKind::Fenced
    );
    assert_eq!(kind(manager.get(channel, term(1))), ErrorKind::Fenced);
    assert_eq!(kind(manager.get(channel, term(3))), ErrorKind::NotFound);
    let got = manager.get(channel, term(2)).unwrap();
    got.append(message("x")).await.unwrap();
    manager.remove(channel, term(2)).await.unwrap();
    assert_eq!(kind(manager.get(channel, term(2))), ErrorKind::NotFound);
    assert_eq!(kind(manager.open(at(&rig, 2)).await), ErrorKind::Fenced);
    assert_eq!(
        wal.append(message("y")).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    let none = manager.open(rig.option()).await;
    assert_eq!(kind(none), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_old_wal_is_closed_before_the_new_one_opens() {
    let rig = Rig::new();
    let manager = ChannelManager::new(rig.opener.clone());
    let old = manager.open(at(&rig, 1)).await.unwrap();
    rig.faults().delay(Duration::from_millis(20));
    let appends: Vec<_> = (0..20).map(|i| old.append(message(i))).collect();
    let new = manager.open(at(&rig, 2)).await.unwrap();
    // What was on its way in the old term is decided, and its owner has released the channel.
    for append in appends {
        append.await.unwrap();
    }
    assert!(matches!(old.availability(), Availability::Closed));
    new.append(message("new")).await.unwrap();
    let all = scan_all(new.as_ref(), ScanOption::earliest()).await;
    assert_eq!(all.len(), 21);
    let [shown] = &manager.list()[..] else {
        panic!("{manager:?}")
    };
    assert_eq!(shown.term, Some(term(2)));
    assert!(matches!(shown.availability, Some(Availability::Available)));
}

#[tokio::test]
async fn nobody_but_the_manager_closes_a_wal_and_dropping_it_changes_nothing() {
    let rig = Rig::new();
    let manager = ChannelManager::new(rig.opener.clone());
    let wal = manager.open(at(&rig, 1)).await.unwrap();
    wal.close().await.unwrap();
    wal.append(message("x")).await.unwrap();
    drop(wal);
    let wal = manager.get(&rig.channel, term(1)).unwrap();
    wal.append(message("y")).await.unwrap();
    let all = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    assert_eq!(texts(&all), ["x", "y"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_on_without_its_future_and_one_that_is_overtaken_is_told() {
    let rig = Rig::new();
    let manager = Arc::new(ChannelManager::new(rig.opener.clone()));
    rig.faults().delay(Duration::from_millis(100));
    let opening = manager.open(at(&rig, 1));
    assert!(
        clock::timeout(Duration::from_millis(10), opening)
            .await
            .is_err()
    );
    assert!(manager.list()[0].changing);
    let waiting = spawn::task({
        let (manager, option) = (Arc::clone(&manager), at(&rig, 3));
        async move { manager.open(option).await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    let last = manager.open(at(&rig, 4)).await.unwrap();
    assert_eq!(last.owner().term, term(4));
    // Whether it was carried out before the next one came is chance; that it is over is told.
    let overtaken = within(waiting).await.unwrap();
    assert!(overtaken.is_ok() || kind(overtaken) == ErrorKind::Fenced);
    assert_eq!(kind(manager.get(&rig.channel, term(3))), ErrorKind::Fenced);
}

#[tokio::test]
async fn an_open_that_fails_is_told_and_a_larger_term_may_try_again() {
    let rig = Rig::new();
    let manager = ChannelManager::new(rig.opener.clone());
    manager.open(at(&rig, 1)).await.unwrap();
    rig.faults().fail_open_next(1_000);
    let error = manager.open(at(&rig, 2)).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    rig.faults().clear();
    assert_eq!(
        kind(manager.get(&rig.channel, term(2))),
        ErrorKind::NotFound
    );
    let shown = manager.list()[0].availability.clone();
    assert!(matches!(shown, Some(Availability::Unavailable(_))));
    manager.open(at(&rig, 3)).await.unwrap();
}

#[tokio::test]
async fn a_wal_that_another_node_has_overtaken_is_not_handed_out() {
    let rig = Rig::new();
    let manager = ChannelManager::new(rig.opener.clone());
    let wal = manager.open(at(&rig, 1)).await.unwrap();
    let elsewhere = ChannelManager::new(rig.other_opener());
    elsewhere.open(at(&rig, 2)).await.unwrap();
    wal.append(message("late")).await.unwrap_err();
    assert_eq!(kind(manager.get(&rig.channel, term(1))), ErrorKind::Fenced);
    manager.open(at(&rig, 3)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_close_ends_everything_in_bounded_time() {
    let rig = Rig::new();
    let manager = Arc::new(ChannelManager::new(rig.opener.clone()));
    let wal = manager.open(at(&rig, 1)).await.unwrap();
    let other = ChannelName::new("other").unwrap();
    rig.store.faults(&other).hold();
    let opening = spawn::task({
        let (manager, other) = (Arc::clone(&manager), other.clone());
        async move {
            let option = OpenOption::new(other).with_term(term(1));
            manager.open(option).await.map(|_| ())
        }
    });
    tokio::task::yield_now().await;
    rig.faults().lose_ack_next();
    let lost = wal.append(message("lost"));
    let asked = clock::now();
    manager.close().await.unwrap();
    manager.close().await.unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(
        within(lost).await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    assert_eq!(kind(within(opening).await.unwrap()), ErrorKind::Closed);
    assert_eq!(kind(manager.open(at(&rig, 2)).await), ErrorKind::Closed);
    assert_eq!(kind(manager.get(&rig.channel, term(1))), ErrorKind::Closed);
    let removed = manager.remove(&rig.channel, term(9)).await;
    assert_eq!(kind(removed), ErrorKind::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_many_at_once_end_with_the_largest() {
    let rig = Rig::new();
    let manager = Arc::new(ChannelManager::new(rig.opener.clone()));
    let asking: Vec<_> = (1..=40)
        .map(|number| {
            let (manager, option) = (Arc::clone(&manager), at(&rig, number));
            spawn::task(async move {
                if number % 3 == 0 {
                    manager.remove(&option.channel, term(number)).await
                } else {
                    manager.open(option).await.map(|_| ())
                }
            })
        })
        .collect();
    for asked in asking {
        let _ = within(asked).await.unwrap();
    }
    let wal = manager.get(&rig.channel, term(40)).unwrap();
    wal.append(message("x")).await.unwrap();
    assert!(!manager.list()[0].changing);
}

#[test]
fn a_request_is_told_where_the_runtime_ends_that_carries_out_the_one_before_it() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let rig = Rig::new();
    let manager = ChannelManager::new(rig.opener.clone());
    rig.faults().hold();
    let shortly = Duration::from_millis(20);
    first.block_on(async {
        let opening = clock::timeout(shortly, manager.open(at(&rig, 1)));
        assert!(opening.await.is_err());
    });
    second.block_on(async {
        let mut opening = std::pin::pin!(manager.open(at(&rig, 2)));
        assert!(clock::timeout(shortly, opening.as_mut()).await.is_err());
        first.shutdown_background();
        assert_eq!(kind(within(opening).await), ErrorKind::Internal);
        rig.faults().clear();
        within(manager.open(at(&rig, 3))).await.unwrap();
    });
}
