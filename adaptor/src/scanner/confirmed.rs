//! What was confirmed when a scan started.

use walx_core::{End, Error, ErrorKind, Lsn, MessageId, Position, Result, ScanOption, Seq, Tick};
use walx_impls::{RoWalImpls, StoredRecord};

use super::log::{Log, Role};
use crate::look::look;

/// The end of a log, as a scan saw it at its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Confirmed {
    /// The newest record: of the owner's, one with numbers; of a reader's, any.
    pub(super) newest: Option<MessageId>,
    /// The newest foreign record, where it lies behind that one and the scan is to tell it.
    pub(super) foreign: Option<MessageId>,
    /// The seq behind it, where the owner's cache tells it.
    pub(super) next: Option<Seq>,
    /// The lsn of the next message; a reader knows it only where its scan needs it.
    pub(super) lsn: Lsn,
    /// The tick of the newest record with numbers; known as `lsn` is.
    pub(super) tick: Tick,
}

impl Confirmed {
    pub(super) async fn of(
        log: &Log,
        backend: &dyn RoWalImpls,
        option: &ScanOption,
    ) -> Result<Self> {
        if matches!(log.role, Role::Owner { .. }) {
            let (tail, next) = log.cache.confirmed();
            let foreign = match option.foreign {
                true => backend.bounds().await?.foreign,
                false => None,
            };
            return Ok(Self {
                newest: tail.id,
                foreign: foreign.filter(|it| tail.id.is_none_or(|newest| newest < *it)),
                next,
                lsn: tail.lsn,
                tick: tail.tick,
            });
        }
        let bounds = backend.bounds().await?;
        if bounds.earliest.is_none() && bounds.newest.is_some() {
            return Err(Error::new(
                ErrorKind::PositionLost { earliest: None },
                "everything that the channel held is gone, though nobody truncated its newest record",
            ));
        }
        let from = matches!(
            option.from,
            Position::Lsn(_) | Position::Tick(_) | Position::Time(_) | Position::Last(_)
        );
        let looked = match option.until {
            Some(End::Lsn(_) | End::Tick(_)) => Some(look(backend).await?),
            _ if from => Some(look(backend).await?),
            _ => None,
        };
        // Of one moment: what the look numbers must not lie behind the newest record.
        let newest = looked.as_ref().map_or(bounds.newest, |it| it.newest);
        let numbered = looked.and_then(|it| it.numbered);
        let header = numbered.map(|it| it.record.header);
        let foreign = bounds.foreign;
        Ok(Self {
            newest,
            foreign: foreign.filter(|it| newest.is_none_or(|newest| newest < *it)),
            next: None,
            lsn: header
                .as_ref()
                .and_then(|it| it.next_lsn())
                .unwrap_or(Lsn::ZERO),
            tick: header.map_or(Tick::ZERO, |header| header.tick),
        })
    }

    /// The last thing that belongs to it, foreign or not.
    pub(super) fn last(self) -> Option<MessageId> {
        self.foreign.or(self.newest)
    }

    /// Whether an end bound lies in what is confirmed: then the scan ends at the tail at the latest.
    pub(super) async fn reaches(self, end: End, backend: &dyn RoWalImpls) -> Result<bool> {
        Ok(match end {
            End::Id(id) if self.last().is_some_and(|last| id <= last) => true,
            // The owner's newest record of all may be a Barrier, behind the newest one with numbers.
            End::Id(id) if self.next.is_some() => backend
                .bounds()
                .await?
                .newest
                .is_some_and(|newest| id <= newest),
            End::Id(_) => false,
            End::Lsn(lsn) => lsn < self.lsn,
            End::Tick(tick) => tick <= self.tick,
            _ => true,
        })
    }

    /// Whether the record lies behind it.
    pub(super) fn excludes(self, record: &StoredRecord) -> bool {
        let seq = record.record.header.seq;
        // All that lay before may have been truncated meanwhile.
        self.last().is_some_and(|last| record.id > last)
            || self.next.zip(seq).is_some_and(|(next, seq)| seq >= next)
    }

    /// Whether nothing that lies behind the record belongs to it.
    pub(super) fn ends_with(self, record: &StoredRecord) -> bool {
        if self.foreign.is_some_and(|foreign| record.id < foreign) {
            return false;
        }
        let seq = record.record.header.seq;
        self.newest.is_some_and(|newest| record.id >= newest)
            || self
                .next
                .zip(seq)
                .is_some_and(|(next, seq)| seq.next() >= next)
    }
}
