//! Looks at the end of a channel: its newest record that carries numbers, and what lies behind it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::ops::ControlFlow;

use walx_core::{Error, ErrorKind, MessageId, Owner, Record, Result, Tick};
use walx_impls::{Kind, RoWalImpls, ScanOptions, Scanned, ScannerImpls, Start, StoredRecord};

use crate::barrier;
use crate::patience::{Patience, patiently};

/// How many records before the tail are looked at first, and by what the number grows.
const FIRST: u64 = 2;
const GROWTH: u64 = 8;
/// How many are read at most to find out who the owner is: its Barrier may be the first record of a long log.
const MOST_FOR_WHO: u64 = 64 << 10;
/// No more are read once so many bytes were: large records cost as much as many.
const MOST_BYTES_FOR_WHO: usize = 8 << 20;
/// How often it looks again where the owner truncates what it looks at.
pub(crate) const TRIES: usize = 10;

/// The end of a channel.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The newest record of all.
    pub(crate) newest: Option<MessageId>,
    /// The newest record with a seq.
    pub(crate) numbered: Option<StoredRecord>,
    /// The record before that one.
    pub(crate) before: Option<MessageId>,
    /// The largest tick of the records seen, Barriers too: the next one is larger.
    pub(crate) tick: Option<Tick>,
    /// The largest owner of the records seen, and whether it has released the channel.
    pub(crate) owner: Option<(Owner, Released)>,
    /// Who it was, as its Barrier says.
    pub(crate) who: Option<String>,
    /// Bytes of the records that were read for it.
    bytes: usize,
}

/// Whether an owner has ended cleanly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Released {
    Yes,
    No,
}

/// Looks at the end of a channel, which may be truncated meanwhile: then its end is another one.
pub(crate) async fn look(wal: &dyn RoWalImpls) -> Result<Look> {
    for _ in 1..TRIES {
        match look_once(wal).await {
            Err(error) if matches!(error.kind(), ErrorKind::PositionLost { .. }) => {}
            looked => return looked,
        }
    }
    look_once(wal).await
}

/// Looks backwards from the tail, in growing steps, until a record with numbers is found or there are no more.
async fn look_once(wal: &dyn RoWalImpls) -> Result<Look> {
    let bounds = patiently(|| wal.bounds()).await?;
    let Some(newest) = bounds.newest else {
        return Ok(Look::default());
    };
    if bounds.earliest.is_none() {
        return Err(numbering_lost(None));
    }
    let (mut depth, mut earliest) = (FIRST, bounds.earliest);
    loop {
        let (look, from_the_start) = look_back(wal, depth, newest, earliest).await?;
        // The record before the newest numbered one must be known too, unless there is none.
        if from_the_start || (look.numbered.is_some() && look.before.is_some()) {
            return if look.numbered.is_none() {
                check_never_numbered(look, wal, newest).await
            } else {
                Ok(look)
            };
        }
        depth = depth.saturating_mul(GROWTH);
        // It may have been truncated meanwhile: else the start would never be found.
        earliest = patiently(|| wal.bounds()).await?.earliest;
    }
}

async fn look_back(
    wal: &dyn RoWalImpls,
    depth: u64,
    newest: MessageId,
    earliest: Option<MessageId>,
) -> Result<(Look, bool)> {
    let mut look = Look {
        newest: Some(newest),
        ..Look::default()
    };
    let mut first = None;
    let mut last = None;
    for_each_until(wal, Start::Last(depth), newest, |it, _| {
        first = first.or(Some(it.id));
        // All up to the newest one that was known may be truncated meanwhile: then this one came behind it.
        if look.newest.is_none_or(|newest| it.id > newest) {
            look.newest = Some(it.id);
        }
        look.bytes += it.record.bytes();
        look.tick = look.tick.max(Some(it.record.header.tick));
        // A record of an owner that was overtaken counts for nothing; scans tell it as damage.
        if look.see(&it.record) && it.record.header.seq.is_some() {
            look.before = last;
            look.numbered = Some(it.clone());
        }
        last = Some(it.id);
        Ok(())
    })
    .await?;
    Ok((look, first == earliest))
}

/// A channel without any numbered record is new, unless one of its owners knew of some.
async fn check_never_numbered(look: Look, wal: &dyn RoWalImpls, newest: MessageId) -> Result<Look> {
    for_each_until(wal, Start::Earliest, newest, |it, _| {
        match it.record.properties.get(barrier::NEXT_SEQ) {
            Some(next) if next != b"0" => Err(numbering_lost(Some(it.id))),
            _ => Ok(()),
        }
    })
    .await?;
    Ok(look)
}

