//! Entries as short words, which a case can compare with what must come: `a`, `[b c]` for a transaction, `<commit 2>` for
//! a mark, `(truncated)` for a gap, `{x}` for a foreign record.

use std::fmt::Write;

use walx_core::{
    End, Entry, MarkerKind, Message, RoWal, ScanOption, Scanner, TransactionOption, VirtualChannel,
    Wal,
};

use crate::case::same;
use crate::log::{entries, next_entry};
use crate::{Failure, Outcome};

/// A stream by its name.
pub(super) fn stream(name: &str) -> Outcome<VirtualChannel> {
    Ok(VirtualChannel::new(name)?)
}

/// The entry in a word.
pub(super) fn word(entry: &Entry) -> Outcome<String> {
    let payload = |message: &Message| String::from_utf8_lossy(&message.payload).into_owned();
    Ok(match entry {
        Entry::Message(it) => payload(&it.message),
        Entry::Transaction(it) => {
            let bodies = it.messages().map(|body| Ok(payload(&body?.message)));
            let bodies: Vec<_> = bodies.collect::<walx_core::Result<_>>()?;
            format!("[{}]", bodies.join(" "))
        }
        Entry::Marker(it) => match it.kind {
            MarkerKind::Begin => "<begin>".to_owned(),
            MarkerKind::Commit { count } => format!("<commit {count}>"),
            MarkerKind::Rollback { expired: false } => "<rollback>".to_owned(),
            MarkerKind::Rollback { expired: true } => "<expired>".to_owned(),
            MarkerKind::Tick => "<tick>".to_owned(),
            other => return Err(Failure::new(format!("nobody knows the mark {other:?}"))),
        },
        Entry::Gap(gap) => format!("({})", gap.reason),
        Entry::Foreign(it) => format!("{{{}}}", String::from_utf8_lossy(&it.payload)),
        other => return Err(Failure::new(format!("nobody knows the entry {other:?}"))),
    })
}

/// What a scan up to the tail hands out.
pub(super) async fn words(wal: &dyn RoWal, option: ScanOption) -> Outcome<Vec<String>> {
    let all = entries(wal, option.until(End::Tail)).await?;
    all.iter().map(word).collect()
}

/// A scan up to the tail hands out exactly these.
pub(super) async fn hands_out(wal: &dyn RoWal, option: ScanOption, expected: &str) -> Outcome {
    let mut what = String::new();
    let _ = write!(what, "a scan from {:?}", option.from);
    if !option.virtual_channels.is_empty() {
        let _ = write!(what, " of {:?}", option.virtual_channels);
    }
    let found = words(wal, option).await?.join(" ");
    same(&[found.as_str()], &[expected], &what)
}

/// The next entry of a scan, which must come.
pub(super) async fn next_word(scanner: &mut dyn Scanner) -> Outcome<String> {
    match next_entry(scanner).await? {
        Some(entry) => word(&entry),
        None => Err(Failure::new("the scan ends, and must go on")),
    }
}

/// Three that overlap, one of which is rolled back, and messages between all of it.
pub(super) async fn overlapping(wal: &dyn Wal) -> Outcome {
    let say = |text: &'static str| wal.append(text.into());
    let first = wal.begin(TransactionOption::new())?;
    say("a").await?;
    first.append("1".into()).await?;
    let second = wal.begin(TransactionOption::new())?;
    second.append("2".into()).await?;
    say("b").await?;
    let third = wal.begin(TransactionOption::new())?;
    first.append("3".into()).await?;
    third.append("4".into()).await?;
    second.commit().await?;
    say("c").await?;
    third.rollback().await?;
    say("d").await?;
    first.append("5".into()).await?;
    first.commit().await?;
    say("e").await?;
    Ok(())
}
