//! Many readers of a channel in one process cost its backend one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::counting::{Counting, Scans};
use common::{Rig, message, take, texts, within};
use walx_adaptor::adapt_opener;
use walx_core::{
    BackendName, End, Entry, ErrorKind, Lsn, OpenOption, Opener, RoWal, ScanMode, ScanOption,
    Scanner, ScannerInfo, Wal,
};
use walx_utility::spawn::{self, Task};
use walx_utility::{clock, random};

/// A store with an owner, and openers for readers that count their scans.
struct Bed {
    rig: Rig,
    wal: Arc<dyn Wal>,
    scans: Arc<Scans>,
    appended: usize,
}

impl Bed {
    async fn new() -> Self {
        let rig = Rig::new();
        let wal = rig.open().await;
        let mut bed = Self {
            rig,
            wal,
            scans: Arc::default(),
            appended: 0,
        };
        bed.append(3).await;
        bed
    }

    async fn append(&mut self, count: usize) {
        for _ in 0..count {
            self.wal.append(message(self.appended)).await.unwrap();
            self.appended += 1;
        }
    }

    fn opener(&self, named: bool) -> (Arc<dyn Opener>, Arc<AtomicBool>) {
        let away = Arc::<AtomicBool>::default();
        let counting = Counting {
            inner: self.rig.store.opener(),
            scans: Arc::clone(&self.scans),
            named,
            away: Arc::clone(&away),
        };
        let opener = adapt_opener(BackendName::constant("memory"), Arc::new(counting));
        (opener, away)
    }

    fn option(&self) -> OpenOption {
        self.rig.option()
    }
}

/// A scanner in a task of its own, which ends with its wal and gives what was delivered.
fn follow(mut scanner: Box<dyn Scanner>, seen: Arc<AtomicUsize>) -> Task<Vec<String>> {
    spawn::task(async move {
        let mut all = Vec::new();
        loop {
            match scanner.next_batch(100).await {
                Ok(batch) => {
                    all.extend(texts(&batch));
                    seen.store(all.len(), Ordering::SeqCst);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                    return all;
                }
            }
        }
    })
}

