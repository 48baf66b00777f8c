//! What is known of a channel, without owning it.

use walx_core::{Description, ErrorKind, Header, LastOwner, Lsn, Result, Tail, Tick};
use walx_impls::{Kind, OpenerImpls, RoWalImpls, ScanOptions, Scanned, Start};

use crate::look::{Look, Released, look, next_batch};
use crate::patience::{Patience, patiently};
use crate::truncation::last_droppable;

/// Describes a channel through a reader of it; scanners are added by whoever knows them.
pub(crate) async fn describe(
    opener: &dyn OpenerImpls,
    reader: &dyn RoWalImpls,
) -> Result<Description> {
    let channel = reader.channel();
    let mut looked = look(reader).await?;
    looked.find_who(reader).await?;
    let tail = tail(&looked);
    let mut description = Description::new(channel.clone(), opener.capability(), tail);
    description.bounds = patiently(|| reader.bounds()).await?;
    description.earliest = first_lsn(reader, &looked).await?;
    description.last_droppable = last_droppable(reader, &looked).await?;
    description.owner = looked
        .owner
        .map(|(owner, released)| LastOwner::new(owner, released == Released::Yes, looked.who));
    if let Some(maintenance) = opener.maintenance() {
        description.usage = maintenance.usage(channel).await?;
        description.processes = maintenance.processes().await;
    }
    Ok(description)
}

/// The end of the log, as its newest record with numbers says.
pub(crate) fn tail(looked: &Look) -> Tail {
    let header = looked.numbered.as_ref().map(|it| &it.record.header);
    let lsn = header.and_then(Header::next_lsn).unwrap_or(Lsn::ZERO);
    let tick = header.map_or(Tick::ZERO, |header| header.tick);
    Tail::new(lsn, looked.newest, tick)
}

fn options() -> ScanOptions {
    ScanOptions::new(64 << 10)
}

/// The lsn of the first message that is kept.
async fn first_lsn(reader: &dyn RoWalImpls, looked: &Look) -> Result<Option<Lsn>> {
    let Some(newest) = looked.newest else {
        return Ok(None);
    };
    let scan = || patiently(|| reader.scan(Start::Earliest, options()));
    let mut scanner = scan().await?;
    let mut patience = Patience::new();
    loop {
        let batch = match next_batch(scanner.as_mut()).await {
            // The owner truncated meanwhile.
            Err(error) if matches!(error.kind(), ErrorKind::PositionLost { .. }) => {
                scanner = scan().await?;
                continue;
            }
            // Only markers were read so far.
            Err(error) => {
                patience.wait(error).await?;
                scanner = scan().await?;
                continue;
            }
            Ok(batch) => batch,
        };
        for item in batch {
            let Scanned::Record(record) = item else {
                continue;
            };
            let header = &record.record.header;
            // Of a message that begins with a later chunk the first ones are gone.
            let is_whole = header.chunk.is_none_or(|chunk| chunk.index == 0);
            if header.kind == Kind::Data && is_whole {
                return Ok(header.lsn);
            }
            if record.id >= newest {
                return Ok(None);
            }
        }
    }
}
