//! Reads a log from its end towards its beginning, a piece at a time.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use walx_core::{MessageId, Result};
use walx_impls::{RoWalImpls, ScanOptions, Start, StoredRecord};

use crate::look::read_until;
use crate::patience::patiently;

/// How many records the first piece has, and how many bytes the later ones are to have.
const FIRST_RECORDS: u64 = 64;
const PIECE_BYTES: u64 = 1 << 20;
/// What a piece reads beyond its end at most.
const READ_AHEAD_BYTES: usize = 64 << 10;
const MOST_RECORDS: u64 = 16 << 10;
/// The most bytes that are kept of a piece: its records may be larger than those of the piece before.
const MOST_BYTES: usize = 4 << 20;

/// Hands the records from `newest` on to `f`, the newest first, until it breaks or there are no more.
///
/// Appends may go on meanwhile. What is truncated meanwhile is not there any more.
pub(crate) async fn backwards<B: Send>(
    wal: &dyn RoWalImpls,
    newest: MessageId,
    mut f: impl FnMut(&StoredRecord) -> Result<ControlFlow<B>> + Send,
) -> Result<Option<B>> {
    let (mut depth, mut step) = (0_u64, FIRST_RECORDS);
    let mut behind = None;
    loop {
        depth = depth.saturating_add(step);
        let earliest = patiently(|| wal.bounds()).await?.earliest;
        let until = behind.unwrap_or(newest);
        let (mut piece, mut first) = (VecDeque::<StoredRecord>::new(), None);
        let (mut bytes, mut left_out) = (0, 0_u64);
        let options = ScanOptions::new(READ_AHEAD_BYTES);
        read_until(wal, Start::Last(depth), until, options, |record, _| {
            first = first.or(Some(record.id));
            if behind.is_some_and(|behind| record.id >= behind) {
                return Ok(ControlFlow::Break(()));
            }
            bytes += record.record.bytes();
            piece.push_back(record.clone());
            while bytes > MOST_BYTES
                && piece.len() > 1
                && let Some(old) = piece.pop_front()
            {
                bytes -= old.record.bytes();
                left_out += 1;
            }
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        for record in piece.iter().rev() {
            if let ControlFlow::Break(found) = f(record)? {
                return Ok(Some(found));
            }
        }
        if first <= earliest && left_out == 0 {
            return Ok(None);
        }
        // They come with the next piece.
        depth = depth.saturating_sub(left_out);
        if let (Some(record), count @ 1..) = (piece.front(), piece.len() as u64) {
            behind = Some(record.id);
            step = (PIECE_BYTES / (bytes as u64 / count).max(1)).clamp(1, MOST_RECORDS);
        } else {
            // The log has grown by more than that meanwhile.
            step = step.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use async_trait::async_trait;
    use walx_core::{
        BackendName, Bounds, Bytes, ChannelName, Header, Kind, Owner, Record, Seq, Term, Tick,
    };
    use walx_impls::{Scanned, ScannerImpls};

    use super::*;

    const LARGE: usize = 256 << 10;
    static PAYLOAD: [u8; LARGE] = [0; LARGE];

    /// So many large records, and as many small ones behind them as fit into one piece.
    const LARGE_RECORDS: u64 = 1_000;
    const RECORDS: u64 = LARGE_RECORDS + 2 * MOST_RECORDS;

    /// A log that makes its records when they are read, and counts what its readers hold.
    struct Log {
        channel: ChannelName,
        held: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    struct Reader {
        next: u64,
        held: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    struct Held(Arc<AtomicUsize>);

    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &PAYLOAD
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(LARGE, Ordering::Relaxed);
        }
    }

    fn id(seq: u64) -> MessageId {
        MessageId::from_u64(BackendName::constant("made"), seq)
    }

    #[async_trait]
    impl RoWalImpls for Log {
        fn channel(&self) -> &ChannelName {
            &self.channel
        }

        async fn scan(&self, start: Start, _: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
            let Start::Last(depth) = start else {
                panic!("{start:?}")
            };
            Ok(Box::new(Reader {
                next: RECORDS.saturating_sub(depth),
                held: Arc::clone(&self.held),
                most: Arc::clone(&self.most),
            }))
        }

        async fn bounds(&self) -> Result<Bounds> {
            Ok(Bounds::new(Some(id(0)), Some(id(RECORDS - 1))))
        }

        async fn close(&self) -> Result<()> {
            Ok(())
        }
    }

    impl ScannerImpls for Reader {
        fn poll_batch(&mut self, _: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
            let seq = self.next;
            self.next += 1;
            let header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::new(seq));
            let mut record = Record::marker(header);
            record.header.seq = Some(Seq::new(seq));
            if seq < LARGE_RECORDS {
                let held = self.held.fetch_add(LARGE, Ordering::Relaxed) + LARGE;
                self.most.fetch_max(held, Ordering::Relaxed);
                record.payload = Bytes::from_owner(Held(Arc::clone(&self.held)));
            }
            let id = id(seq);
            Poll::Ready(Ok(vec![Scanned::Record(StoredRecord { id, record })]))
        }
    }

    #[tokio::test]
    async fn large_records_before_small_ones_are_handed_on_without_keeping_them_all() {
        let log = Log {
            channel: ChannelName::new("orders").unwrap(),
            held: Arc::default(),
            most: Arc::default(),
        };
        let mut next = RECORDS;
        let found = backwards(&log, id(RECORDS - 1), |it| {
            next -= 1;
            assert_eq!(it.record.header.seq, Some(Seq::new(next)));
            Ok(ControlFlow::<()>::Continue(()))
        });
        assert_eq!(found.await.unwrap(), None);
        assert_eq!(next, 0);
        let most = log.most.load(Ordering::Relaxed);
        assert!(most <= MOST_BYTES + LARGE, "{most} bytes");
    }
}
