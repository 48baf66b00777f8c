use walx_core::{Error, ErrorKind, MessageId, Result, Tick};
use walx_impls::{Mark, Start};

use crate::id;
use crate::look::{Look, look_blocking};
use crate::store::Store;

/// Where a scanner starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: i64,
    /// The first offset that was kept then.
    pub(super) low: i64,
}

/// The offset of a start, on a thread that may block.
pub(super) fn find(store: &Store, topic: &str, start: Start) -> Result<Place> {
    match start {
        Start::Earliest | Start::At(_) | Start::After(_) | Start::Last(0) => {
            let (low, high) = store.watermarks_blocking(topic)?;
            let offset = match start {
                Start::At(id) => written(id, high)?,
                Start::After(id) => written(id, high)? + 1,
                Start::Last(_) => high,
                _ => low,
            };
            if offset < low {
                return Err(lost(store, topic));
            }
            Ok(Place { offset, low })
        }
        Start::Last(count) => look_blocking(store, topic, |look| place(look, look.last(count)?)),
        Start::Near(Mark::Lsn(lsn)) => {
            look_blocking(store, topic, |look| place(look, look.near_lsn(lsn)?))
        }
        Start::Near(Mark::Tick(tick)) => {
            look_blocking(store, topic, |look| place(look, near_tick(look, tick)?))
        }
    }
}

/// What is said of a position that isn't kept any more, with the earliest record that is.
pub(super) fn lost(store: &Store, topic: &str) -> Error {
    let earliest = match look_blocking(store, topic, |look| look.earliest()) {
        Ok(earliest) => earliest,
        // Better than to say that nothing is left.
        Err(error) => return error,
    };
    let earliest = earliest.map(id::of);
    let text = "what comes next was truncated; start at the earliest record that is kept";
    Error::new(ErrorKind::PositionLost { earliest }, text).with_context("topic", topic)
}

#[expect(clippy::unnecessary_wraps, reason = "it ends a look, which may fail")]
fn place(look: &Look<'_>, offset: i64) -> Result<Place> {
    Ok(Place {
        offset: offset.max(look.low),
        low: look.low,
    })
}

/// No record before the first one with this timestamp has the tick. The newest record at the latest: a scan near a
/// tick that is still to come is not to wait for it.
fn near_tick(look: &Look<'_>, tick: Tick) -> Result<i64> {
    let Some(newest) = look.newest_record()?.record else {
        return Ok(look.low);
    };
    let ms = i64::try_from(tick.unix_ms()).unwrap_or(i64::MAX);
    let found = look.offset_at(ms)?;
    Ok(found.map_or(newest, |offset| offset.min(newest)))
}

fn written(id: MessageId, high: i64) -> Result<i64> {
    let offset = id::offset(id)?;
    if offset < high {
        return Ok(offset);
    }
    let text = format!("{id} was never written: it lies beyond the tail");
    Err(Error::new(ErrorKind::InvalidInput, text))
}
