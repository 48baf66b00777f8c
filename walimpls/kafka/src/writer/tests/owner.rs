//! Two writers of one channel.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, Producer};
use walx_core::ErrorKind;
use walx_impls::{Appending, Claim, FenceToken, WalImpls};
use walx_utility::{clock, spawn};

use super::bed::{Bed, PATIENCE, Seen, append, append_now, in_time, kind, offset, until};
use crate::config::{KafkaCommit, KafkaFence};

#[tokio::test(flavor = "multi_thread")]
async fn an_older_writer_is_fenced_by_a_newer_one() {
    let bed = Bed::new().await;
    let older = bed.open().await;
    assert_eq!(append_now(&older, 0).await.unwrap(), 1);
    let newer = bed.open().await;
    for number in 1..4 {
        let error = append_now(&older, number).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    }
    assert!(append_now(&newer, 1).await.unwrap() > 1);
    older.close().await.unwrap();
    assert!(append_now(&newer, 2).await.is_ok());
    assert_eq!(bed.lsns().await, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_nothing_of_an_older_writer_is_acknowledged_behind_a_newer_open() {
    let bed = Bed::new().await;
    for _ in 0..3 {
        race(&bed, Duration::ZERO).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_within_a_roll_nor_behind_one() {
    let bed = Bed::with(|config| {
        config.roll.0 = Duration::from_millis(20);
    })
    .await;
    // Opens come at all moments of a transaction of some 50 ms.
    for late in 0..6 {
        race(&bed, Duration::from_millis(9 * late)).await;
    }
}

/// A writer appends as fast as it can, and another one opens: all that is acknowledged lies before the newer one's
/// mark, nothing is answered with an id behind the newer open's answer, and what is called there is `Fenced`.
pub(super) async fn race(bed: &Bed, late: Duration) {
    let older = bed.open().await;
    let before = bed.end().await;
    let (sender, mut calls) = tokio::sync::mpsc::channel::<Appending>(1_000);
    let appending = Arc::clone(&older);
    let caller = spawn::task(async move {
        for number in 0.. {
            if sender.send(append(&appending, number)).await.is_err() {
                break;
            }
        }
    });
    let taken = spawn::task(async move {
        let mut acknowledged = Vec::new();
        while let Some(call) = calls.recv().await {
            match call.await {
                Ok(ids) => acknowledged.push((clock::now(), offset(&ids))),
                Err(error) => return (acknowledged, error),
            }
        }
        panic!("it was never stopped");
    });
    until("some appends", async || bed.end().await > before + 5_000).await;
    clock::sleep(late).await;
    let newer = bed.open().await;
    let opened = clock::now();
    let first = append_now(&newer, 0).await.unwrap();
    let (acknowledged, error) = in_time(taken).await.unwrap();
    in_time(caller).await.unwrap();
    let mark = i64::from_le_bytes(newer.fence_token().bytes()[..8].try_into().unwrap());
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    assert!(mark < first && acknowledged.len() > 1_000);
    assert!(
        acknowledged
            .iter()
            .all(|(at, offset)| *at < opened && *offset < mark)
    );
    let late = append_now(&older, 0).await;
    assert_eq!(kind(late), ErrorKind::Fenced);
    // What is acknowledged is there, and nothing of the older one behind the newer one's mark.
    let seen = bed.see("read_uncommitted").await;
    let writers = |from: i64| {
        seen.iter().filter_map(move |it| match it {
            Seen::Record { offset, writer, .. } if *offset > from => Some(*writer),
            _ => None,
        })
    };
    // Without a fence of the broker's something may be there, which scanners pass over.
    if bed.store.config().fence == KafkaFence::Transaction {
        assert!(writers(mark).all(|writer| writer == mark));
    }
    let there: Vec<_> = seen
        .iter()
        .filter_map(|it| match it {
            Seen::Record { offset, .. } => Some(*offset),
            Seen::Mark(_) => None,
        })
        .collect();
    assert!(
        acknowledged
            .iter()
            .all(|(_, offset)| there.binary_search(offset).is_ok())
    );
    newer.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_writer_is_fenced_between_two_transactions() {
    let bed = Bed::with(|config| config.roll.0 = Duration::from_millis(50)).await;
    let older = bed.open().await;
    append_now(&older, 0).await.unwrap();
    // Its transaction is over, and there is no next one.
    until("a commit", async || bed.committed().await == [0]).await;
    let newer = bed.open().await;
    assert_eq!(kind(append_now(&older, 1).await), ErrorKind::Fenced);
    append_now(&newer, 1).await.unwrap();
    assert_eq!(bed.lsns().await, [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_resumes_again_and_again() {
    let bed = Bed::new().await;
    let mut wal = bed.open().await;
    for number in 0..3 {
        append_now(&wal, number).await.unwrap();
        // Open or closed, with records behind the mark or without.
        if number == 1 {
            wal.close().await.unwrap();
        }
        let resumed = bed.resume(&wal).await.unwrap();
        let former = std::mem::replace(&mut wal, resumed);
        let again = append_now(&former, 99).await;
        assert!(matches!(kind(again), ErrorKind::Fenced | ErrorKind::Closed));
        wal = bed.resume(&wal).await.unwrap();
    }
    assert_eq!(bed.lsns().await, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_token_is_refused_and_disturbs_nobody() {
    let bed = Bed::new().await;
    let first = bed.open().await;
    append_now(&first, 0).await.unwrap();
    let stale = first.fence_token();
    first.close().await.unwrap();
    // It has not appended anything.
    let second = bed.open().await;
    let mut calls = Vec::new();
    for number in 1..4 {
        calls.extend((0..100).map(|at| append(&second, 100 * number + at)));
        let resumed = bed.try_open(Claim::Resume(stale.clone())).await;
        assert_eq!(kind(resumed), ErrorKind::Fenced);
    }
    for call in calls {
        in_time(call).await.unwrap();
    }
    // Nor behind its end.
    second.close().await.unwrap();
    let resumed = bed.try_open(Claim::Resume(stale)).await;
    assert_eq!(kind(resumed), ErrorKind::Fenced);
    bed.resume(&second).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_before_a_topic_was_made_anew_is_stale() {
    let bed = Bed::new().await;
    let first = bed.open().await;
    append_now(&first, 0).await.unwrap();
    first.close().await.unwrap();
    bed.delete_topic().await;
    let resumed = bed.resume(&first).await;
    assert_eq!(kind(resumed), ErrorKind::NotFound);
    // Its mark has the same offset, and its record names it.
    let second = bed.open().await;
    append_now(&second, 0).await.unwrap();
    assert_eq!(kind(bed.resume(&first).await), ErrorKind::Fenced);
    append_now(&second, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strange_token_opens_nothing() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    for token in [
        "",
        "a token that nobody gave",
        "one that is longer than any",
    ] {
        let resumed = bed.try_open(Claim::Resume(FenceToken::new(token))).await;
        assert!(matches!(
            kind(resumed),
            ErrorKind::Fenced | ErrorKind::InvalidInput
        ));
    }
    append_now(&wal, 0).await.unwrap();
}

/// Each of them is a new owner; the last one to answer has the channel.
#[tokio::test(flavor = "multi_thread")]
async fn of_opens_at_once_all_but_the_newest_are_powerless() {
    let bed = Bed::new().await;
    let opens = futures_util::future::join_all((0..4).map(|_| bed.try_open(Claim::TakeOver))).await;
    let opened: Vec<Arc<dyn WalImpls>> = opens
        .into_iter()
        .filter_map(|opened| {
            // Where others came between again and again.
            opened
                .inspect_err(|error| assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"))
                .ok()
        })
        .collect();
    assert!(!opened.is_empty());
    let mut acknowledged = 0;
    for wal in &opened {
        acknowledged += usize::from(append_now(wal, 0).await.is_ok());
    }
    assert!(acknowledged <= 1, "{acknowledged} of {}", opened.len());
    let last = bed.open().await;
    append_now(&last, 1).await.unwrap();
}

/// As of an older owner that resumes: it looked for a newer mark before there was one, fences behind it, and steps back.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_that_is_fenced_behind_its_mark_takes_over_again_before_it_answers() {
    for _ in 0..10 {
        let bed = Bed::new().await;
        let older = bed.open().await;
        append_now(&older, 0).await.unwrap();
        let late: BaseProducer = bed.store.settings.writer(&bed.topic).create().unwrap();
        let (store, channel) = (Arc::clone(&bed.store), bed.channel.clone());
        let opening = spawn::task(async move {
            let open = super::super::open(&store, &channel, Claim::TakeOver);
            open.await
        });
        // The older one's mark, record and abort, and the newer one's mark.
        until("a mark", async || bed.end().await >= 4).await;
        let fenced = spawn::blocking(move || late.init_transactions(PATIENCE));
        fenced.await.unwrap().unwrap();
        if opening.is_finished() {
            // It came behind the open's answer.
            continue;
        }
        let newer = in_time(opening).await.unwrap().unwrap();
        append_now(&newer, 1).await.unwrap();
        assert_eq!(kind(append_now(&older, 2).await), ErrorKind::Fenced);
        assert_eq!(bed.lsns().await, [0, 1]);
        return;
    }
    panic!("the broker was slow ten times");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_that_take_over_at_once_the_later_one_stays() {
    for _ in 0..10 {
        let bed = Bed::new().await;
        append_now(&bed.open().await, 0).await.unwrap();
        let (store, channel) = (Arc::clone(&bed.store), bed.channel.clone());
        let earlier = spawn::task(async move {
            let open = super::super::open(&store, &channel, Claim::TakeOver);
            open.await
        });
        // The older one's mark, record and abort, and the first mark of the earlier one.
        until("a mark", async || bed.end().await >= 4).await;
        let later = bed.open().await;
        match in_time(earlier).await.unwrap() {
            // It had answered before the later one came.
            Ok(_) => continue,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
        append_now(&later, 1).await.unwrap();
        assert_eq!(bed.lsns().await, [0, 1]);
        return;
    }
    panic!("the broker was slow ten times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_interval_of_commits_disturbs_no_open() {
    for ms in [150, 400, 410, 430] {
        let every = KafkaCommit::Interval(Duration::from_millis(ms));
        let bed = Bed::with(|config| config.commit = every).await;
        for lsn in 0..3 {
            append_now(&bed.open().await, lsn).await.unwrap();
        }
        assert_eq!(bed.lsns().await, [0, 1, 2], "each {ms} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_that_is_given_up_leaves_nothing_open() {
    let bed = Bed::new().await;
    for wait in [0, 1, 5, 20, 60, 200] {
        let open = bed.try_open(Claim::TakeOver);
        let _ = clock::timeout(Duration::from_millis(wait), open).await;
    }
    until("all clients gone", async || bed.clients() == 0).await;
    let wal = bed.open().await;
    append_now(&wal, 0).await.unwrap();
}
