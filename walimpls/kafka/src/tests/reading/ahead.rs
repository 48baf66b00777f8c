//! How far a reader reads ahead of who doesn't take what it has.

use std::time::Duration;

use rdkafka::message::Headers;
use walx_core::ErrorKind;
use walx_impls::{ScanOptions, Scanned, Start};
use walx_utility::clock;

use super::bed::{Bed, made};
use crate::client::ReadAhead;
use crate::record::{self, Stamp};

/// What a batch may have, unless one record has more.
const BATCH: usize = 16 << 10;
/// What a batch has at least beside a record's payload and headers, and at most.
const LEAST: usize = 10;
const MOST: usize = 200;
/// So many messages a scanner may have pulled and not handed out: it takes the first ones for 16 KiB each.
const PULLED: usize = 15;

/// What a reader still hands out after everything was truncated is what it had read ahead.
async fn held(bed: &Bed, options: ScanOptions) -> (usize, usize) {
    let mut reader = bed.scan_with(Start::Earliest, options).await.unwrap();
    let taken = std::future::poll_fn(|context| reader.scanner.poll_batch(context)).await;
    drop(taken.unwrap());
    // It reads what it may.
    clock::sleep(Duration::from_millis(700)).await;
    let (_, end) = bed.ends().await;
    bed.truncate_before(end).await;
    let (mut count, mut bytes) = (0, 0);
    loop {
        let batch = std::future::poll_fn(|context| reader.scanner.poll_batch(context)).await;
        match batch {
            Ok(items) => {
                for item in items {
                    let Scanned::Record(record) = item else {
                        panic!("{item:?}");
                    };
                    count += 1;
                    bytes += record.record.payload.len();
                }
            }
            Err(error) => {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::PositionLost { .. }), "{error}");
                return (count, bytes);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_slow_reader_holds_is_bounded_by_its_option() {
    for (size, count) in [(100, 60_000), (1 << 10, 20_000), (64 << 10, 400)] {
        for ahead in [64 << 10, 512 << 10, 4 << 20] {
            let Some(bed) = Bed::new().await else { return };
            let line = bed.small_line();
            let writer = line.mark();
            let stamp = Stamp { writer, read: None };
            let mut beside = usize::MAX;
            for number in 0..count {
                let mut record = made(number);
                record.payload = vec![7; size].into();
                let headers = record::headers(&record, stamp, &mut Vec::new());
                let all = headers
                    .iter()
                    .map(|it| it.key.len() + it.value.map_or(0, <[u8]>::len));
                beside = beside.min(all.sum());
                line.send(headers, &record.payload, 1);
                if number % 10_000 == 0 {
                    line.offsets();
                }
            }
            line.offsets();
            let (records, bytes) = held(&bed, ScanOptions::new(ahead)).await;
            let (wire, batch) = (size + beside + LEAST, BATCH.max(size + beside + MOST));
            let most = PULLED + ReadAhead::of(ahead).most(size, wire, batch);
            println!(
                "{size} B, read-ahead {ahead} B: {records} records, {bytes} B of payloads; {most} may be"
            );
            assert!(records <= most && most < count as usize && bytes == records * size);
        }
    }
}
