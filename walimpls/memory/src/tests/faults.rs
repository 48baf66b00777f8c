//! Each fault switch does what it says.

use super::*;

#[tokio::test]
async fn a_failed_append_is_not_stored_and_ends_its_handle() {
    let mut bed = Bed::new().await;
    bed.faults()
        .pass_next(1)
        .fail_next(2, ErrorKind::Unavailable);
    bed.append(0..1).await;
    assert_eq!(
        bed.wal
            .append(Batch::One(record(1)))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(
        bed.wal
            .append(Batch::One(record(1)))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::NotWritten
    );
    bed.reopen().await;
    assert_eq!(
        bed.wal
            .append(Batch::One(record(1)))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Unavailable
    );
    bed.reopen().await;
    bed.append(2..3).await;
    assert_eq!(bed.seen(Start::Earliest).await, ["0", "2"]);
}

#[tokio::test]
async fn an_unknown_append_has_landed_or_not() {
    let mut bed = Bed::new().await;
    let mut waiting = bed.scan(Start::Earliest).await.unwrap();
    assert!(next(&mut *waiting).now_or_never().is_none());
    bed.faults().unknown_next(true).unknown_next(false);
    for number in 0..2 {
        let error = bed
            .wal
            .append(Batch::One(record(number)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert_eq!(
            bed.wal
                .append(Batch::One(record(9)))
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::NotWritten
        );
        bed.reopen().await;
    }
    assert_eq!(bed.seen(Start::Earliest).await, ["0"]);
}

#[tokio::test]
async fn a_held_append_is_seen_and_answered_when_it_is_released() {
    let bed = Bed::new().await;
    bed.faults().hold();
    let mut appends: Vec<_> = (0..3)
        .map(|number| bed.wal.append(Batch::One(record(number))))
        .collect();
    assert!((&mut appends[0]).now_or_never().is_none());
    assert_eq!(bed.wal.bounds().await.unwrap(), Bounds::default());
    let mut scanner = bed.scan(Start::Earliest).await.unwrap();
    assert!(next(&mut *scanner).now_or_never().is_none());
    bed.faults().release(2);
    assert_eq!(payloads(next(&mut *scanner).await.unwrap()), ["0", "1"]);
    assert!((&mut appends[2]).now_or_never().is_none());
    bed.faults().release_all();
    assert_eq!(appends.pop().unwrap().await.unwrap(), Batch::One(at(2)));
    assert_eq!(appends.pop().unwrap().await.unwrap(), Batch::One(at(1)));
    bed.append(3..4).await;
    assert_eq!(payloads(next(&mut *scanner).await.unwrap()), ["2", "3"]);
}

#[tokio::test]
async fn a_held_append_lands_before_the_next_writer_and_is_never_acknowledged() {
    let mut bed = Bed::new().await;
    bed.faults().hold();
    let held = bed.wal.append(Batch::One(record(0)));
    bed.reopen().await;
    assert_eq!(held.await.unwrap_err().kind(), ErrorKind::Fenced);
    bed.faults().release_all();
    bed.append(1..2).await;
    assert_eq!(bed.seen(Start::Earliest).await, ["0", "1"]);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_append_is_answered_in_its_time_without_being_polled() {
    let bed = Bed::new().await;
    let mut scanner = bed.scan(Start::Earliest).await.unwrap();
    bed.faults().delay(Duration::from_millis(50));
    let start = clock::now();
    let unpolled = bed.wal.append(Batch::One(record(0)));
    assert_eq!(payloads(next(&mut *scanner).await.unwrap()), ["0"]);
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(unpolled.now_or_never().unwrap().unwrap(), Batch::One(at(0)));
    bed.faults().delay(Duration::ZERO);
    bed.append(1..2).await;
    assert_eq!(start.elapsed(), Duration::from_millis(50));
}

#[tokio::test]
async fn a_lost_answer_comes_only_with_the_end_of_the_handle() {
    let mut bed = Bed::new().await;
    bed.faults().lose_ack_next();
    let mut lost = bed.wal.append(Batch::One(record(0)));
    bed.append(1..2).await;
    assert!((&mut lost).now_or_never().is_none());
    assert_eq!(bed.seen(Start::Earliest).await, ["0", "1"]);
    bed.wal.close().await.unwrap();
    assert_eq!(lost.await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    bed.reopen().await;
    assert_eq!(bed.seen(Start::Earliest).await, ["0", "1"]);
}

#[tokio::test]
async fn a_fence_makes_the_writer_powerless() {
    let bed = Bed::new().await;
    bed.append(0..1).await;
    bed.faults().fence();
    assert_eq!(
        bed.wal
            .append(Batch::One(record(1)))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Fenced
    );
    let resumed = bed
        .opener
        .open(&channel(), Claim::Resume(bed.wal.fence_token()))
        .await;
    assert_eq!(resumed.err().unwrap().kind(), ErrorKind::Fenced);
    assert_eq!(bed.seen(Start::Earliest).await, ["0"]);
}

#[tokio::test]
async fn scans_and_opens_fail_as_often_as_asked_for() {
    let bed = Bed::new().await;
    bed.append(0..1).await;
    let mut scanner = bed.scan(Start::After(at(0))).await.unwrap();
    let mut waits = Box::pin(async move { next(&mut *scanner).await });
    assert!((&mut waits).now_or_never().is_none());
    bed.faults().fail_scan_next(1);
    assert_eq!(waits.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(bed.seen(Start::Earliest).await, ["0"]);

    bed.faults().fail_open_next(1);
    let refused = bed.opener.open(&channel(), Claim::TakeOver).await;
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::Unavailable);
    bed.append(1..2).await;
    assert!(bed.opener.open(&channel(), Claim::TakeOver).await.is_ok());
}

#[tokio::test]
async fn what_was_switched_on_and_has_not_happened_can_be_cleared() {
    let bed = Bed::new().await;
    bed.faults().hold();
    let held = bed.wal.append(Batch::One(record(0)));
    bed.faults()
        .fail_next(9, ErrorKind::Unavailable)
        .fail_scan_next(9)
        .fail_open_next(9)
        .clear();
    assert!(held.await.is_ok());
    bed.append(1..2).await;
    assert_eq!(bed.seen(Start::Earliest).await, ["0", "1"]);
    assert!(bed.opener.open(&channel(), Claim::TakeOver).await.is_ok());
}
