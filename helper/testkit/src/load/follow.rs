use std::sync::Arc;
use std::time::Duration;

use walx_core::{
    ChannelName, Entry, ErrorKind, Lsn, OpenOption, Opener, Position, ResumeToken, RoWal,
    ScanOption,
};
use walx_utility::clock;

use super::books::{Books, LAST};
use super::owner::{Wals, current};
use crate::case::ensure;
use crate::{Failure, Outcome};

/// How long it waits before it scans again where that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// Entries that are taken at once.
const BATCH: usize = 256;

/// How far a reader has come.
#[derive(Default)]
struct Place {
    token: Option<ResumeToken>,
    lsn: Option<Lsn>,
}

/// Follows the log through the wal that owns it, from one owner to the next, to the last message.
pub(super) async fn follow_as_owner(mut wals: Wals, books: Arc<Books>) -> Outcome {
    let mut place = Place::default();
    loop {
        let wal = current(&mut wals).await?;
        let wal: Arc<dyn RoWal> = wal;
        if scan(&*wal, &mut place).await? {
            return Ok(());
        }
        books.scanned_again();
        clock::sleep(PAUSE).await;
    }
}

/// Follows the log as a reader elsewhere, to the last message.
pub(super) async fn follow_as_reader(
    store: Arc<dyn Opener>,
    channel: ChannelName,
    books: Arc<Books>,
) -> Outcome {
    let mut place = Place::default();
    loop {
        let option = OpenOption::new(channel.clone());
        if let Ok(wal) = store.open_read_only(option).await {
            let reached = scan(&*wal, &mut place).await?;
            // A scan that failed may leave a handle that can't be ended cleanly.
            let _ = wal.close().await;
            if reached {
                return Ok(());
            }
        }
        books.scanned_again();
        clock::sleep(PAUSE).await;
    }
}

/// Scans on; `true` where the last message came, `false` where an error ended the scan.
async fn scan(wal: &dyn RoWal, place: &mut Place) -> Outcome<bool> {
    let from = place.token.map_or(Position::Earliest, Position::Resume);
    let Some(mut scanner) = passing(wal.scan(ScanOption::new(from)).await)? else {
        return Ok(false);
    };
    loop {
        let Some(batch) = passing(scanner.next_batch(BATCH).await)? else {
            return Ok(false);
        };
        for entry in &batch {
            let Entry::Message(it) = entry else {
                return Err(Failure::new(format!("a follower is told {entry:?}")));
            };
            let (lsn, last) = (it.place.lsn, place.lsn.replace(it.place.lsn));
            ensure!(
                last.is_none_or(|last| last < lsn),
                "a follower gets lsn {lsn} behind {last:?}"
            );
            place.token = Some(it.token());
            if it.message.payload == LAST {
                return Ok(true);
            }
        }
        ensure!(!batch.is_empty(), "a scan without an end ends");
    }
}

/// What may end a scan while the store is disturbed; anything else is a failure.
fn passing<T>(answer: walx_core::Result<T>) -> Outcome<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Closed) => {
            Ok(None)
        }
        Err(error) => Err(Failure::from(error).during("a follower")),
    }
}
