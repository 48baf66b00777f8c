//! How a log goes on after a writer that failed.

use std::sync::Arc;

use walx_core::{ErrorKind, MessageId, Record, Result};
use walx_impls::{Appending, Start, StoredRecord};
use walx_utility::clock;

use crate::case::{ensure, same};
use crate::journal::{Journal, Writer, one};
use crate::reading::{PATIENCE, read};
use crate::{Failure, Outcome};

/// An append of a handle whose append failed before.
pub(super) const DEAD: &[ErrorKind] = &[ErrorKind::NotWritten];
/// A call that does not get through.
pub(super) const GONE: &[ErrorKind] = &[ErrorKind::Unavailable];

/// How a call is answered, which must be in time.
pub(super) async fn answer(appending: Appending) -> Outcome<Result<MessageId>> {
    let answer = clock::timeout(PATIENCE, appending).await;
    match answer.map_err(|_| Failure::new("an append is never answered"))? {
        Ok(ids) => one(Ok(ids)).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// The next writer finds what was acknowledged, and of these records, whose fate is not known, so many as a whole
/// beginning; it goes on behind them. Answers how many there were.
pub(super) async fn goes_on(
    journal: &Arc<Journal>,
    writer: Writer,
    fate: &[Record],
) -> Outcome<usize> {
    let acknowledged = journal.stored();
    let last = &acknowledged[acknowledged.len() - 1];
    let newest = writer.append_barrier().await?;
    let all = read(&*writer.wal, Start::Earliest, newest.id).await?;
    let (before, late) = all.split_at(acknowledged.len().min(all.len()));
    same(before, &acknowledged, "records that were acknowledged")?;
    let late: Vec<StoredRecord> = late[..late.len().saturating_sub(1)].to_vec();
    let landed: Vec<_> = late.iter().map(|it| it.record.clone()).collect();
    ensure!(
        landed.len() <= fate.len(),
        "behind {} lie {} records, and {} were on their way",
        last.id,
        landed.len(),
        fate.len()
    );
    same(
        &landed,
        &fate[..landed.len()],
        "records that were on their way",
    )?;
    journal.put_down(late);
    journal.put_down(vec![newest]);
    for record in &fate[landed.len()..] {
        writer
            .append_record(writer.take_over(record.clone()))
            .await?;
    }
    let last = writer.append(2).await?.remove(1).id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of all writers",
    )?;
    Ok(landed.len())
}
