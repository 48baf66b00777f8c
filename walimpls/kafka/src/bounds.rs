//! What is kept of a channel.

use std::sync::{Arc, Mutex};

use walx_core::{Bounds, Result};
use walx_utility::sync::lock;

use crate::id;
use crate::look::{Look, look};
use crate::store::Store;

/// The bounds of a topic, found by a look; what is known from the last time spares the next one the look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends(Arc<Mutex<Known>>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The earliest record: it stays so until it is truncated.
    earliest: Option<i64>,
    /// What lies last of all before an offset: it stays so until there is more behind that.
    last: Option<(i64, Last)>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    record: Option<i64>,
    /// A foreign record behind it.
    foreign: Option<i64>,
}

impl Ends {
    /// The earliest and the newest record, past marks and control records; the newest foreign record where it lies behind
    /// them.
    ///
    /// Where all records are gone, nobody knows which one was the newest: the last offset that is not kept stands for it,
    /// behind which every later one lies.
    pub(crate) async fn bounds(&self, store: &Arc<Store>, topic: &str) -> Result<Bounds> {
        let known = Arc::clone(&self.0);
        look(store, topic, move |look| {
            let before = *lock(&known);
            let now = before.at(look)?;
            *lock(&known) = now;
            let last = now.last.map(|(_, last)| last);
            let newest = last.and_then(|last| last.record);
            let newest = newest.or_else(|| (look.low > 0).then(|| look.low - 1));
            let foreign = last.and_then(|last| last.foreign);
            Ok(Bounds::new(now.earliest.map(id::of), newest.map(id::of))
                .with_foreign(foreign.map(id::of)))
        })
        .await
    }
}

impl Known {
    fn at(self, look: &Look<'_>) -> Result<Self> {
        let kept = |offset: &i64| (look.low..look.high).contains(offset);
        let known = self.last.filter(|(high, _)| *high == look.high);
        let last = match known {
            Some((_, last)) => Last {
                record: last.record.filter(kept),
                foreign: last.foreign.filter(kept),
            },
            None => {
                let newest = look.newest_record()?;
                let (record, foreign) = (newest.record, newest.foreign);
                Last { record, foreign }
            }
        };
        let earliest = match self.earliest.filter(kept) {
            Some(earliest) => Some(earliest),
            None if last.record.is_some() => look.earliest()?,
            None => None,
        };
        let last = Some((look.high, last));
        Ok(Self { earliest, last })
    }
}
