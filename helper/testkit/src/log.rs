//! The wal level's helpers: what was appended, and what a scan delivers.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{
    Entry, Error, ErrorKind, Message, OpenOption, Opener, Place, RoWal, ScanOption, Scanner, Wal,
};
use walx_utility::clock;

use crate::case::ensure;
use crate::{Context, Failure, Outcome};

/// How long the next entry may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A message with the place that it was given, or was found at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) place: Place,
    pub(crate) message: Message,
}

/// A store, and an owner of a new channel in it.
pub(crate) async fn new_log(context: &Context) -> Outcome<(Arc<dyn Opener>, Arc<dyn Wal>)> {
    let store = context.store().await?;
    let wal = store.open(option(context)?).await?;
    Ok((store, wal))
}

/// The option that opens a new channel.
pub(crate) fn option(context: &Context) -> Outcome<OpenOption> {
    Ok(OpenOption::new(context.channel("log")?))
}

/// The option that opens the same channel again.
pub(crate) fn same_channel(wal: &dyn RoWal) -> OpenOption {
    OpenOption::new(wal.channel().name.clone())
}

/// The next owner, as soon as one that was dropped lets go of the channel: where the fence is a lock, what it had on its
/// way is brought to an end first.
pub(crate) async fn open_once_free(
    store: &Arc<dyn Opener>,
    option: &OpenOption,
) -> Outcome<Arc<dyn Wal>> {
    let open = async {
        loop {
            match store.open(option.clone()).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    clock::sleep(Duration::from_millis(2)).await;
                }
                answer => break answer,
            }
        }
    };
    let opened = clock::timeout(PATIENCE, open).await;
    Ok(opened.map_err(|_| Failure::new("a channel stays with an owner that was dropped"))??)
}

/// The message of a number.
pub(crate) fn message(number: u64) -> Message {
    Message::new(format!("message {number}")).with_property("number", number.to_string())
}

/// Appends so many messages, one after the other.
pub(crate) async fn append(wal: &dyn Wal, count: u64) -> Outcome<Vec<Sent>> {
    let mut sent = Vec::new();
    for number in 0..count {
        let message = message(number);
        sent.push(Sent {
            place: wal.append(message.clone()).await?,
            message,
        });
    }
    Ok(sent)
}

/// The next entry of a scan; `None` at its end.
pub(crate) async fn next_entry(scanner: &mut dyn Scanner) -> Outcome<Option<Entry>> {
    let batch = clock::timeout(PATIENCE, scanner.next_batch(1)).await;
    let mut batch =
        batch.map_err(|_| Failure::new("the scan waits on, and an entry must come"))??;
    ensure!(
        batch.len() <= 1,
        "next_batch(1) hands out {} entries",
        batch.len()
    );
    Ok(batch.pop())
}

/// The next message of a scan, which must come, and before it no gap.
pub(crate) async fn next(scanner: &mut dyn Scanner) -> Outcome<Sent> {
    match next_entry(scanner).await? {
        Some(entry) => sent(&entry),
        None => Err(Failure::new("the scan ends, and must go on")),
    }
}

/// The next messages of a scan.
pub(crate) async fn take(scanner: &mut dyn Scanner, count: usize) -> Outcome<Vec<Sent>> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let read = all.len();
        all.push(
            next(scanner)
                .await
                .map_err(|failure| failure.during(format!("behind {read} messages")))?,
        );
    }
    Ok(all)
}

/// All entries of a scan that has an end.
pub(crate) async fn entries(wal: &dyn RoWal, option: ScanOption) -> Outcome<Vec<Entry>> {
    let mut scanner = wal.scan(option).await?;
    let mut all = Vec::new();
    loop {
        let batch = clock::timeout(PATIENCE, scanner.next_batch(100)).await;
        let batch = batch.map_err(|_| {
            Failure::new(format!(
                "a scan to its end hangs behind {} entries",
                all.len()
            ))
        })??;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch);
    }
}

/// All messages of a scan that has an end and meets no gap.
pub(crate) async fn messages(wal: &dyn RoWal, option: ScanOption) -> Outcome<Vec<Sent>> {
    entries(wal, option).await?.iter().map(sent).collect()
}

/// Why a scan ends that is not to end by itself.
pub(crate) async fn end(mut scanner: Box<dyn Scanner>) -> Outcome<Error> {
    loop {
        match clock::timeout(PATIENCE, scanner.next_batch(100)).await {
            Ok(Ok(batch)) if batch.is_empty() => {
                return Err(Failure::new("the scan ends without a reason"));
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Ok(error),
            Err(_) => return Err(Failure::new("the scan waits on, and must end")),
        }
    }
}

/// The message of an entry that is no gap.
pub(crate) fn sent(entry: &Entry) -> Outcome<Sent> {
    match entry {
        Entry::Message(it) => Ok(Sent {
            place: it.place,
            message: it.message.clone(),
        }),
        other => Err(Failure::new(format!(
            "where a message must come, there is {other:?}"
        ))),
    }
}
