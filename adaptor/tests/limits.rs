//! Appends wait for room of their wal, of the budget that wals share, and for the pace of the flow; in one queue, in
//! order, and without a loss.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use common::limited::{ONE, SECOND, all, in_flight, is_overloaded, limits, open, settle};
use common::{Rig, message, scan_all, texts, within};
use walx_core::{
    CacheOption, Category, Entry, ErrorKind, Limits, Message, ScanOption, TransactionOption,
};
use walx_utility::random;

#[tokio::test]
async fn an_append_waits_until_another_wal_gives_room_back_and_nobody_has_to_poll_it() {
    let (a, b, limits) = (Rig::new(), Rig::new(), limits(3 * ONE));
    let first = open(&a, |it| it.with_limits(limits.clone())).await;
    let second = open(&b, |it| it.with_limits(limits.clone())).await;
    a.faults().hold();
    let held: Vec<_> = (0..3).map(|i| first.append(message(i))).collect();
    assert_eq!(in_flight(&limits), (3 * ONE, 0));
    let waits: Vec<_> = (0..3).map(|i| second.append(message(i))).collect();
    let refused = second.try_append(message(9)).unwrap_err();
    assert!(is_overloaded(&refused.error), "{}", refused.error);
    assert_eq!(refused.message, message(9), "it comes back");
    settle().await;
    assert_eq!(in_flight(&limits), (3 * ONE, 1), "each wal waits once");
    assert_eq!(second.tail().await.unwrap().lsn.get(), 0);
    a.faults().release(1);
    within(async {
        while second.tail().await.unwrap().lsn.get() == 0 {
            settle().await;
        }
    })
    .await;
    a.faults().release_all();
    all(held).await;
    let places = all(waits).await;
    assert_eq!(
        places.iter().map(|it| it.lsn.get()).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(in_flight(&limits), (0, 0));
}

#[tokio::test]
async fn a_refusal_says_which_limit_it_is() {
    let (a, b, limits) = (Rig::new(), Rig::new(), limits(2 * ONE));
    let first = open(&a, |it| {
        it.with_limits(limits.clone()).with_max_in_flight_bytes(ONE)
    })
    .await;
    let second = open(&b, |it| it.with_limits(limits.clone())).await;
    a.faults().hold();
    b.faults().hold();
    let _held = (first.append(message(1)), second.append(message(1)));
    let own = first.try_append(message(2)).unwrap_err().error;
    assert!(
        own.to_string().contains("max_in_flight_bytes: 257"),
        "{own}"
    );
    let shared = second.try_append(message(2)).unwrap_err().error;
    assert!(
        shared.to_string().contains("limit in flight: 514"),
        "{shared}"
    );
    a.faults().clear();
    b.faults().clear();
}

#[tokio::test]
async fn what_is_larger_than_the_shared_limit_goes_alone_and_is_not_overtaken_for_ever() {
    let (a, b, limits) = (Rig::new(), Rig::new(), limits(4 * ONE));
    let first = open(&a, |it| it.with_limits(limits.clone())).await;
    let second = open(&b, |it| it.with_limits(limits.clone())).await;
    a.faults().hold();
    let held = first.append(message(1));
    let large = second.append(Message::new(vec![0; 8 * ONE]));
    settle().await;
    // There is room for it, but somebody waits.
    let small = first.append(message(2));
    a.faults().release_all();
    held.await.unwrap();
    within(large).await.unwrap();
    within(small).await.unwrap();
    assert_eq!(in_flight(&limits), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn room_comes_back_from_permits_from_those_that_give_up_and_from_wals_that_end() {
    let (a, b, limits) = (Rig::new(), Rig::new(), limits(2 * ONE));
    let first = open(&a, |it| it.with_limits(limits.clone())).await;
    let second = open(&b, |it| it.with_limits(limits.clone())).await;
    let permit = first.reserve(ONE).await.unwrap();
    assert!(in_flight(&limits).0 > ONE);
    let waits = second.append(message(1));
    let gives_up = second.append(message(2));
    settle().await;
    assert_eq!(in_flight(&limits).1, 1);
    drop((waits, gives_up));
    settle().await;
    assert_eq!(in_flight(&limits).1, 0, "nobody waits any more");
    let waits = second.append(message(3));
    settle().await;
    drop(permit);
    within(waits).await.unwrap();
    assert_eq!(in_flight(&limits), (0, 0));

    let permit = first.reserve(ONE).await.unwrap();
    within(permit.append(message(4))).await.unwrap();
    assert_eq!(in_flight(&limits), (0, 0));

    // What a wal that ends has on its way is nobody's any more, though its handle is still there.
    a.faults().hold();
    let undecided = first.append(message(5));
    let waits = second.append(Message::new(vec![0; ONE]));
    settle().await;
    assert_eq!(in_flight(&limits), (ONE, 1));
    within(first.close()).await.unwrap();
    assert_eq!(
        undecided.await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    within(waits).await.unwrap();
    settle().await;
    assert_eq!(in_flight(&limits), (0, 0));
    drop(first);
    let permit = second.reserve(ONE).await.unwrap();
    within(second.close()).await.unwrap();
    settle().await;
    assert_eq!(
        in_flight(&limits),
        (0, 0),
        "a permit of a closed wal has none"
    );
    drop(permit);
    assert_eq!(in_flight(&limits), (0, 0));
}

#[tokio::test]
async fn a_close_ends_those_that_wait_for_shared_room() {
    let (a, b, limits) = (Rig::new(), Rig::new(), limits(ONE));
    let first = open(&a, |it| it.with_limits(limits.clone())).await;
    let second = open(&b, |it| it.with_limits(limits.clone())).await;
    a.faults().hold();
    let held = first.append(message(1));
    let waits = second.append(message(2));
    settle().await;
    within(second.close()).await.unwrap();
    assert_eq!(waits.await.unwrap_err().kind(), ErrorKind::Closed);
    settle().await;
    assert_eq!(in_flight(&limits), (ONE, 0));
    a.faults().release_all();
    held.await.unwrap();
}

#[tokio::test]
async fn a_higher_limit_lets_those_in_that_wait() {
    let (a, limits) = (Rig::new(), limits(ONE));
    let wal = open(&a, |it| it.with_limits(limits.clone())).await;
    a.faults().hold();
    let appends: Vec<_> = (0..3).map(|i| wal.append(message(i))).collect();
    settle().await;
    assert_eq!(in_flight(&limits), (ONE, 1));
    limits.set_limit(Category::InFlight, 3 * ONE);
    settle().await;
    assert_eq!(in_flight(&limits), (3 * ONE, 0));
    a.faults().release_all();
    all(appends).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_wals_with_little_room_lose_nothing_and_keep_their_order() {
    let limits = limits(10 * ONE);
    let mut tasks = Vec::new();
    for number in 0..6_u64 {
        let limits = limits.clone();
        tasks.push(walx_utility::spawn::task(async move {
            let mut chance = random::Stream::seeded(number);
            let rig = Rig::new();
            let wal = open(&rig, |it| it.with_limits(limits)).await;
            let mut expected = Vec::new();
            for round in 0..40 {
                let mut appends = Vec::new();
                for i in 0..chance.within(1..30) {
                    let text = format!("{round}-{i}");
                    let size = chance.within(0..2000) as usize;
                    match chance.within(0..6) {
                        // It takes its place, or is given up in the queue.
                        0 => drop(wal.append(message("maybe"))),
                        1 => drop(wal.reserve(size)),
                        2 => {
                            let _ = wal.try_append(message("maybe"));
                        }
                        _ => {
                            let message = message(&text).with_property("p", vec![0; size]);
                            appends.push(wal.append(message));
                            expected.push(text);
                        }
                    }
                }
                all(appends).await;
            }
            let mut found = texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await);
            found.retain(|it| it != "maybe");
            assert_eq!(found, expected);
            within(wal.close()).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(in_flight(&limits), (0, 0));
}

#[tokio::test]
async fn messages_of_open_transactions_share_a_budget_among_scans() {
    let (rig, limits) = (Rig::new(), Limits::new());
    let wal = open(&rig, |it| it.with_limits(limits.clone())).await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    for _ in 0..10 {
        let body = Message::new(vec![0; 1000]);
        within(transaction.append(body)).await.unwrap();
    }
    limits.set_limit(Category::Transactions, 15_000);
    let scan = async |option: ScanOption| wal.scan(option).await.unwrap();
    let mut first = scan(ScanOption::earliest()).await;
    let held = |scanner: &mut Box<dyn walx_core::Scanner>| {
        let waker = std::task::Waker::noop();
        let mut next = std::pin::pin!(scanner.next_batch(9));
        let polled = next
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker));
        (polled, limits.used(Category::Transactions))
    };
    let polled = within(async {
        loop {
            settle().await;
            let (polled, used) = held(&mut first);
            if used > 10_000 {
                break polled;
            }
        }
    })
    .await;
    assert!(polled.is_pending());
    let mut second = scan(ScanOption::earliest()).await;
    let error = within(second.next_batch(9)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(
        error.to_string().contains("limit of all scans: 15000"),
        "{error}"
    );
    drop(second);
    // It spills where it may.
    let mut spills = scan(ScanOption::earliest().with_spill(std::env::temp_dir())).await;
    within(transaction.commit()).await.unwrap();
    for scanner in [&mut spills, &mut first] {
        let entries = common::take(scanner, 1).await;
        assert!(
            matches!(&entries[0], Entry::Transaction(it) if it.count() == 10),
            "{entries:?}"
        );
    }
    assert_eq!(limits.used(Category::Transactions), 0);
}

#[tokio::test]
async fn caches_and_what_is_read_ahead_are_charged_and_shrink() {
    let (rig, limits) = (Rig::new(), Limits::new());
    let wal = open(&rig, |it| it.with_limits(limits.clone())).await;
    for i in 0..100 {
        wal.append(Message::new(vec![i; 1000])).await.unwrap();
    }
    let cached = limits.used(Category::Cache);
    assert!(cached > 100_000, "{cached}");
    limits.set_limit(Category::Cache, 50_000);
    wal.append(message(1)).await.unwrap();
    assert!(limits.used(Category::Cache) <= 50_000);

    limits.set_limit(Category::ReadAhead, 5 << 20);
    let reader = |ahead| {
        let option = ScanOption::earliest().with_read_ahead_bytes(ahead);
        async { within(wal.scan(option)).await.unwrap() }
    };
    let mut scanners = Vec::new();
    for expected in [4 << 20, 5 << 20, (5 << 20) + (64 << 10)] {
        scanners.push(reader(4 << 20).await);
        assert_eq!(limits.used(Category::ReadAhead), expected);
    }
    // They go on, however little they may read ahead.
    let entries = common::take(&mut scanners[2], 101).await;
    assert_eq!(entries.len(), 101);
    drop(scanners);
    assert_eq!(limits.used(Category::ReadAhead), 0);
    wal.close().await.unwrap();
    drop(wal);
    let option = rig.option().with_cache(CacheOption::new(1, SECOND));
    rig.opener.open(option).await.unwrap();
}
