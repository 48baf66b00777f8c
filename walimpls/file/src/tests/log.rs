//! Append, scan, reopen.

use walx_core::ErrorKind;
use walx_impls::Mark;

use super::*;

#[tokio::test]
async fn what_was_appended_is_scanned_now_and_after_a_reopen() {
    let dir = scratch();
    let config = small(dir.path());
    let opener = build(&config).await.unwrap();
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(wal.bounds().await.unwrap(), walx_core::Bounds::default());
    for number in 0..50 {
        assert_eq!(
            append(&*wal, number, vec![number as u8; number as usize * 7])
                .await
                .unwrap(),
            number
        );
    }
    let expected: Vec<_> = (0..50_u64)
        .map(|number| (number, vec![number as u8; number as usize * 7]))
        .collect();
    assert_eq!(scan(&*wal, Start::Earliest, 50).await.records, expected);
    wal.close().await.unwrap();
    opener.close().await.unwrap();
    opener.close().await.unwrap();

    let opener = build(&config).await.unwrap();
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(scan(&*wal, Start::Earliest, 50).await.records, expected);
    assert_eq!(append(&*wal, 50, "next").await.unwrap(), 50);
    assert_eq!(
        scan(&*wal, Start::At(id(50)), 1).await.records,
        [(50, b"next".to_vec())]
    );
    assert_eq!(
        wal.bounds().await.unwrap(),
        walx_core::Bounds::new(Some(id(0)), Some(id(50)))
    );
}

#[tokio::test]
async fn channels_share_a_log_and_keep_their_own_numbers() {
    let dir = scratch();
    let config = small(dir.path());
    let opener = build(&config).await.unwrap();
    let mut wals = Vec::new();
    for channel in 0..20 {
        wals.push(
            opener
                .open(&name(&format!("c{channel}")), Claim::TakeOver)
                .await
                .unwrap(),
        );
    }
    for number in 0..30 {
        // Taken in one go, so that frames have records of many channels.
        let appends: Vec<_> = wals
            .iter()
            .map(|wal| wal.append(Batch::One(record(number, wal.channel().as_str()))))
            .collect();
        for append in appends {
            assert_eq!(deadline(append).await.unwrap(), Batch::One(id(number)));
        }
    }
    assert!(segments(dir.path()).len() > 3, "the log must have rotated");
    for wal in &wals {
        let got = scan(&**wal, Start::Earliest, 30).await;
        assert_eq!(got.numbers(), (0..30).collect::<Vec<_>>());
        assert!(
            got.records
                .iter()
                .all(|(_, payload)| payload == wal.channel().as_str().as_bytes())
        );
    }
    assert_eq!(opener.list().await.unwrap().len(), 20);
}

#[tokio::test]
async fn every_start_is_found_in_a_log_of_many_segments() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, 300).await;
    let other = opener.open(&name("b"), Claim::TakeOver).await.unwrap();
    append(&*other, 0, "in between").await.unwrap();
    for number in 300..400 {
        append(&*wal, number, format!("record {number}"))
            .await
            .unwrap();
    }
    for at in [0, 1, 37, 150, 299, 300, 399_u64] {
        let rest = (400 - at) as usize;
        assert_eq!(
            scan(&*wal, Start::At(id(at)), rest).await.numbers(),
            (at..400).collect::<Vec<_>>()
        );
        assert_eq!(
            scan(&*wal, Start::Last(400 - at), rest).await.numbers(),
            (at..400).collect::<Vec<_>>()
        );
        if at < 399 {
            assert_eq!(
                scan(&*wal, Start::After(id(at)), rest - 1).await.numbers(),
                (at + 1..400).collect::<Vec<_>>()
            );
        }
        for mark in [Mark::Lsn(Lsn::new(at)), Mark::Tick(Tick::new(1_000 + at))] {
            let first = scan(&*wal, Start::Near(mark), 1).await.numbers()[0];
            assert!(first <= at, "{mark:?} started at {first}");
            assert!(
                at - first < 100,
                "{mark:?} started at {first}, more than a segment before"
            );
        }
    }
    assert_eq!(
        scan(&*wal, Start::Last(1_000), 400).await.numbers(),
        (0..400).collect::<Vec<_>>()
    );
    assert_eq!(
        scan(&*other, Start::Earliest, 1).await.records,
        [(0, b"in between".to_vec())]
    );
}