fn numbering_lost(earliest: Option<MessageId>) -> Error {
    Error::new(
        ErrorKind::PositionLost { earliest },
        "the newest records of the channel are gone, and the numbering with them: its storage dropped what was never \
         truncated; use another channel, and keep the storage's own retention from dropping records",
    )
}

impl Look {
    /// Looks further back for the Barrier that says who the owner is, but not for ever.
    pub(crate) async fn find_who(&mut self, wal: &dyn RoWalImpls) -> Result<()> {
        let Some(newest) = self.newest else {
            return Ok(());
        };
        let earliest = patiently(|| wal.bounds()).await?.earliest;
        let mut depth = FIRST * GROWTH;
        while self.who.is_none() && depth <= MOST_FOR_WHO {
            let looked = look_back(wal, depth, newest, earliest).await;
            // Truncated meanwhile: it stays unknown.
            let lost = |error: &Error| matches!(error.kind(), ErrorKind::PositionLost { .. });
            if looked.as_ref().is_err_and(lost) {
                break;
            }
            let (look, from_the_start) = looked?;
            self.who = look.who;
            if from_the_start || look.bytes >= MOST_BYTES_FOR_WHO {
                break;
            }
            depth = depth.saturating_mul(GROWTH);
        }
        Ok(())
    }

    /// Takes note of who wrote a record; `false` where a larger owner had the channel already.
    fn see(&mut self, record: &Record) -> bool {
        let header = &record.header;
        if self.owner.is_some_and(|(owner, _)| header.owner < owner) {
            return false;
        }
        let released = if header.kind == Kind::Release {
            Released::Yes
        } else {
            Released::No
        };
        if self.owner.is_some_and(|(owner, _)| header.owner != owner) {
            self.who = None;
        }
        self.owner = Some((header.owner, released));
        if header.kind == Kind::Barrier {
            self.who = record
                .properties
                .get(barrier::WHO)
                .map(|who| String::from_utf8_lossy(who).into_owned());
        }
        true
    }
}

/// Hands the records from `start` to `last` (inclusive) to `f`, each with whether there is damage before it: a store
/// that salvages is read on, and its scanners report the hole. A scanner that fails now and then is started again.
pub(crate) async fn for_each_until(
    wal: &dyn RoWalImpls,
    start: Start,
    last: MessageId,
    mut f: impl FnMut(&StoredRecord, bool) -> Result<()>,
) -> Result<()> {
    let each = |record: &StoredRecord, damaged| {
        f(record, damaged).map(ControlFlow::<Infallible>::Continue)
    };
    let options = ScanOptions::default();
    read_until(wal, start, last, options, each)
        .await
        .map(|_| ())
}

/// As [`for_each_until`], until `f` breaks.
pub(crate) async fn read_until<B>(
    wal: &dyn RoWalImpls,
    start: Start,
    last: MessageId,
    options: ScanOptions,
    mut f: impl FnMut(&StoredRecord, bool) -> Result<ControlFlow<B>>,
) -> Result<Option<B>> {
    let scan = |start| {
        let options = &options;
        patiently(move || wal.scan(start, options.clone()))
    };
    let mut scanner = scan(start).await?;
    let (mut damaged, mut seen) = (false, None);
    let mut patience = Patience::new();
    loop {
        let batch = match next_batch(scanner.as_mut()).await {
            Ok(batch) => batch,
            Err(error) => {
                patience.wait(error).await?;
                scanner = scan(seen.map_or(start, Start::After)).await?;
                continue;
            }
        };
        if !batch.is_empty() {
            patience.reset();
        }
        for item in batch {
            match item {
                // Handed out twice.
                Scanned::Record(record) if seen == Some(record.id) => {}
                Scanned::Record(record) => {
                    seen = Some(record.id);
                    if let ControlFlow::Break(found) = f(&record, std::mem::take(&mut damaged))? {
                        return Ok(Some(found));
                    }
                    if record.id >= last {
                        return Ok(None);
                    }
                }
                Scanned::Damage(_) => damaged = true,
                // The last one was truncated meanwhile.
                Scanned::Foreign(foreign) if foreign.id >= last => return Ok(None),
                Scanned::Foreign(_) => {}
                _ => {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        "the backend handed out what this version can't read",
                    ));
                }
            }
        }
    }
}

/// The next batch of a backend's scanner.
pub(crate) async fn next_batch(scanner: &mut dyn ScannerImpls) -> Result<Vec<Scanned>> {
    poll_fn(|context| scanner.poll_batch(context)).await
}
