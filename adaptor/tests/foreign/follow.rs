//! Those that are written while others append, follow, recover and mirror.

use std::time::Duration;

use walx_adaptor::layer::MirrorOption;
use walx_core::{
    Entry, ErrorKind, GapReason, Lsn, Position, Progress, ScanMode, ScanOption, Scanner, Wal,
};
use walx_utility::{clock, random, spawn};

use super::common::pair::Pair;
use super::common::{Rig, message, scan_all, take, within};
use super::{Reader, count, told};

#[tokio::test]
async fn opens_recoveries_and_truncations_pass_over_thousands_of_them() {
    let rig = Rig::new();
    let many = |count| {
        for _ in 0..count {
            rig.foreign("x");
        }
    };
    many(3000);
    let wal = within(rig.open()).await;
    let mut places = Vec::new();
    for i in 0..3 {
        places.push(wal.append(message(i)).await.unwrap());
        many(1500);
    }
    // A recovery reads back over them, to what landed and to its own Barrier.
    rig.faults().unknown_next(true);
    let append = wal.append(message(3));
    many(1500);
    assert_eq!(within(append).await.unwrap().lsn, Lsn::new(3));
    rig.faults().unknown_next(false);
    let append = wal.append(message(4));
    many(1500);
    assert_eq!(within(append).await.unwrap().lsn, Lsn::new(4));
    let described = rig.opener.describe(&rig.channel).await.unwrap();
    assert_eq!(
        (described.tail.lsn, described.earliest),
        (Lsn::new(5), Some(Lsn::ZERO))
    );
    wal.truncate(places[1].id).await.unwrap();
    drop(wal);
    many(3000);

    let wal = within(rig.opener.open(rig.option().with_take_over(true)))
        .await
        .unwrap();
    assert_eq!(
        within(wal.append(message(5))).await.unwrap().lsn,
        Lsn::new(5)
    );
    wal.close().await.unwrap();
    many(3000);
    let described = within(rig.opener.describe(&rig.channel)).await.unwrap();
    assert_eq!(
        (described.tail.lsn, described.earliest),
        (Lsn::new(6), Some(Lsn::new(2)))
    );
    assert!(described.owner.unwrap().released);
    let verified = rig.opener.verify(None, &Progress::default()).await.unwrap();
    assert!(verified.is_sound(), "{verified:?}");
    assert_eq!(verified.channels[0].foreign, 4 * 1500 + 2 * 3000);
    let seen = told(&scan_all(&*rig.reader().await, ScanOption::earliest()).await);
    assert_eq!(
        seen,
        [
            "(1500)", "2", "(1500)", "3", "(3000)", "4", "(3000)", "5", "(3000)"
        ]
        .map(String::from)
    );
}

