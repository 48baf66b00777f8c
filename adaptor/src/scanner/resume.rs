//! Proves that a resume token is of this log: where a log went back, as a restored copy does, its places are given
//! again, and who goes on behind one of them would miss what he never saw.

use walx_core::{Error, ErrorKind, Gap, GapReason, LostPolicy, MessageId, Result, ResumeToken};
use walx_impls::{RoWalImpls, ScanOptions, Scanned, Start, StoredRecord};

use crate::look::next_batch;

/// Bytes that are read to see one record.
const GLANCE: usize = 4 << 10;

/// Where a scan with a token goes on.
pub(super) enum Resumed {
    /// Behind the message of the token, which may have been truncated: then it isn't proved that it was of this log.
    Behind { proved: bool },
    /// The log no longer has that message: the hole is told first, then what there is from here on is delivered.
    Elsewhere { start: Start, gap: Box<Gap> },
}

/// Looks the token's message up.
pub(super) async fn resume(
    token: ResumeToken,
    newest: Option<MessageId>,
    backend: &dyn RoWalImpls,
    on_lost: LostPolicy,
) -> Result<Resumed> {
    // The owner's cache may not know it yet: a reader sees a record before its owner has the acknowledgement.
    let newest = match newest {
        Some(known) if known >= token.id() => newest,
        _ => backend.bounds().await?.newest,
    };
    let beyond = newest.is_none_or(|newest| newest < token.id());
    if !beyond {
        match is_there(token, backend).await? {
            Some(false) => {}
            there => {
                let proved = there.is_some();
                return Ok(Resumed::Behind { proved });
            }
        }
    }
    let earliest = backend.bounds().await?.earliest;
    let hole = "the log does not have the message of the resume token: it is another one, or went back to an older \
                state; start at a place that you know, or go on with a gap";
    match on_lost {
        LostPolicy::Error => Err(Error::new(ErrorKind::PositionLost { earliest }, hole)
            .with_context("token", token)
            .with_context(
                "newest record",
                newest.map_or_else(|| "none".to_owned(), |it| it.to_string()),
            )),
        LostPolicy::Gap => Ok(Resumed::Elsewhere {
            start: match newest {
                Some(newest) if beyond => Start::After(newest),
                Some(_) => Start::After(token.id()),
                None => Start::Earliest,
            },
            gap: Box::new(Gap::new(GapReason::Lost, hole)),
        }),
    }
}

/// Whether the record at the token's place is the one that it was taken from; `None` where it was truncated: the seqs
/// and ticks of those behind it then prove that nothing else is missing.
async fn is_there(token: ResumeToken, backend: &dyn RoWalImpls) -> Result<Option<bool>> {
    let opened = backend.scan(Start::At(token.id()), ScanOptions::new(GLANCE));
    let mut scanner = match opened.await {
        Ok(scanner) => scanner,
        Err(error) => return truncated(error),
    };
    loop {
        let batch = match next_batch(scanner.as_mut()).await {
            Ok(batch) => batch,
            Err(error) => return truncated(error),
        };
        // At its place lies what somebody else wrote.
        let is_foreign =
            |it: &Scanned| matches!(it, Scanned::Foreign(foreign) if foreign.id == token.id());
        if batch.iter().any(is_foreign) {
            return Ok(Some(false));
        }
        let first = batch.iter().find_map(|item| match item {
            Scanned::Record(record) => Some(record),
            _ => None,
        });
        if let Some(first) = first {
            return Ok((first.id == token.id()).then(|| is_of(token, first)));
        }
    }
}

fn truncated(error: Error) -> Result<Option<bool>> {
    match error.kind() {
        ErrorKind::PositionLost { .. } => Ok(None),
        _ => Err(error),
    }
}

fn is_of(token: ResumeToken, record: &StoredRecord) -> bool {
    let header = &record.record.header;
    (header.seq, header.tick, header.owner) == (Some(token.last()), token.tick(), token.owner())
}
