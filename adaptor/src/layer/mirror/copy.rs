//! Copies entries of the first store into the second one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use walx_core::{Append, Entry, Gap, Message, PlacedTransaction, Result, TransactionOption, Wal};
use walx_utility::metric;

use super::origin::Origin;
use super::state::Trail;

/// The most that is written at a time: one batch, or the part of a transaction that is not acknowledged.
const GROUP_MESSAGES: usize = 256;
const GROUP_BYTES: usize = 1 << 20;
/// How long the second store may take for one message of a transaction.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Gaps between two messages that are told one by one.
const MOST_GAPS: usize = 64;

/// Writes one thing after the other: what comes next is written once the one before it is there, so that the newest copy
/// always tells how far the second store has everything.
pub(super) struct Copier {
    second: Arc<dyn Wal>,
    trail: Arc<Trail>,
    /// Messages to be written together, and where the last one comes from.
    group: Vec<Message>,
    group_bytes: usize,
    last: Option<Origin>,
    /// Gaps that are told with the next message.
    gaps: Vec<String>,
}

impl Copier {
    pub(super) fn new(second: Arc<dyn Wal>, trail: Arc<Trail>) -> Self {
        Self {
            second,
            trail,
            group: Vec::new(),
            group_bytes: 0,
            last: None,
            gaps: Vec::new(),
        }
    }

    /// Copies entries that follow those before them. After an error it must not be used any more.
    pub(super) async fn copy(&mut self, entries: Vec<Entry>) -> Result<()> {
        for entry in entries {
            let origin = Origin::of(&entry);
            match (entry, origin) {
                (Entry::Message(placed), Some(origin)) => {
                    self.group_bytes += placed.message.bytes();
                    self.group.push(origin.mark(placed.message, &self.gaps));
                    self.gaps.clear();
                    self.last = Some(origin);
                    if self.group.len() >= GROUP_MESSAGES || self.group_bytes >= GROUP_BYTES {
                        self.write().await?;
                    }
                }
                (Entry::Transaction(transaction), Some(origin)) => {
                    self.write().await?;
                    self.transaction(&transaction, origin).await?;
                }
                // The second store has all that the first one wrote.
                (Entry::Gap(gap), _) if !gap.reason.is_hole() => {}
                (Entry::Gap(gap), _) => self.gap(&gap),
                // The scan doesn't ask for marks.
                _ => {}
            }
        }
        self.write().await
    }

    async fn write(&mut self) -> Result<()> {
        let Some(origin) = self.last.take() else {
            return Ok(());
        };
        let (messages, bytes) = (self.group.len(), self.group_bytes);
        self.group_bytes = 0;
        let group = std::mem::take(&mut self.group);
        self.second.append_batch(group).await?;
        self.copied(origin, messages, bytes);
        Ok(())
    }

    async fn transaction(&mut self, transaction: &PlacedTransaction, origin: Origin) -> Result<()> {
        if transaction.count() == 0 {
            // There is nothing to see of it.
            self.trail.copied(origin.token.id(), origin.next_lsn);
            return Ok(());
        }
        let mut option = TransactionOption::new().with_keepalive(KEEPALIVE);
        option
            .virtual_channel
            .clone_from(&transaction.virtual_channel);
        let copy = self.second.begin(option)?;
        let mut waiting: VecDeque<(usize, Append)> = VecDeque::new();
        let (mut waiting_bytes, mut all_bytes) = (0, 0);
        for body in transaction.messages() {
            let message = body?.message;
            let bytes = message.bytes();
            (waiting_bytes, all_bytes) = (waiting_bytes + bytes, all_bytes + bytes);
            let message = origin.mark(message, &std::mem::take(&mut self.gaps));
            waiting.push_back((bytes, copy.append(message)));
            while waiting.len() > GROUP_MESSAGES || waiting_bytes > GROUP_BYTES {
                let Some((bytes, oldest)) = waiting.pop_front() else {
                    break;
                };
                oldest.await?;
                waiting_bytes -= bytes;
            }
        }
        for (_, append) in waiting {
            append.await?;
        }
        copy.commit().await?;
        self.copied(origin, transaction.count(), all_bytes);
        Ok(())
    }

    fn copied(&self, origin: Origin, messages: usize, bytes: usize) {
        counter!(metric::MIRROR_MESSAGES_TOTAL).increment(messages as u64);
        counter!(metric::MIRROR_BYTES_TOTAL).increment(bytes as u64);
        self.trail.copied(origin.token.id(), origin.next_lsn);
    }

    fn gap(&mut self, gap: &Gap) {
        tracing::warn!(channel = %self.trail.channel, %gap, "the second store is told of a gap");
        self.trail.pumped.send_modify(|it| it.gaps += 1);
        if self.gaps.len() < MOST_GAPS {
            self.gaps.push(gap.to_string());
        } else if let Some(last) = self.gaps.last_mut() {
            "more gaps than are told".clone_into(last);
        }
    }
}
