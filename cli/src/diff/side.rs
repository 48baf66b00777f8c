use std::sync::Arc;
use std::vec;

use walx::{
    ChannelName, End, Entry, LostPolicy, Lsn, Message, OpenOption, Opener, PlacedTransaction,
    Position, RoWal, ScanOption, Scanner,
};

use crate::exit::{Code, Failure};
use crate::store::{CACHE, READ_AHEAD_BYTES};

/// Entries that are asked for at once.
const BATCH: usize = 1024;

/// A message of one side.
pub(super) struct Found {
    pub(super) lsn: Lsn,
    pub(super) message: Message,
    /// Of a transaction: which one of how many it is, from 1.
    pub(super) of: Option<(usize, usize)>,
}

/// One of the two channels, up to its tail at the start.
pub(super) struct Side {
    name: &'static str,
    scanner: Box<dyn Scanner>,
    entries: vec::IntoIter<Entry>,
    /// The transaction that is being compared, and how far.
    transaction: Option<(PlacedTransaction, usize)>,
    last: Lsn,
    /// Closed with its store.
    _wal: Arc<dyn RoWal>,
}

impl Side {
    pub(super) async fn open(
        name: &'static str,
        store: &dyn Opener,
        channel: &ChannelName,
        from: Position,
    ) -> Result<Self, Failure> {
        let named = |error| Failure::from(error).at(name);
        let option = OpenOption::new(channel.clone()).with_cache(CACHE);
        let wal = store.open_read_only(option).await.map_err(named)?;
        // A time is approximate by nature: what is no longer kept at its start is a hole like any other.
        let on_lost = match from {
            Position::Tick(_) | Position::Time(_) => LostPolicy::Gap,
            _ => LostPolicy::Error,
        };
        let option = ScanOption::new(from)
            .on_lost(on_lost)
            .until(End::Tail)
            .with_read_ahead_bytes(READ_AHEAD_BYTES);
        Ok(Self {
            name,
            scanner: wal.scan(option).await.map_err(named)?,
            entries: Vec::new().into_iter(),
            transaction: None,
            last: Lsn::ZERO,
            _wal: wal,
        })
    }

    /// The next message, also one of a transaction; none at the end. What can't be compared is a failure.
    pub(super) async fn next(&mut self) -> Result<Option<Found>, Failure> {
        loop {
            if let Some(found) = self.next_body()? {
                return Ok(Some(found));
            }
            if self.entries.len() == 0 {
                let batch = self.scanner.next_batch(BATCH).await;
                self.entries = batch
                    .map_err(|error| Failure::from(error).at(self.name))?
                    .into_iter();
            }
            match self.entries.next() {
                Some(Entry::Transaction(transaction)) => self.transaction = Some((transaction, 0)),
                // What others wrote is no message of either side.
                Some(Entry::Gap(gap)) if !gap.reason.is_hole() => {}
                other => return self.found(other),
            }
        }
    }

    fn next_body(&mut self) -> Result<Option<Found>, Failure> {
        let Some((transaction, index)) = &mut self.transaction else {
            return Ok(None);
        };
        let Some(body) = transaction.message(*index) else {
            self.transaction = None;
            return Ok(None);
        };
        let body = body.map_err(|error| Failure::from(error).at(self.name))?;
        *index += 1;
        self.last = body.place.lsn;
        Ok(Some(Found {
            lsn: body.place.lsn,
            message: body.message,
            of: Some((*index, transaction.count())),
        }))
    }

    fn found(&mut self, entry: Option<Entry>) -> Result<Option<Found>, Failure> {
        match entry {
            None => Ok(None),
            Some(Entry::Message(it)) => {
                self.last = it.place.lsn;
                Ok(Some(Found {
                    lsn: it.place.lsn,
                    message: it.message,
                    of: None,
                }))
            }
            Some(Entry::Gap(gap)) => {
                let text = format!("{gap}; start both sides behind it with --from and --from-b");
                Err(Failure::new(Code::Damage, text).at(self.name))
            }
            Some(other) => {
                let text = format!("an entry of a kind that this version doesn't know: {other:?}");
                Err(Failure::new(Code::Damage, text).at(self.name))
            }
        }
    }

    /// The lsn of the last message that was handed out.
    pub(super) fn last_lsn(&self) -> Lsn {
        self.last
    }
}
