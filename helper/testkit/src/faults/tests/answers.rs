use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use futures_util::FutureExt;

use super::*;
use crate::faults::Fault;

#[tokio::test]
async fn a_refused_append_does_not_reach_the_backend_nor_do_later_ones() {
    let rig = Rig::new(Plan::quiet()).await;
    let wal = rig.writer().await;
    rig.faults.pass_next(2).refuse_next();
    let calls: Vec<_> = (0..5).map(|number| append(&*wal, number)).collect();
    let mut kinds = Vec::new();
    for call in calls {
        kinds.push(kind(within(call).await));
    }
    let dead = Some(ErrorKind::NotWritten);
    assert_eq!(kinds, [None, None, dead, dead, dead]);
    assert_eq!(rig.stored().await, 2);
    assert_eq!(kind(within(append(&*rig.writer().await, 2)).await), None);
}

#[tokio::test]
async fn a_lost_answer_leaves_those_on_their_way_unknown_and_fails_later_ones() {
    let rig = Rig::new(Plan::quiet()).await;
    let wal = rig.writer().await;
    rig.faults.hold().pass_next(1).lose_ack_next();
    let calls: Vec<_> = (0..4).map(|number| append(&*wal, number)).collect();
    assert_eq!(rig.stored().await, 4);
    rig.faults.release();
    let mut kinds = Vec::new();
    for call in calls {
        kinds.push(kind(within(call).await));
    }
    let lost = Some(ErrorKind::OutcomeUnknown);
    assert_eq!(kinds, [None, lost, lost, lost]);
    assert_eq!(
        kind(within(append(&*wal, 4)).await),
        Some(ErrorKind::NotWritten)
    );
    assert_eq!(rig.stored().await, 4);
}

#[tokio::test]
async fn answers_come_in_order_without_being_polled() {
    let plan = Plan::quiet().with(Fault::Delay, 500).with_seed(3);
    let rig = Rig::new(plan).await;
    let wal = rig.writer().await;
    let first = append(&*wal, 0);
    let mut last = append(&*wal, 0);
    for number in 1..100 {
        last = append(&*wal, number);
    }
    // The last one's answer comes though nobody asks for those before.
    within(last).await.unwrap();
    assert!(first.now_or_never().unwrap().is_ok());
    assert!(rig.faults.injected().len() > 20);
}

#[tokio::test]
async fn a_close_ends_a_hold_and_a_dropped_handle_answers_too() {
    for closes in [true, false] {
        let rig = Rig::new(Plan::quiet()).await;
        let wal = rig.writer().await;
        rig.faults.hold();
        let held: Vec<_> = (0..3).map(|number| append(&*wal, number)).collect();
        if closes {
            within(wal.close()).await.unwrap();
            assert_eq!(
                kind(within(append(&*wal, 9)).await),
                Some(ErrorKind::Closed)
            );
        } else {
            drop(wal);
        }
        for held in held {
            let kind = kind(within(held).await);
            assert!(
                matches!(kind, None | Some(ErrorKind::OutcomeUnknown)),
                "{kind:?}"
            );
        }
    }
}

/// A waker of the caller's: it must not be woken inside of `append`.
struct Watch(AtomicBool);

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_append_that_cuts_the_line_wakes_nobody_under_the_callers_lock() {
    let rig = Rig::new(Plan::quiet().with(Fault::Cut, 1000)).await;
    let calm = Rig::new(Plan::quiet()).await;
    for (rig, cuts) in [(rig, true), (calm, false)] {
        let wal = rig.writer().await;
        let watch = Arc::new(Watch(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&watch));
        let mut scanner = wal
            .scan(walx_impls::Start::Earliest, Default::default())
            .await
            .unwrap();
        assert!(
            scanner
                .poll_batch(&mut Context::from_waker(&waker))
                .is_pending()
        );
        let appended = append(&*wal, 0);
        if cuts {
            assert!(!watch.0.load(Ordering::SeqCst), "woken inside of the call");
        }
        assert_eq!(within(appended).await.is_err(), cuts);
        // On this runtime's one thread nothing else ran before: now the scanner is told.
        while !watch.0.load(Ordering::SeqCst) {
            within(clock::sleep(Duration::from_millis(1))).await;
        }
        let batch = within(std::future::poll_fn(|it| scanner.poll_batch(it))).await;
        assert_eq!(batch.is_err(), cuts, "{batch:?}");
    }
}
