//! How far a truncation may go: what numbering and open transactions need stays.

use walx_core::{Error, ErrorKind, MessageId, Result, Seq};
use walx_impls::RoWalImpls;

use crate::find::find_seq;
use crate::look::{Look, look};

/// How far a truncation to `id` may go, by what the log says; `None` where nothing may go.
pub(crate) async fn limit(reader: &dyn RoWalImpls, id: MessageId) -> Result<Option<MessageId>> {
    let looked = look(reader).await?;
    let numbered = looked.numbered.as_ref();
    let clamped = clamp(id, looked.newest, numbered.map(|it| it.id), looked.before)?;
    match clamped {
        Some(id) => before_what_is_open(reader, &looked, id).await,
        None => Ok(None),
    }
}

/// The newest record that may go, in a log whose end was looked at.
pub(crate) async fn last_droppable(
    reader: &dyn RoWalImpls,
    looked: &Look,
) -> Result<Option<MessageId>> {
    match looked.numbered.as_ref().and(looked.before) {
        Some(id) => before_what_is_open(reader, looked, id).await,
        None => Ok(None),
    }
}

/// As far as it may go before the oldest transaction that is open, and before the newest message, which may have several
/// records.
pub(crate) async fn before_what_is_open(
    reader: &dyn RoWalImpls,
    looked: &Look,
    id: MessageId,
) -> Result<Option<MessageId>> {
    let header = looked
        .numbered
        .as_ref()
        .map(|it| (it.id, &it.record.header));
    let Some((newest, header, seq)) = header.and_then(|(id, it)| Some((id, it, it.seq?))) else {
        return Ok(Some(id));
    };
    let head = header
        .chunk
        .map(|chunk| Seq::new(seq.get().saturating_sub(u64::from(chunk.index))));
    match [head, header.oldest_open].into_iter().flatten().min() {
        Some(begin) => before_open(reader, id, begin, (newest, seq)).await,
        None => Ok(Some(id)),
    }
}

/// Never to the newest record that carries numbers. `None` where nothing may go.
pub(crate) fn clamp(
    id: MessageId,
    newest: Option<MessageId>,
    numbered: Option<MessageId>,
    before: Option<MessageId>,
) -> Result<Option<MessageId>> {
    let beyond = |newest: MessageId| {
        Error::new(
            ErrorKind::InvalidInput,
            "the id is not one of this channel: it lies beyond its newest record, or \
                                             another backend made it",
        )
        .with_context("id", id)
        .with_context("newest", newest)
    };
    match (newest, numbered) {
        (Some(newest), _) if id.partial_cmp(&newest).is_none_or(|order| order.is_gt()) => {
            Err(beyond(newest))
        }
        (_, Some(numbered)) if id >= numbered => Ok(before),
        (_, Some(_)) => Ok(Some(id)),
        // Only Barriers are there.
        (_, None) => Ok(None),
    }
}

/// How far a truncation to `id` may go where the transaction that begins at the seq `begin` is open; `None` where
/// nothing may go.
pub(crate) async fn before_open(
    wal: &dyn RoWalImpls,
    id: MessageId,
    begin: Seq,
    newest: (MessageId, Seq),
) -> Result<Option<MessageId>> {
    match find_seq(wal, begin, newest).await? {
        Some(begin) if id >= begin.id => Ok(begin.before),
        _ => Ok(Some(id)),
    }
}
