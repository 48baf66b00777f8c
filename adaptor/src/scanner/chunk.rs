//! Puts messages together that are larger than a record. A run of chunks that does not go on with its next record was
//! never acknowledged, and is dropped.

use walx_core::{Bytes, Chunk, Lsn, Message, Seq, Term};
use walx_impls::Record;

/// The most bytes that are taken before they are there.
const MOST_AT_ONCE: usize = 64 << 20;

/// The message that is being put together.
#[derive(Debug, Default)]
pub(super) struct Chunks(Option<Run>);

/// Chunks that follow one another.
#[derive(Debug)]
struct Run {
    /// What stands on the first chunk, without its payload; `None` where nobody wants it, or where it is not there.
    message: Option<Message>,
    headless: bool,
    payload: Vec<u8>,
    lsn: Lsn,
    /// A recovery goes on with the rest; another term does not.
    term: Term,
    total: u32,
    next: (Seq, u32),
}

/// What a chunk made of its message.
#[derive(Debug, PartialEq)]
pub(super) enum Put {
    /// There are more to come, or nobody wants it.
    Nothing,
    /// It is whole.
    Whole(Message),
    /// This is its last chunk, and the first ones are not there.
    Headless,
}

impl Run {
    fn add(&mut self, payload: &[u8], chunk: Chunk) {
        if self.payload.capacity() - self.payload.len() < payload.len() {
            // The others are about as large as this one. Where there is no room for all of them, it grows step by step.
            let left = chunk.total.saturating_sub(chunk.index) as usize;
            let _ = self
                .payload
                .try_reserve_exact(payload.len().saturating_mul(left).min(MOST_AT_ONCE));
        }
        self.payload.extend_from_slice(payload);
    }
}

impl Chunks {
    /// Whether a message is being put together.
    pub(super) fn is_running(&self) -> bool {
        self.0.is_some()
    }

    /// Something else follows.
    pub(super) fn interrupt(&mut self) {
        self.0 = None;
    }

    /// Bytes that are kept for it.
    pub(super) fn bytes(&self) -> usize {
        let message = |run: &Run| run.message.as_ref().map_or(0, Message::bytes);
        self.0
            .as_ref()
            .map_or(0, |run| run.payload.len() + message(run))
    }

    /// Adds a chunk; nothing is kept of a message that is not wanted.
    pub(super) fn put(
        &mut self,
        record: &Record,
        chunk: Chunk,
        (seq, lsn): (Seq, Lsn),
        wanted: bool,
    ) -> Put {
        let term = record.header.owner.term;
        let goes_on = |run: &Run| {
            let same = (run.lsn, run.term, run.total) == (lsn, term, chunk.total);
            same && run.next == (seq, chunk.index)
        };
        let run = match self.0.take().filter(goes_on) {
            Some(run) => run,
            None => Run {
                message: (wanted && chunk.index == 0).then(|| {
                    let mut message = record.message();
                    message.payload = Bytes::new();
                    message
                }),
                headless: chunk.index > 0,
                payload: Vec::new(),
                lsn,
                term,
                total: chunk.total,
                next: (seq, chunk.index),
            },
        };
        let mut run = Run {
            next: (seq.next(), chunk.index.saturating_add(1)),
            ..run
        };
        if run.message.is_some() {
            run.add(&record.payload, chunk);
        }
        if run.next.1 < run.total {
            self.0 = Some(run);
            return Put::Nothing;
        }
        match run.message {
            _ if run.headless => Put::Headless,
            Some(mut message) => {
                message.payload = run.payload.into();
                Put::Whole(message)
            }
            None => Put::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use walx_core::{Header, Kind, Owner, Tick};

    use super::*;

    fn put(chunks: &mut Chunks, term: u64, seq: u64, index: u32, total: u32) -> Put {
        let header = Header::new(Kind::Data, Owner::new(Term::new(term)), Tick::new(seq));
        let text = index.to_string();
        let mut message = Message::new(text);
        if index == 0 {
            message = message.with_property("first", "1");
        }
        let record = Record::data(header, message);
        chunks.put(
            &record,
            Chunk { index, total },
            (Seq::new(seq), Lsn::ZERO),
            true,
        )
    }

    #[test]
    fn a_message_is_whole_with_its_last_chunk() {
        let mut chunks = Chunks::default();
        assert_eq!(put(&mut chunks, 1, 5, 0, 3), Put::Nothing);
        assert_eq!(put(&mut chunks, 1, 6, 1, 3), Put::Nothing);
        assert!(chunks.bytes() >= 2 && chunks.is_running());
        let whole = Message::new("012").with_property("first", "1");
        assert_eq!(put(&mut chunks, 1, 7, 2, 3), Put::Whole(whole));
        assert_eq!((chunks.bytes(), chunks.is_running()), (0, false));
    }

    #[test]
    fn a_run_that_does_not_go_on_is_dropped_and_one_without_its_first_chunk_is_told() {
        let mut chunks = Chunks::default();
        put(&mut chunks, 1, 5, 0, 2);
        // A new owner begins with the same lsn.
        assert_eq!(put(&mut chunks, 2, 6, 0, 2), Put::Nothing);
        assert_eq!(
            put(&mut chunks, 2, 7, 1, 2),
            Put::Whole(Message::new("01").with_property("first", "1"))
        );
        put(&mut chunks, 2, 8, 0, 3);
        assert_eq!(put(&mut chunks, 2, 10, 2, 3), Put::Headless);
        put(&mut chunks, 2, 11, 0, 2);
        assert_eq!(put(&mut chunks, 3, 12, 1, 2), Put::Headless);
    }
}