/// Waits until each of them has seen so much.
async fn all_see(seen: &[Arc<AtomicUsize>], count: usize) {
    let until = clock::now() + Duration::from_secs(20);
    for one in seen {
        while one.load(Ordering::SeqCst) < count {
            assert!(clock::now() < until, "{one:?} of {count}");
            clock::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_followers_in_eight_wals_cost_one_scan_and_survive_each_other_s_ends() {
    for round in 0..5 {
        let mut bed = Bed::new().await;
        let openers = [bed.opener(true).0, bed.opener(true).0];
        let mut wals = Vec::new();
        for i in 0..8 {
            let wal = openers[i % 2].open_read_only(bed.option()).await.unwrap();
            let mut followers = Vec::new();
            for _ in 0..8 {
                let scanner = wal.scan(ScanOption::earliest()).await.unwrap();
                let seen = Arc::<AtomicUsize>::default();
                followers.push((follow(scanner, Arc::clone(&seen)), seen));
            }
            wals.push((i, wal, followers));
        }
        bed.append(10).await;
        bed.scans.become_open(1).await;

        while !wals.is_empty() {
            let at = random::within(0..=wals.len() as u64 - 1) as usize;
            let (i, wal, followers) = wals.swap_remove(at);
            let (opened, before) = (bed.scans.opened(), bed.appended);
            let seen: Vec<_> = followers.iter().map(|(_, seen)| Arc::clone(seen)).collect();
            all_see(&seen, before).await;
            let closing = spawn::task(async move { wal.close().await });
            bed.append(20).await;
            closing.await.unwrap().unwrap();
            let expected: Vec<_> = (0..bed.appended).map(|n| n.to_string()).collect();
            for (task, _) in followers {
                let all = within(task).await.unwrap();
                assert!(all.len() >= before, "round {round}, wal {i}");
                assert_eq!(all, expected[..all.len()], "round {round}, wal {i}");
            }
            // The others have everything, and nobody went back to the backend for it.
            let rest = wals.iter().flat_map(|(_, _, followers)| followers);
            let seen: Vec<_> = rest.map(|(_, seen)| Arc::clone(seen)).collect();
            all_see(&seen, bed.appended).await;
            bed.scans.become_open(usize::from(!wals.is_empty())).await;
            assert!(bed.scans.opened() <= opened + 1, "round {round}, wal {i}");
        }
        for opener in openers {
            opener.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn closing_an_opener_leaves_the_readers_of_another_one_alone() {
    let mut bed = Bed::new().await;
    let [(first, _), (second, _)] = [bed.opener(true), bed.opener(true)];
    let a = first.open_read_only(bed.option()).await.unwrap();
    let b = second.open_read_only(bed.option()).await.unwrap();
    let mut of_a = a.scan(ScanOption::earliest()).await.unwrap();
    let mut of_b = b.scan(ScanOption::earliest()).await.unwrap();
    take(&mut of_a, 3).await;
    take(&mut of_b, 3).await;
    bed.append(1).await;
    take(&mut of_a, 1).await;
    take(&mut of_b, 1).await;
    bed.scans.become_open(1).await;
    // What the first one's cache had is still delivered, and nothing that comes later.
    bed.append(1).await;
    within(first.close()).await.unwrap();
    bed.append(2).await;
    assert_eq!(texts(&take(&mut of_b, 3).await), ["4", "5", "6"]);
    let mut rest = Vec::new();
    let error = loop {
        match within(of_a.next_batch(10)).await {
            Ok(batch) => rest.extend(texts(&batch)),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(rest.len() <= 1, "{rest:?}");
    drop((of_b, b));
    bed.scans.become_open(0).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_another_handle_takes_over_is_read_by_that_one() {
    let mut bed = Bed::new().await;
    let [(first, _), (second, _)] = [bed.opener(true), bed.opener(true)];
    let a = first.open_read_only(bed.option()).await.unwrap();
    let b = second.open_read_only(bed.option()).await.unwrap();
    let _of_a = a.scan(ScanOption::latest()).await.unwrap();
    let mut of_b = b.scan(ScanOption::earliest()).await.unwrap();
    for count in [3, 2] {
        take(&mut of_b, count).await;
        bed.append(2).await;
    }
    take(&mut of_b, 2).await;
    assert_eq!(of_b.mode(), ScanMode::Tailing);
    let opened = bed.scans.opened();
    bed.scans.slow.store(true, Ordering::SeqCst);
    a.close().await.unwrap();
    bed.append(5).await;
    let expected = ["7", "8", "9", "10", "11"];
    assert_eq!(texts(&take(&mut of_b, 5).await), expected);
    assert_eq!(
        (bed.scans.opened(), of_b.mode()),
        (opened + 1, ScanMode::Tailing)
    );
}

#[tokio::test]
async fn openers_that_don_t_say_which_storage_they_are_share_with_themselves_alone() {
    let mut bed = Bed::new().await;
    let openers = [bed.opener(false).0, bed.opener(false).0];
    let mut readers = Vec::new();
    for i in 0..4 {
        let wal = openers[i % 2].open_read_only(bed.option()).await.unwrap();
        readers.push((wal.scan(ScanOption::earliest()).await.unwrap(), wal));
    }
    for count in [3, 5] {
        for (scanner, _) in &mut readers {
            take(scanner, count).await;
        }
        bed.append(5).await;
    }
    for (scanner, _) in &mut readers {
        take(scanner, 5).await;
    }
    bed.scans.become_open(2).await;
    drop(readers);
    bed.scans.become_open(0).await;
}

#[tokio::test]
async fn a_handle_whose_backend_is_away_does_not_hold_up_the_others() {
    let mut bed = Bed::new().await;
    let [(first, away), (second, _)] = [bed.opener(true), bed.opener(true)];
    let a = first.open_read_only(bed.option()).await.unwrap();
    let b = second.open_read_only(bed.option()).await.unwrap();
    let _of_a = a.scan(ScanOption::earliest()).await.unwrap();
    let mut of_b = b.scan(ScanOption::earliest()).await.unwrap();
    take(&mut of_b, 3).await;
    bed.append(1).await;
    take(&mut of_b, 1).await;
    // The shared reader fails once, and its wal's handle can't open another one.
    away.store(true, Ordering::SeqCst);
    bed.rig.faults().fail_scan_next(1);
    bed.append(5).await;
    assert_eq!(texts(&take(&mut of_b, 5).await), ["4", "5", "6", "7", "8"]);
}

#[tokio::test]
async fn a_reader_outlives_the_runtime_that_its_feed_began_on() {
    let mut bed = Bed::new().await;
    let (opener, _) = bed.opener(true);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (first, option) = (Arc::clone(&opener), bed.option());
    let started = runtime.spawn(async move {
        let wal = first.open_read_only(option.clone()).await.unwrap();
        let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
        take(&mut scanner, 3).await;
        let second = first.open_read_only(option).await.unwrap();
        (second, (wal, scanner))
    });
    let (wal, _kept): (Arc<dyn RoWal>, (Arc<dyn RoWal>, _)) = started.await.unwrap();
    let mut tailing = wal.scan(ScanOption::earliest()).await.unwrap();
    take(&mut tailing, 3).await;
    bed.append(2).await;
    take(&mut tailing, 2).await;
    // One waits in the cache when the feed dies, another one comes later.
    let waiting = spawn::task(async move { take(&mut tailing, 4).await });
    runtime.shutdown_background();
    let mut later = wal.scan(ScanOption::earliest()).await.unwrap();
    take(&mut later, 5).await;
    bed.append(4).await;
    let expected = ["5", "6", "7", "8"];
    assert_eq!(texts(&within(waiting).await.unwrap()), expected);
    assert_eq!(texts(&take(&mut later, 4).await), expected);
    // It finds its way into a cache that is fed again; the scanner that is kept has a scan of its own.
    let until = clock::now() + Duration::from_secs(20);
    while later.mode() != ScanMode::Tailing || bed.scans.open() > 2 {
        assert!(clock::now() < until, "{:?}", later.mode());
        bed.append(1).await;
        take(&mut later, 1).await;
    }
}

#[test]
fn a_runtime_that_nobody_drives_holds_up_no_reader_of_another_one() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let (idle, busy) = (runtime(), runtime());
    let mut bed = busy.block_on(Bed::new());
    let opener = bed.opener(true).0;
    let _kept = idle.block_on(async {
        let wal = opener.open_read_only(bed.option()).await.unwrap();
        let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
        take(&mut scanner, 3).await;
        while scanner.mode() != ScanMode::Tailing {
            drop(bed.wal.append(message(bed.appended)));
            bed.appended += 1;
            take(&mut scanner, 1).await;
            // The feed has a turn.
            tokio::task::yield_now().await;
        }
        (wal, scanner)
    });
    busy.block_on(async {
        let wal = opener.open_read_only(bed.option()).await.unwrap();
        let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
        take(&mut scanner, bed.appended).await;
        bed.append(2).await;
        take(&mut scanner, 2).await;
    });
}

#[tokio::test]
async fn a_truncation_behind_the_back_of_the_shared_reader_is_a_gap_and_not_its_end() {
    let mut bed = Bed::new().await;
    let (opener, _) = bed.opener(true);
    let wal = opener.open_read_only(bed.option()).await.unwrap();
    let option = ScanOption::earliest().on_lost(walx_core::LostPolicy::Gap);
    let mut scanner = wal.scan(option).await.unwrap();
    take(&mut scanner, 3).await;
    // Without a turn of the runtime the readers see nothing of this before it is done.
    let appends: Vec<_> = (3..9).map(|i| bed.wal.append(message(i))).collect();
    let mut places = Vec::new();
    for append in appends {
        places.push(append.await.unwrap());
    }
    bed.appended = 9;
    bed.rig
        .opener
        .truncate(&bed.rig.channel, places[3].id)
        .await
        .unwrap();
    let mut entries = Vec::new();
    while entries
        .iter()
        .filter_map(Entry::message)
        .last()
        .map(|it| it.place.lsn.get())
        != Some(8)
    {
        entries.extend(within(scanner.next_batch(10)).await.unwrap());
    }
    bed.append(2).await;
    assert_eq!(texts(&take(&mut scanner, 2).await), ["9", "10"]);
    bed.scans.become_open(1).await;
}

#[tokio::test]
async fn the_scanners_of_a_channel_are_described_with_their_place_and_lag() {
    let mut bed = Bed::new().await;
    let wal = Arc::clone(&bed.wal);
    bed.append(7).await;
    let opener = Arc::clone(&bed.rig.opener);
    let scanners = async || {
        let described = opener.describe(&bed.rig.channel).await.unwrap();
        let of = |it: &ScannerInfo| (it.mode, it.lsn.map(Lsn::get), it.lag);
        described.scanners.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(scanners().await, []);
    let mut tailing = wal.scan(ScanOption::earliest()).await.unwrap();
    assert_eq!(scanners().await, [(ScanMode::Tailing, None, 10)]);
    take(&mut tailing, 4).await;
    let latest = wal.scan(ScanOption::latest()).await.unwrap();
    let reader = opener.open_read_only(bed.option()).await.unwrap();
    let mut catching_up = reader.scan(ScanOption::earliest()).await.unwrap();
    take(&mut catching_up, 1).await;
    let elsewhere = bed.opener(true).0.open_read_only(bed.option()).await;
    let elsewhere = elsewhere.unwrap().scan(ScanOption::earliest()).await;
    let expected = [
        (ScanMode::Tailing, Some(3), 6),
        (ScanMode::Tailing, None, 0),
        (ScanMode::CatchUp, Some(0), 9),
    ];
    assert_eq!(scanners().await, expected);
    drop((latest, elsewhere));
    take(&mut tailing, 6).await;
    // A scan that has ended, or whose wal has, is no scanner any more.
    reader.close().await.unwrap();
    let mut bounded = wal
        .scan(ScanOption::earliest().until(End::Tail))
        .await
        .unwrap();
    take(&mut bounded, 10).await;
    assert!(within(bounded.next_batch(1)).await.unwrap().is_empty());
    assert_eq!(scanners().await, [(ScanMode::Tailing, Some(9), 0)]);
    drop(tailing);
    assert_eq!(scanners().await, []);
}
