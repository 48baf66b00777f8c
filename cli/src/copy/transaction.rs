//! How a transaction is copied: as one of the copy's own, message by message.

use std::time::Duration;

use walx::{Append, Lsn, Message, MessageId, PlacedTransaction, Transaction, TransactionOption};

use super::pump::Pump;
use crate::exit::Failure;

/// It ends with this process, which owns the copy.
const KEEPALIVE: Duration = Duration::from_secs(24 * 60 * 60);

/// A transaction that is being copied.
pub(super) struct Open {
    source: PlacedTransaction,
    copied: usize,
    /// Of the messages, in the source.
    lsns: Option<(Lsn, Lsn)>,
    bytes: u64,
    target: Transaction,
}

/// An append on its way into the copy.
pub(super) struct Copied {
    /// In the source: that of the message, or the one at which its transaction stands.
    pub(super) lsn: Lsn,
    pub(super) part: Part,
    pub(super) bytes: u64,
}

/// What it copies.
pub(super) enum Part {
    Message(Lsn),
    Body,
    /// With the Commit's id in the source, and of the messages that it makes visible the first and last lsn and the count.
    Commit {
        id: MessageId,
        lsns: Option<(Lsn, Lsn)>,
        count: u64,
    },
}

impl Pump<'_> {
    pub(super) fn begin(&mut self, source: PlacedTransaction) -> Option<Open> {
        let mut option = TransactionOption::new().with_keepalive(KEEPALIVE);
        option.virtual_channel.clone_from(&source.virtual_channel);
        let lsn = source.place.lsn;
        match self.wal.begin(option) {
            Ok(target) => Some(Open {
                source,
                copied: 0,
                lsns: None,
                bytes: 0,
                target,
            }),
            Err(error) => {
                self.refused(lsn, error);
                None
            }
        }
    }

    /// Copies its next message, or commits it behind the last one.
    pub(super) fn go_on(&mut self) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let place = open.source.place;
        match open.source.message(open.copied) {
            Some(Ok(body)) => {
                open.copied += 1;
                let first = open.lsns.map_or(body.place.lsn, |(first, _)| first);
                open.lsns = Some((first, body.place.lsn));
                open.bytes += body.message.bytes() as u64;
                let append = |message| open.target.append(message);
                if self.append(place.lsn, Part::Body, body.message, append) {
                    self.open = Some(open);
                }
            }
            Some(Err(error)) => self.fail(Failure::from(error).at("SRC")),
            None => {
                let count = open.copied as u64;
                let part = Part::Commit {
                    id: place.id,
                    lsns: open.lsns,
                    count,
                };
                self.push(place.lsn, part, open.bytes, 0, open.target.commit());
            }
        }
    }

    /// Whether it was taken.
    pub(super) fn append(
        &mut self,
        lsn: Lsn,
        part: Part,
        message: Message,
        append: impl FnOnce(Message) -> Append,
    ) -> bool {
        let bytes = message.bytes();
        let append = append(message);
        self.push(lsn, part, bytes as u64, bytes, append)
    }

    fn push(&mut self, lsn: Lsn, part: Part, bytes: u64, room: usize, append: Append) -> bool {
        let tag = Copied { lsn, part, bytes };
        match self.flight.push(append, room, tag) {
            Ok(()) => true,
            Err(error) => {
                self.refused(lsn, error);
                false
            }
        }
    }

    fn refused(&mut self, lsn: Lsn, error: walx::Error) {
        self.fail(Failure::from(error).at(format_args!("lsn {lsn} into DST")));
    }
}
