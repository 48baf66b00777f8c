//! Readers beside a writer that rotates and truncates all the time.

use walx_core::ErrorKind;
use walx_utility::spawn;

use super::*;

const RECORDS: u64 = 2_000;

/// Appends in small groups, and forgets all but the last few hundred records.
async fn write(wal: Arc<dyn WalImpls>) {
    for first in (0..RECORDS).step_by(8) {
        let appends: Vec<_> = (first..first + 8)
            .map(|number| wal.append(Batch::One(record(number, format!("record {number}")))))
            .collect();
        for append in appends {
            deadline(append).await.unwrap();
        }
        if first % 80 == 0 && first > 400 {
            wal.truncate(id(first - 400)).await.unwrap();
        }
    }
}

/// Reads to the end; where its place was truncated, it goes on at the earliest record.
async fn follow(opener: Arc<FileOpener>) -> u64 {
    let reader = deadline(opener.open_read_only(&name("a"))).await.unwrap();
    let (mut start, mut next, mut read) = (Start::Earliest, 0, 0);
    loop {
        let mut scanner = match reader.scan(start, ScanOptions::new(8 << 10)).await {
            Ok(scanner) => scanner,
            Err(error) => panic!("a scan from {start:?} was refused: {error}"),
        };
        loop {
            let got = take_any(&mut *scanner).await;
            for (number, payload) in got.records {
                assert!(number >= next, "{number} came after {next}");
                assert!(
                    number == next || start == Start::Earliest,
                    "{next} to {number} were passed"
                );
                assert_eq!(payload, format!("record {number}").into_bytes());
                (start, next, read) = (Start::At(id(number)), number + 1, read + 1);
            }
            if next == RECORDS {
                return read;
            }
            match got.error {
                Some(error) if matches!(error.kind(), ErrorKind::PositionLost { .. }) => break,
                Some(error) => panic!("behind {next}: {error}"),
                None => {}
            }
        }
        start = Start::Earliest;
    }
}

/// Truncates all that was acknowledged before while the segment that is written ends again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_truncation_beside_a_rotation_keeps_what_it_did_not_judge() {
    const AT_ONCE: u64 = 48;
    for _ in 0..8 {
        let dir = scratch();
        let (opener, wal) = filled(&small(dir.path()), 0).await;
        // Many sealed segments: reading their footers gives the writer time to seal another one.
        let mut next = 0;
        let appends = |from: u64, count: u64| -> Vec<_> {
            (from..from + count)
                .map(|number| wal.append(Batch::One(record(number, vec![b'x'; 1_500]))))
                .collect()
        };
        for append in appends(next, 600) {
            deadline(append).await.unwrap();
        }
        next += 600;
        let truncation = {
            let wal = Arc::clone(&wal);
            spawn::task(async move { wal.truncate(id(next - 1)).await })
        };
        for append in appends(next, AT_ONCE) {
            deadline(append).await.unwrap();
        }
        deadline(truncation).await.unwrap().unwrap();
        let kept: Vec<_> = (next..next + AT_ONCE).collect();
        let got = scan(&*wal, Start::Earliest, kept.len()).await;
        assert_eq!(got.numbers(), kept, "{:?}", got.error);
        drop(wal);
        opener.close().await.unwrap();
        let again = apart(&small(dir.path()));
        let wal = again.open(&name("a"), Claim::TakeOver).await.unwrap();
        let got = scan(&*wal, Start::Earliest, kept.len()).await;
        assert_eq!(got.numbers(), kept, "after a reopen: {:?}", got.error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_beside_a_busy_writer_see_no_damage_and_no_jump() {
    let dir = scratch();
    let (own, wal) = filled(&small(dir.path()), 0).await;
    let elsewhere = Arc::new(apart(&small(dir.path())));
    let own = Arc::new(own);
    let mut readers: Vec<_> = (0..2)
        .map(|_| spawn::task(follow(Arc::clone(&elsewhere))))
        .collect();
    readers.push(spawn::task(follow(Arc::clone(&own))));
    // And one that looks at the whole store again and again.
    let looks = {
        let elsewhere = Arc::clone(&elsewhere);
        spawn::task(async move {
            let mut newest = None;
            while newest < Some(id(RECORDS - 1)) {
                let bounds = deadline(elsewhere.bounds(&name("a"))).await.unwrap();
                assert!(
                    bounds.newest >= newest,
                    "{newest:?} fell to {:?}",
                    bounds.newest
                );
                newest = bounds.newest;
            }
        })
    };
    write(wal).await;
    deadline(looks).await.unwrap();
    for reader in readers {
        let read = deadline(reader).await.unwrap();
        assert!(read >= 400, "a reader got {read} records only");
    }
}