#[tokio::test]
async fn a_tailing_scanner_gets_each_record_as_it_becomes_durable() {
    let dir = scratch();
    let (_opener, wal) = filled(&small(dir.path()), 1).await;
    let mut scanner = wal
        .scan(Start::After(id(0)), ScanOptions::default())
        .await
        .unwrap();
    at_tail(&mut *scanner).await;
    for number in 1..200 {
        append(&*wal, number, vec![1; 200]).await.unwrap();
        assert_eq!(take(&mut *scanner, 1).await.numbers(), [number]);
    }
    wal.close().await.unwrap();
    assert_eq!(
        batch(&mut *scanner).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(
        append(&*wal, 200, "late").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[tokio::test]
async fn large_records_and_batches_are_whole() {
    let dir = scratch();
    let (opener, wal) = filled(&small(dir.path()), 1).await;
    let line = vec![b'x'; 5 << 20];
    assert_eq!(append(&*wal, 1, line.clone()).await.unwrap(), 1);
    let records: Vec<_> = (2..2_002)
        .map(|number| record(number, vec![7; 1_000]))
        .collect();
    let ids = deadline(wal.append(Batch::Many(records))).await.unwrap();
    assert_eq!(ids, Batch::Many((2..2_002).map(id).collect()));
    let got = scan(&*wal, Start::Earliest, 2_002).await;
    assert_eq!(got.numbers(), (0..2_002).collect::<Vec<_>>());
    assert_eq!(got.records[1].1, line);
    opener.close().await.unwrap();

    let config = FileConfig::new(dir.path()).with_max_record(ByteSize(1 << 10));
    let opener = apart(&config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(
        append(&*wal, 2_002, vec![0; 1 << 10])
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::TooLarge
    );
    // Nothing overtakes the hole.
    assert_eq!(
        append(&*wal, 2_002, "small").await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    assert_eq!(
        scan(&*wal, Start::At(id(2_001)), 1).await.numbers(),
        [2_001]
    );
}

#[tokio::test]
async fn an_empty_payload_is_a_record() {
    let dir = scratch();
    let (_opener, wal) = filled(&small(dir.path()), 0).await;
    append(&*wal, 0, "").await.unwrap();
    assert_eq!(
        scan(&*wal, Start::Earliest, 1).await.records,
        [(0, Vec::new())]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_appenders_get_dense_numbers_in_the_order_of_their_calls() {
    let dir = scratch();
    let opener = Arc::new(apart(
        &FileConfig::new(dir.path()).with_segment(ByteSize(64 << 10)),
    ));
    let mut tasks = Vec::new();
    for channel in 0..8 {
        let opener = Arc::clone(&opener);
        tasks.push(walx_utility::spawn::task(async move {
            let wal = opener
                .open(&name(&format!("c{channel}")), Claim::TakeOver)
                .await
                .unwrap();
            for round in 0..20 {
                let appends: Vec<_> = (0..10)
                    .map(|at| wal.append(Batch::One(record(round * 10 + at, vec![channel; 100]))))
                    .collect();
                // The last one first: what is durable includes everything before it.
                for (at, append) in appends.into_iter().enumerate().rev() {
                    assert_eq!(
                        deadline(append).await.unwrap(),
                        Batch::One(id(round * 10 + at as u64))
                    );
                }
            }
            let got = scan(&*wal, Start::Earliest, 200).await;
            assert_eq!(got.numbers(), (0..200).collect::<Vec<_>>());
            assert!(
                got.records
                    .iter()
                    .all(|(_, payload)| *payload == vec![channel; 100])
            );
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_dropped_append_still_takes_place() {
    let dir = scratch();
    let (_opener, wal) = filled(&small(dir.path()), 0).await;
    drop(wal.append(Batch::One(record(0, "dropped"))));
    append(&*wal, 1, "kept").await.unwrap();
    assert_eq!(scan(&*wal, Start::Earliest, 2).await.numbers(), [0, 1]);
}

#[tokio::test]
async fn nothing_is_created_by_those_who_only_read() {
    let dir = scratch();
    let path = dir.path().join("missing");
    let opener = build(&FileConfig::new(&path)).await.unwrap();
    assert_eq!(
        opener
            .open_read_only(&name("a"))
            .await
            .err()
            .unwrap()
            .kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        opener.bounds(&name("a")).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        opener.truncate(&name("a"), id(0)).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(opener.list().await.unwrap(), []);
    opener.close().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn foreign_files_are_left_alone() {
    let dir = scratch();
    let foreign = [
        "notes.txt",
        "1.wal",
        "000000000000000x.wal",
        "0000000000000000.wal.bak",
    ];
    for file in foreign {
        std::fs::write(dir.path().join(file), "mine").unwrap();
    }
    let (opener, wal) = filled(&small(dir.path()), 100).await;
    wal.truncate(id(90)).await.unwrap();
    drop(wal);
    opener.close().await.unwrap();
    let opener = apart(&small(dir.path()));
    opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    for file in foreign {
        assert_eq!(std::fs::read(dir.path().join(file)).unwrap(), b"mine");
    }
}

#[tokio::test]
async fn less_durable_stores_acknowledge_and_close_cleanly_too() {
    for durability in ["os", "interval:1ms", "interval:1h"] {
        let dir = scratch();
        let config = small(dir.path()).with_durability(durability.parse().unwrap());
        let (opener, wal) = filled(&config, 200).await;
        let killed = scratch();
        copy(dir.path(), killed.path());
        opener.close().await.unwrap();
        drop(wal);
        for dir in [&dir, &killed] {
            let config = small(dir.path()).with_durability(durability.parse().unwrap());
            let opener = apart(&config);
            let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
            assert_eq!(
                scan(&*wal, Start::Earliest, 200).await.numbers().len(),
                200,
                "{durability}"
            );
            assert_eq!(append(&*wal, 200, "next").await.unwrap(), 200);
        }
    }
}

#[tokio::test]
async fn wrong_configurations_are_refused_by_name() {
    for (key, value) in [
        ("durability", "never"),
        ("durability", "interval:0s"),
        ("durability", "interval:25h"),
        ("durability", "interval:18446744073709551615s"),
        ("segment", "1KiB"),
        ("max_record", "2GiB"),
        ("damage", "x"),
        ("x", "y"),
    ] {
        let config = Config::new()
            .with("location", "/nowhere/at/all")
            .with(key, value);
        let error = FileBuilder.build(config).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(key), "{error}");
    }
    assert_eq!(
        FileBuilder.build(Config::new()).await.err().unwrap().kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn a_path_that_is_a_file_is_refused_as_input() {
    let dir = scratch();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = build(&small(&path)).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("{} is no directory", file.display())),
            "{text}"
        );
    }
}
