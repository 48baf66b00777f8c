//! Order, admission, failure and cancellation of appends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Rig, message, scan_all, texts, within};
use walx_core::{AppendContext, Entry, ErrorKind, Interceptor, Message, Place, ScanOption};
use walx_utility::spawn;

#[tokio::test]
async fn the_order_is_that_of_the_calls_not_of_the_polls() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let first = wal.append(message("a"));
    let second = wal.append(message("b"));
    let (second, first) = (second.await.unwrap(), first.await.unwrap());
    assert_eq!((first.lsn.get(), second.lsn.get()), (0, 1));
    assert!(first.id < second.id && first.tick < second.tick);
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        ["a", "b"]
    );
}

#[tokio::test]
async fn an_unpolled_append_in_the_queue_does_not_block_those_behind_it() {
    let rig = Rig::new();
    let wal = rig
        .opener
        .open(rig.option().with_max_in_flight_bytes(600))
        .await
        .unwrap();
    rig.faults().hold();
    let mut handles: Vec<_> = (0..10).map(|i| wal.append(message(i))).collect();
    let last = handles.pop().unwrap();
    rig.faults().release_all();
    assert_eq!(within(last).await.unwrap().lsn.get(), 9);
    for (i, handle) in handles.into_iter().enumerate() {
        assert_eq!(within(handle).await.unwrap().lsn.get(), i as u64);
    }
}

#[tokio::test]
async fn dropping_an_append_in_the_queue_takes_it_out_and_dropping_a_placed_one_does_not() {
    let rig = Rig::new();
    let wal = rig
        .opener
        .open(rig.option().with_max_in_flight_bytes(300))
        .await
        .unwrap();
    rig.faults().hold();
    let placed = wal.append(message("placed"));
    let waiting = wal.append(message("waiting"));
    let behind = wal.append(message("behind"));
    drop(waiting);
    drop(placed);
    rig.faults().release_all();
    assert_eq!(within(behind).await.unwrap().lsn.get(), 1);
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        ["placed", "behind"]
    );
}

