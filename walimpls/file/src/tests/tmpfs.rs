//! A real disk that is full: a small tmpfs.

use walx_core::ErrorKind;

use super::full::{DURABILITIES, all_there, eventually};
use super::mounts::Mount;
use super::processes::Writer;
use super::*;

const PAYLOAD: usize = 3_000;

fn payload(number: u64) -> Vec<u8> {
    let mut payload = format!("record {number}").into_bytes();
    payload.resize(PAYLOAD, b'.');
    payload
}

fn config(dir: &Path) -> FileConfig {
    FileConfig::new(dir.join("store")).with_segment(ByteSize(128 << 10))
}

/// Appends a few at a time until they wait: those that do, and how many were acknowledged.
async fn append_until_full(
    mount: &Mount,
    wal: &dyn WalImpls,
    mut next: u64,
) -> (Vec<walx_impls::Appending>, u64) {
    loop {
        let mut appends: Vec<_> = (next..next + 8)
            .map(|number| wal.append(Batch::One(record(number, payload(number)))))
            .collect();
        while !appends.is_empty() {
            match clock::timeout(Duration::from_millis(100), &mut appends[0]).await {
                Ok(outcome) => {
                    assert_eq!(outcome.unwrap(), Batch::One(id(next)));
                    appends.remove(0);
                    next += 1;
                }
                Err(_) if mount.free() < 16 << 10 => return (appends, next),
                Err(_) => {}
            }
        }
    }
}

#[tokio::test]
async fn a_full_disk_holds_appends_until_truncation_makes_room() {
    let test = "tests::tmpfs::a_full_disk_holds_appends_until_truncation_makes_room";
    for durability in DURABILITIES {
        let Some(mount) = Mount::small(test, 4 << 10) else {
            return;
        };
        let config = config(mount.path()).with_durability(durability);
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let (mut acked, mut dropped) = (0, 0);
        for _ in 0..3 {
            let (waiting, there) = append_until_full(&mount, &*wal, acked).await;
            mount.fill(0);
            // Readers here and elsewhere go on, the disk being as full as can be.
            let elsewhere = apart(&config);
            let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
            for reader in [&*wal as &dyn RoWalImpls, &*reader] {
                let got = scan(reader, Start::Earliest, (there - dropped) as usize).await;
                assert_eq!(got.numbers(), (dropped..there).collect::<Vec<_>>());
            }
            dropped = there - 200;
            deadline(wal.truncate(id(dropped - 1))).await.unwrap();
            assert!(mount.free() > 0, "truncation made no room");
            acked = there + waiting.len() as u64;
            for (number, append) in (there..).zip(waiting) {
                assert_eq!(deadline(append).await.unwrap(), Batch::One(id(number)));
            }
            mount.unfill();
        }
        drop(wal);
        opener.close().await.unwrap();
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let got = scan(&*wal, Start::Earliest, (acked - dropped) as usize).await;
        assert_eq!(got.numbers(), (dropped..acked).collect::<Vec<_>>());
        assert!(
            got.records
                .iter()
                .all(|(number, it)| *it == payload(*number))
        );
        assert_eq!(wal.bounds().await.unwrap().newest, Some(id(acked - 1)));
    }
}

#[tokio::test]
async fn a_store_on_a_full_disk_opens_again_and_is_truncated_without_a_writer() {
    let test = "tests::tmpfs::a_store_on_a_full_disk_opens_again_and_is_truncated_without_a_writer";
    for killed in [false, true] {
        let Some(mount) = Mount::small(test, 4 << 10) else {
            return;
        };
        let config = config(mount.path());
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let (waiting, acked) = append_until_full(&mount, &*wal, 0).await;
        mount.fill(0);
        drop(wal);
        if killed {
            drop(opener);
        } else {
            // It can't be clean with appends that wait, but it ends.
            deadline(opener.close()).await.unwrap_err();
        }
        for append in waiting {
            let error = deadline(append).await.unwrap_err();
            let kinds = [ErrorKind::OutcomeUnknown, ErrorKind::NotWritten];
            assert!(kinds.contains(&error.kind()), "{error}");
        }
        let opener = apart(&config);
        mount.fill(0);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let newest = wal.bounds().await.unwrap().newest.unwrap();
        let there = newest.to_u64().unwrap() + 1;
        assert!(there >= acked, "{there} of {acked} are left");
        all_there(&*wal, there).await;
        drop(wal);
        deadline(opener.close()).await.unwrap();

        let opener = apart(&config);
        mount.fill(0);
        assert_eq!(mount.free(), 0);
        let halfway = id(there / 2);
        deadline(opener.truncate(&name("a"), halfway))
            .await
            .unwrap();
        assert!(mount.free() > 1 << 20, "only {} are free", mount.free());
        deadline(opener.close()).await.unwrap();
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let next = append(&*wal, there, payload(there)).await.unwrap();
        assert_eq!(next, there);
        let got = scan(&*wal, Start::Earliest, (there - there / 2) as usize).await;
        assert_eq!(got.numbers(), (there / 2 + 1..=there).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_writer_that_is_killed_while_it_waits_loses_nothing() {
    let test = "tests::tmpfs::a_writer_that_is_killed_while_it_waits_loses_nothing";
    let Some(mount) = Mount::small(test, 4 << 10) else {
        return;
    };
    let store = mount.path().join("store");
    std::fs::create_dir(&store).unwrap();
    mount.fill(256 << 10);
    for _ in 0..3 {
        let mut writer = Writer::start(&store);
        writer.append_endlessly();
        eventually(|| mount.free() == 0).await;
        let acked = writer.kill_and_count();
        let config = small(&store);
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let newest = wal.bounds().await.unwrap().newest.unwrap();
        let newest = newest.to_u64().unwrap();
        assert!(Some(newest) >= acked, "{newest} of {acked:?} are left");
        let earliest = wal.bounds().await.unwrap().earliest.unwrap();
        let earliest = earliest.to_u64().unwrap();
        let got = scan(&*wal, Start::Earliest, (newest - earliest) as usize + 1).await;
        assert_eq!(got.numbers(), (earliest..=newest).collect::<Vec<_>>());
        for (number, payload) in got.records {
            assert_eq!(payload, format!("record {number}").into_bytes());
        }
        wal.truncate(id(newest)).await.unwrap();
        let next = append(&*wal, newest + 1, format!("record {}", newest + 1)).await;
        assert_eq!(next.unwrap(), newest + 1);
        drop(wal);
        opener.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_store_that_finds_no_room_to_begin_begins_when_there_is_some() {
    let test = "tests::tmpfs::a_store_that_finds_no_room_to_begin_begins_when_there_is_some";
    let Some(mount) = Mount::small(test, 4 << 10) else {
        return;
    };
    let config = config(mount.path());
    let mut refused = 0;
    for room in (0..).map(|pages| pages * (16 << 10)) {
        mount.fill(room);
        let opener = apart(&config);
        let opened = opener.open(&name("a"), Claim::TakeOver).await;
        mount.unfill();
        match opened {
            Ok(wal) => {
                assert_eq!(append(&*wal, 0, "record 0").await.unwrap(), 0);
                all_there(&*wal, 1).await;
                break;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                let text = error.to_string();
                assert!(
                    text.contains("the disk is full; free space there"),
                    "{text}"
                );
                assert!(text.contains("free_bytes: "), "{text}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 4, "it began with room for nothing");
    // A half-made store that the next one found: made whole above, and sound.
    let opener = apart(&config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    all_there(&*wal, 1).await;
}
