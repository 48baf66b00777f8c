//! From where in the first store a copy comes: a property of each message of the second one.

use std::fmt;

use walx_core::{End, Entry, Message, Position, Result, ResumeToken, RoWal, ScanOption};

/// The property's name. A copy's is its last one, so that a message that has one already, as a copy of a copy does, keeps
/// it.
const ORIGIN: &str = "mirror.from";
/// The name of the property that tells of gaps of the first store before the message.
pub(super) const GAP: &str = "mirror.gap";

/// An entry of the first store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Origin {
    /// From where a scan of the first store goes on behind it.
    pub(super) token: ResumeToken,
    /// The lsn of the next message there, for the lag.
    pub(super) next_lsn: u64,
}

impl Origin {
    /// The origin of an entry; `None` of a gap.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let next_lsn = match entry {
            Entry::Message(placed) => placed.place.lsn.next().get(),
            other => other.place()?.lsn.get(),
        };
        let token = entry.token()?;
        Some(Self { token, next_lsn })
    }

    /// The message as the second store gets it.
    pub(super) fn mark(&self, message: Message, gaps: &[String]) -> Message {
        let message = gaps.iter().fold(message, |message, gap| {
            message.with_property(GAP, gap.clone())
        });
        message.with_property(ORIGIN, self.to_string())
    }

    /// The message as it was in the first store, where it comes from and what gaps it tells of; `None` where no mirror
    /// wrote it.
    pub(super) fn unmark(mut message: Message) -> Option<(Message, Self, Vec<String>)> {
        let mut properties: Vec<_> = message
            .properties
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let origin = match properties.pop()? {
            (name, value) if name == ORIGIN => Self::parse(&text(&value))?,
            _ => return None,
        };
        let mut gaps = Vec::new();
        while let Some((_, value)) = properties.pop_if(|(name, _)| name == GAP) {
            gaps.insert(0, text(&value));
        }
        message.properties = properties.into_iter().collect();
        Some((message, origin, gaps))
    }

    /// Where a copy, or the last message of a copied transaction, comes from; `None` where no mirror wrote it.
    pub(super) fn of_copy(entry: &Entry) -> Result<Option<Self>> {
        let message = match entry {
            Entry::Message(placed) => Some(placed.message.clone()),
            Entry::Transaction(transaction) => transaction
                .messages()
                .last()
                .transpose()?
                .map(|body| body.message),
            _ => None,
        };
        Ok(message.and_then(Self::unmark).map(|(_, origin, _)| origin))
    }

    fn parse(text: &str) -> Option<Self> {
        let (next_lsn, token) = text.split_once(' ')?;
        Some(Self {
            token: token.parse().ok()?,
            next_lsn: next_lsn.parse().ok()?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.next_lsn, self.token)
    }
}

/// The newest entry that a scan of a log delivers and that is no gap; `None` where there is none.
pub(super) async fn newest_entry(wal: &dyn RoWal) -> Result<Option<Entry>> {
    let messages = wal.tail().await?.lsn.get();
    let mut back = 16;
    loop {
        let option = ScanOption::new(Position::Last(back)).until(End::Tail);
        let mut scanner = wal.scan(option).await?;
        let mut newest = None;
        loop {
            let batch = scanner.next_batch(256).await?;
            if batch.is_empty() {
                break;
            }
            let counts = |it: &Entry| match it {
                Entry::Message(_) => true,
                // One without messages leaves no copy.
                Entry::Transaction(transaction) => transaction.count() > 0,
                _ => false,
            };
            newest = batch.into_iter().rev().find(counts).or(newest);
        }
        if newest.is_some() || back >= messages {
            return Ok(newest);
        }
        // The newest messages are of transactions that were rolled back.
        back = back.saturating_mul(16);
    }
}