#[tokio::test]
async fn try_append_hands_the_message_back_where_it_would_wait() {
    let rig = Rig::new();
    let wal = rig
        .opener
        .open(rig.option().with_max_in_flight_bytes(300))
        .await
        .unwrap();
    rig.faults().hold();
    let first = wal.try_append(message("first")).unwrap();
    let refused = wal.try_append(message("second")).unwrap_err();
    assert_eq!(refused.message, message("second"));
    assert!(
        matches!(refused.error.kind(), ErrorKind::Overloaded { .. }),
        "{}",
        refused.error
    );
    rig.faults().release_all();
    within(first).await.unwrap();
    within(wal.try_append(refused.message).unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_permit_waits_for_room_in_the_queue_and_its_append_does_not_wait() {
    let rig = Rig::new();
    let wal = rig
        .opener
        .open(rig.option().with_max_in_flight_bytes(1000))
        .await
        .unwrap();
    rig.faults().hold();
    let first = wal.append(message("first"));
    let reserving = spawn::task({
        let wal = wal.clone();
        async move { wal.reserve(700).await }
    });
    tokio::task::yield_now().await;
    let behind = wal.append(message("behind"));
    rig.faults().release_all();
    let permit = within(reserving).await.unwrap().unwrap();
    within(first).await.unwrap();
    // The permit holds its room: what comes behind waits for it.
    let behind_slot = behind;
    let filled = permit.append(message("reserved"));
    within(filled).await.unwrap();
    within(behind_slot).await.unwrap();
    assert_eq!(
        wal.reserve(1001).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    // Dropped permits give their room back.
    for _ in 0..10 {
        drop(within(wal.reserve(700)).await.unwrap());
    }
    let small = within(wal.reserve(3)).await.unwrap();
    assert_eq!(
        small.append(message("too long")).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn a_batch_has_consecutive_places() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let places = wal
        .append_batch(vec![message("a"), message("b"), message("c")])
        .await
        .unwrap();
    assert_eq!(
        places
            .iter()
            .map(|place| place.lsn.get())
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(
        wal.append_batch(Vec::new()).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn after_a_failed_append_nothing_later_is_acknowledged_and_nothing_is_delivered_behind_the_hole()
 {
    let rig = Rig::new();
    let wal = rig.open_without_recovery().await;
    wal.append(message("good")).await.unwrap();
    rig.faults().fail_next(1, ErrorKind::NotWritten);
    let failed = wal.append(message("failed"));
    let behind = wal.append(message("behind"));
    assert_eq!(
        within(failed).await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    assert_eq!(
        within(behind).await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    assert!(!within(wal.unavailable()).await.is_available());
    let later = wal.append(message("later")).await.unwrap_err();
    assert_eq!(later.kind(), ErrorKind::Unavailable);
    assert!(later.to_string().contains("open it anew"), "{later}");
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        ["good"]
    );
}

#[tokio::test]
async fn an_unknown_outcome_is_told_and_nothing_is_written_again() {
    for landed in [false, true] {
        let rig = Rig::new();
        let wal = rig.open_without_recovery().await;
        rig.faults().unknown_next(landed);
        assert_eq!(
            within(wal.append(message("x"))).await.unwrap_err().kind(),
            ErrorKind::OutcomeUnknown
        );
        wal.close().await.unwrap();
        let wal = rig
            .opener
            .open(rig.option().with_take_over(true))
            .await
            .unwrap();
        wal.append(message("y")).await.unwrap();
        let all = texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await);
        assert_eq!(all, if landed { vec!["x", "y"] } else { vec!["y"] });
    }
}

#[tokio::test]
async fn a_fenced_owner_is_never_acknowledged_again() {
    let rig = Rig::new();
    let old = rig.open().await;
    old.append(message("old")).await.unwrap();
    let new = rig
        .other_opener()
        .open(rig.option().with_take_over(true))
        .await
        .unwrap();
    assert_eq!(
        old.append(message("late")).await.unwrap_err().kind(),
        ErrorKind::Fenced
    );
    assert_eq!(
        old.append(message("later")).await.unwrap_err().kind(),
        ErrorKind::Fenced
    );
    assert!(new.owner() > old.owner());
    assert_eq!(new.append(message("new")).await.unwrap().lsn.get(), 1);
    assert_eq!(
        texts(&scan_all(new.as_ref(), ScanOption::earliest()).await),
        ["old", "new"]
    );
}

#[tokio::test]
async fn what_no_record_can_hold_is_refused_before_anything_is_written() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let most = rig.opener.capability().max_record_bytes;
    let too_large = wal
        .append(Message::new(vec![0; most + 1]))
        .await
        .unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::TooLarge);
    let long_key = wal
        .append(message("x").with_idempotency_key(vec![0; 257]))
        .await
        .unwrap_err();
    assert_eq!(long_key.kind(), ErrorKind::InvalidInput);
    let long_name = wal
        .append(message("x").with_property("n".repeat(65_536), "v"))
        .await
        .unwrap_err();
    assert_eq!(long_name.kind(), ErrorKind::InvalidInput);
    // None of them harmed the wal.
    assert_eq!(wal.append(message("fine")).await.unwrap().lsn.get(), 0);
}

#[tokio::test]
async fn scanners_see_a_message_only_once_it_is_confirmed() {
    let rig = Rig::new();
    let wal = rig.open().await;
    wal.append(message("a")).await.unwrap();
    rig.faults().hold();
    let held = wal.append(message("b"));
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        ["a"]
    );
    rig.faults().release_all();
    within(held).await.unwrap();
    let entries = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    assert_eq!(texts(&entries), ["a", "b"]);
    assert!(
        entries
            .iter()
            .all(|entry| matches!(entry, Entry::Message(_)))
    );
}

#[tokio::test]
async fn who_gives_up_in_the_queue_holds_nobody_up() {
    let rig = Rig::new();
    let option = rig.option().with_max_in_flight_bytes(10_000);
    let wal = rig.opener.open(option).await.unwrap();
    let permit = wal.reserve(6_000).await.unwrap();
    // Both are too large to fit beside the permit.
    let reserving = wal.reserve(9_000);
    let given_up = walx_utility::clock::timeout(std::time::Duration::from_millis(1), reserving);
    assert!(given_up.await.is_err());
    drop(wal.append(Message::new(vec![0; 9_000])));
    within(wal.append(message("small"))).await.unwrap();
    within(permit.append(message("reserved"))).await.unwrap();
}

struct Hook {
    before: AtomicUsize,
    ok: AtomicUsize,
    failed: AtomicUsize,
    panics: bool,
}

impl Hook {
    fn new(panics: bool) -> Arc<Self> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Self {
            before: zero(),
            ok: zero(),
            failed: zero(),
            panics,
        })
    }

    fn counts(&self) -> [usize; 3] {
        [&self.before, &self.ok, &self.failed].map(|it| it.load(Ordering::SeqCst))
    }
}

impl Interceptor for Hook {
    fn name(&self) -> &'static str {
        "counts"
    }

    fn before(&self, _context: &AppendContext<'_>, message: &mut Message) -> walx_core::Result<()> {
        self.before.fetch_add(1, Ordering::SeqCst);
        *message = message.clone().with_property("hook", "was here");
        Ok(())
    }

    fn after(&self, _context: &AppendContext<'_>, result: &walx_core::Result<Place>) {
        assert!(!self.panics, "a hook panics");
        let count = if result.is_ok() {
            &self.ok
        } else {
            &self.failed
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn every_message_that_a_hook_saw_coming_it_sees_ending() {
    let rig = Rig::new();
    let hook = Hook::new(false);
    let option = rig
        .option()
        .with_interceptor(hook.clone())
        .with_recovery_timeout(std::time::Duration::ZERO)
        .with_max_in_flight_bytes(1_000);
    let wal = rig.opener.open(option).await.unwrap();
    wal.append(message("a")).await.unwrap();
    // What the hook adds is not the caller's to reserve.
    let permit = wal.reserve(1).await.unwrap();
    permit.append(message("b")).await.unwrap();
    assert_eq!(hook.counts(), [2, 2, 0]);
    rig.faults().fail_next(1, ErrorKind::NotWritten);
    let batch = wal.append_batch(vec![message("c"), message("d"), message("e")]);
    let queued = wal.append(message("f"));
    assert!(within(batch).await.is_err());
    assert!(within(queued).await.is_err());
    assert_eq!(hook.counts(), [6, 2, 4]);
    assert!(wal.append(message("g")).await.is_err());
    wal.close().await.unwrap();
    assert_eq!(
        wal.append(message("h")).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(hook.counts(), [8, 2, 6]);
}

#[tokio::test]
async fn a_hook_that_panics_ends_the_wal_and_leaves_nobody_waiting() {
    let rig = Rig::new();
    let option = rig.option().with_interceptor(Hook::new(true));
    let wal = rig.opener.open(option).await.unwrap();
    // They are durable; who asks is told so, or that it is not known.
    let handles: Vec<_> = (0..2_000).map(|i| wal.append(message(i))).collect();
    let mut unknown = 0;
    for handle in handles {
        unknown += usize::from(within(handle).await.is_err());
    }
    assert!(unknown > 0);
    assert!(!within(wal.unavailable()).await.is_available());
    within(wal.close()).await.unwrap();
}

#[tokio::test]
async fn many_empty_properties_count_against_the_bytes_on_their_way() {
    let rig = Rig::new();
    let option = rig.option().with_max_in_flight_bytes(64 << 10);
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().hold();
    let mut heavy = message("x");
    heavy.properties = (0..10_000).map(|_| ("", "")).collect();
    let first = wal.append(heavy.clone());
    let refused = wal.try_append(heavy).unwrap_err();
    assert!(matches!(refused.error.kind(), ErrorKind::Overloaded { .. }));
    rig.faults().release_all();
    within(first).await.unwrap();
}