#[tokio::test]
async fn an_owner_s_scan_tells_what_it_reads_from_the_backend() {
    let rig = Rig::new();
    let wal = rig.open().await;
    wal.append(message(0)).await.unwrap();
    let mut raw = wal
        .scan(ScanOption::earliest().with_foreign(true))
        .await
        .unwrap();
    let mut from_cache = wal.scan(ScanOption::earliest()).await.unwrap();
    assert_eq!(told(&take(&mut raw, 1).await), ["0"]);
    rig.foreign("a");
    assert_eq!(
        told(&take(&mut raw, 1).await),
        ["[a]"],
        "without another append"
    );
    wal.append(message(1)).await.unwrap();
    rig.foreign("b");
    assert_eq!(told(&take(&mut raw, 2).await), ["1", "[b]"]);
    assert_eq!(raw.mode(), ScanMode::CatchUp);
    assert_eq!(told(&take(&mut from_cache, 2).await), ["0", "1"]);
    assert_eq!(
        from_cache.mode(),
        ScanMode::Tailing,
        "its cache knows nothing of them"
    );
    let until_tail = ScanOption::earliest().with_foreign(true);
    assert_eq!(
        told(&scan_all(&*wal, until_tail).await),
        ["0", "[a]", "1", "[b]"]
    );
    let token = raw.token().unwrap();
    let behind = ScanOption::new(Position::Resume(token)).with_foreign(true);
    assert_eq!(told(&scan_all(&*wal, behind).await), ["[b]"]);
    wal.close().await.unwrap();
    let end = within(raw.next_batch(1)).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_reader_that_follows_tells_them_with_the_next_message() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let reader = rig.reader().await;
    wal.append(message(0)).await.unwrap();
    let mut scanner = reader.scan(ScanOption::earliest()).await.unwrap();
    assert_eq!(told(&take(&mut scanner, 1).await), ["0"]);
    for i in 1..20 {
        rig.foreign("x");
        // It waits in the cache from the second round on.
        let waits = clock::timeout(Duration::from_millis(5), scanner.next_batch(1)).await;
        assert!(waits.is_err(), "{waits:?}");
        rig.foreign("y");
        wal.append(message(i)).await.unwrap();
        assert_eq!(
            told(&take(&mut scanner, 2).await),
            ["(2)".to_owned(), i.to_string()]
        );
    }
    assert_eq!(scanner.mode(), ScanMode::Tailing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_meanwhile_each_one_is_told_once() {
    for round in 0..4 {
        let rig = Rig::new();
        let wal = rig.open().await;
        let mut followers = Vec::new();
        for follower in 0..6 {
            let reader = rig.reader().await;
            let raw = follower % 3 == 2;
            let scanner = reader
                .scan(ScanOption::earliest().with_foreign(raw))
                .await
                .unwrap();
            followers.push(spawn::task(async move {
                count_until(scanner, 400, reader).await
            }));
        }
        let mut foreign = 0;
        for i in 0..400 {
            for _ in 0..random::within(0..=2) {
                rig.foreign("x");
                foreign += 1;
            }
            match random::within(0..=40) {
                0 => drop(rig.faults().fail_scan_next(3)),
                1 => clock::sleep(Duration::from_millis(2)).await,
                2 => drop(rig.faults().unknown_next(true)),
                _ => {}
            }
            let append = wal.append(message(i));
            if random::within(0..=3) == 0 {
                append.await.unwrap();
            }
        }
        for (number, follower) in followers.into_iter().enumerate() {
            let counted = within(follower).await.unwrap();
            assert_eq!(counted, foreign, "follower {number} of round {round}");
        }
    }
}

/// How many foreign records a scan tells of before the message with this number at the end, which are in order.
async fn count_until(mut scanner: Box<dyn Scanner>, messages: usize, _reader: Reader) -> u64 {
    let (mut next, mut foreign) = (0, 0);
    while next < messages {
        let max = random::within(1..=50) as usize;
        for entry in scanner.next_batch(max).await.unwrap() {
            match entry {
                Entry::Message(it) => {
                    assert_eq!(it.message.payload, next.to_string());
                    next += 1;
                }
                Entry::Foreign(_) => foreign += 1,
                Entry::Gap(gap) => {
                    assert_eq!(gap.reason, GapReason::Foreign, "{gap}");
                    foreign += count(&gap.detail);
                }
                other => panic!("{other:?}"),
            }
        }
        if random::within(0..=5) == 0 {
            clock::sleep(Duration::from_millis(1)).await;
        }
    }
    foreign
}

#[tokio::test]
async fn a_mirror_has_no_gap_for_them() {
    let pair = Pair::new(MirrorOption::new());
    let wal = pair.open().await;
    for i in 0..20 {
        wal.append(message(i)).await.unwrap();
        pair.first.foreign("x");
        pair.second.foreign("y");
    }
    assert_eq!(pair.check(&wal).await, 20);
    assert_eq!(wal.state().gaps, 0);
    drop(wal);
    // From the backend, where they are told.
    let wal = pair.open().await;
    wal.append(message(20)).await.unwrap();
    assert_eq!(pair.check(&wal).await, 21);
    assert_eq!(wal.state().gaps, 0);
}

#[tokio::test]
async fn an_owner_s_scan_delivers_nothing_before_its_acknowledgement() {
    let rig = Rig::new();
    let option = rig.option().with_append_timeout(Duration::from_millis(100));
    let wal = rig.opener.open(option).await.unwrap();
    let option = ScanOption::earliest().with_foreign(true);
    let mut scanner = wal.scan(option).await.unwrap();
    for round in 0..3 {
        // The backend has it, and its readers elsewhere; the owner hears nothing before it opens again.
        rig.faults().lose_ack_next();
        let append = wal.append(message(round));
        rig.foreign("x");
        let early = clock::timeout(Duration::from_millis(20), scanner.next_batch(1)).await;
        assert!(early.is_err(), "round {round}: {early:?}");
        within(append).await.unwrap();
        assert_eq!(
            told(&take(&mut scanner, 2).await),
            [round.to_string(), "[x]".to_owned()]
        );
    }
}
