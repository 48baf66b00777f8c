//! What somebody else writes into a channel's storage is told, or handed out, and disturbs nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

#[path = "../common/mod.rs"]
mod common;
mod follow;
mod scan;

use std::sync::Arc;

use common::{Rig, message, texts, tiny};
use walx_core::{Entry, GapReason, MessageId, Opener, RoWal};

impl Rig {
    fn foreign(&self, payload: &'static str) -> MessageId {
        self.store.foreign(&self.channel, payload)
    }

    /// A reader in another process.
    async fn reader(&self) -> Reader {
        let opener = self.other_opener();
        let option = self.option().with_cache(tiny());
        let wal = opener.open_read_only(option).await.unwrap();
        Reader {
            wal,
            _opener: opener,
        }
    }
}

/// A wal with the opener that it lives in.
struct Reader {
    wal: Arc<dyn RoWal>,
    _opener: Arc<dyn Opener>,
}

impl std::ops::Deref for Reader {
    type Target = dyn RoWal;

    fn deref(&self) -> &Self::Target {
        &*self.wal
    }
}

/// Messages by their payloads, foreign records by theirs in brackets, and gaps by how many they tell of.
fn told(entries: &[Entry]) -> Vec<String> {
    let one = |entry: &Entry| match entry {
        Entry::Foreign(it) => format!("[{}]", String::from_utf8_lossy(&it.payload)),
        Entry::Gap(gap) if gap.reason == GapReason::Foreign => {
            assert_eq!((gap.seqs, gap.lsns), (None, None), "nothing is missing");
            format!("({})", count(&gap.detail))
        }
        other => texts(std::slice::from_ref(other)).remove(0),
    };
    entries.iter().map(one).collect()
}

/// How many a gap tells of.
fn count(detail: &str) -> u64 {
    detail.split_once(' ').unwrap().0.parse().unwrap()
}

/// A log with foreign records everywhere: before the first record, between messages, and at the tail.
async fn log() -> Rig {
    let rig = Rig::new();
    rig.foreign("a");
    let wal = rig
        .opener
        .open(rig.option().with_cache(tiny()))
        .await
        .unwrap();
    for (i, foreign) in [&["b", "c"][..], &[], &["d"], &["e", "f", "g"]]
        .into_iter()
        .enumerate()
    {
        wal.append(message(i)).await.unwrap();
        for it in foreign {
            rig.foreign(it);
        }
    }
    wal.close().await.unwrap();
    rig.foreign("h");
    rig.foreign("i");
    rig
}
