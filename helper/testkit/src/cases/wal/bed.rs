//! A log to scan, with an owner and a reader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use walx_core::{Opener, RoWal, ScanOption, Tick, TickSource, Wal};

use crate::case::same;
use crate::log::{Sent, append, messages, option, same_channel};
use crate::{Context, Outcome};

/// A clock that moves on by 700 ms at each look, so that there is time between all messages.
#[derive(Default)]
struct Steps(AtomicU64);

impl TickSource for Steps {
    fn now(&self) -> Tick {
        Tick::from_unix_ms(1_700_000_000_000 + 700 * self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A log of two owners with 10 messages each, an owner and a reader of it.
pub(super) struct Bed {
    pub(super) store: Arc<dyn Opener>,
    pub(super) wal: Arc<dyn Wal>,
    pub(super) reader: Arc<dyn RoWal>,
    pub(super) all: Vec<Sent>,
}

impl Bed {
    pub(super) async fn new(context: &Context) -> Outcome<Self> {
        let store = context.store().await?;
        let option = option(context)?.with_tick_source(Arc::new(Steps::default()));
        let wal = store.open(option.clone()).await?;
        let mut all = append(&*wal, 10).await?;
        wal.close().await?;
        let wal = store.open(option).await?;
        all.extend(append(&*wal, 10).await?);
        let reader = store.open_read_only(same_channel(&*wal)).await?;
        Ok(Self {
            store,
            wal,
            reader,
            all,
        })
    }

    /// Owner and reader deliver the same, expected messages.
    pub(super) async fn delivers(&self, option: ScanOption, expected: &[Sent]) -> Outcome {
        for (who, wal) in [
            ("owner", &*self.wal as &dyn RoWal),
            ("reader", &*self.reader),
        ] {
            let what = format!(
                "{who} scans from {:?} until {:?}",
                option.from, option.until
            );
            let seen = messages(wal, option.clone())
                .await
                .map_err(|failure| failure.during(&what))?;
            same(&seen, expected, &what)?;
        }
        Ok(())
    }
}
