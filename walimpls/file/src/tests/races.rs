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
