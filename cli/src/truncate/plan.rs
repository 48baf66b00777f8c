use walx::{
    Delivery, Description, Entry, GapReason, LostPolicy, Lsn, MessageId, OpenOption, Opener,
    Progress, RoWal, ScanOption, Scanner,
};

use super::until::Until;
use crate::exit::{Code, Failure};
use crate::progress;
use crate::store;

/// Entries that are taken at once.
const BATCH: usize = 1024;

/// What a truncation drops, counted by reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) messages: u64,
    /// Payloads and properties.
    pub(super) bytes: u64,
    /// Places where damage hides how many there are.
    pub(super) holes: u64,
    pub(super) first: Option<Lsn>,
    pub(super) last: Option<Lsn>,
    /// The newest record that goes.
    pub(super) id: Option<MessageId>,
    /// The message that would go as well, were it not the newest record.
    pub(super) stays: Option<Lsn>,
}

impl Plan {
    /// Nothing in it where nothing goes.
    pub(super) async fn make(
        store: &dyn Opener,
        it: &Description,
        until: Until,
    ) -> Result<Self, Failure> {
        let mut plan = Self::default();
        if it.earliest.is_none() {
            return Ok(plan);
        }
        let Some(end) = until.end(it)? else {
            return Ok(plan);
        };
        let option = OpenOption::new(it.channel.clone()).with_cache(store::CACHE);
        let wal = store.open_read_only(option).await?;
        // An owner may drop some of it meanwhile.
        let scan = ScanOption::earliest()
            .until(end)
            .on_lost(LostPolicy::Gap)
            .with_transactions(Delivery::Raw)
            .with_read_ahead_bytes(store::READ_AHEAD_BYTES);
        let outcome = plan.read(&*wal, scan, it.last_droppable).await;
        let closed = wal.close().await;
        outcome?;
        closed?;
        Ok(plan)
    }

    async fn read(
        &mut self,
        wal: &dyn RoWal,
        scan: ScanOption,
        last_droppable: Option<MessageId>,
    ) -> Result<(), Failure> {
        let mut scanner = wal.scan(scan).await?;
        let progress = Progress::default();
        let work = self.count(&mut *scanner, last_droppable, &progress);
        progress::watch("read", &progress, work).await
    }

    async fn count(
        &mut self,
        scanner: &mut dyn Scanner,
        last_droppable: Option<MessageId>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        loop {
            let entries = scanner.next_batch(BATCH).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                match entry {
                    Entry::Message(it)
                        if last_droppable.is_some_and(|last| it.place.id <= last) =>
                    {
                        let bytes = it.message.bytes() as u64;
                        self.messages += 1;
                        self.bytes += bytes;
                        self.first = self.first.or(Some(it.place.lsn));
                        self.last = Some(it.place.lsn);
                        self.id = Some(it.place.id);
                        progress.advance(bytes);
                    }
                    // It goes as well, but nobody counts it.
                    Entry::Marker(it) if last_droppable.is_some_and(|last| it.place.id <= last) => {
                        self.id = Some(it.place.id);
                    }
                    Entry::Marker(_) => {}
                    Entry::Message(it) => self.stays = Some(it.place.lsn),
                    Entry::Gap(gap) => {
                        let hidden = gap.reason.is_hole() && gap.reason != GapReason::Truncated;
                        self.holes += u64::from(hidden);
                    }
                    // What this version can't read must not go by unseen.
                    other => {
                        let text = format!("an entry of an unknown kind: {other:?}");
                        return Err(Failure::new(Code::Unsupported, text));
                    }
                }
            }
        }
    }
}
