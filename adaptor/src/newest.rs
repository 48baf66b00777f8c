//! What the newest confirmed records say: the newest tick of each stream, up to which its readers can wait, and what is
//! still open.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

use walx_core::{Header, MessageId, Result, Seq, Tick, VirtualChannel};
use walx_impls::{Kind, RoWalImpls, StoredRecord};
use walx_utility::sync::lock;

use crate::backwards::backwards;
use crate::planted::{self, Bug};

/// Of so many streams it is remembered.
const MOST_STREAMS: usize = 16 << 10;

/// What an owner confirmed since it opened the channel.
#[derive(Debug, Default)]
pub(crate) struct Newest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    streams: HashMap<VirtualChannel, Tick>,
    /// Of what is meant for all.
    all: Option<Tick>,
    /// The oldest transaction that is open behind all that is confirmed.
    oldest_open: Option<Seq>,
}

impl Newest {
    /// These were confirmed, in this order.
    pub(crate) fn note(&self, records: &[StoredRecord]) {
        let entries = records.iter().map(|it| &it.record.header);
        let mut state = lock(&self.0);
        if let Some(last) = records.last() {
            state.oldest_open = last.record.header.oldest_open;
        }
        for header in entries.filter(|it| is_entry(it)) {
            if planted::is(Bug::ForgetsCommits) && header.kind == Kind::Commit {
                continue;
            }
            match &header.virtual_channel {
                None => state.all = Some(header.tick),
                Some(stream) => state.set(stream, header.tick),
            }
        }
    }

    /// The Begin of the oldest transaction whose end is not confirmed.
    pub(crate) fn oldest_open(&self) -> Option<Seq> {
        lock(&self.0).oldest_open
    }

    /// Of one stream; `None` where nothing was confirmed.
    pub(crate) fn of(&self, stream: &VirtualChannel) -> Option<Tick> {
        let state = lock(&self.0);
        state.streams.get(stream).copied().max(state.all)
    }
}

impl State {
    fn set(&mut self, stream: &VirtualChannel, tick: Tick) {
        if let Some(known) = self.streams.get_mut(stream) {
            *known = tick;
            return;
        }
        if self.streams.len() >= MOST_STREAMS {
            // What is meant for all goes too: it would hide what is forgotten here.
            *self = Self {
                oldest_open: self.oldest_open,
                ..Self::default()
            };
        }
        self.streams.insert(stream.clone(), tick);
    }
}

/// The newest tick of a stream that the log has, read backwards from `newest`.
pub(crate) async fn search(
    wal: &dyn RoWalImpls,
    newest: Option<MessageId>,
    stream: &VirtualChannel,
) -> Result<Option<Tick>> {
    let Some(newest) = newest else {
        return Ok(None);
    };
    backwards(wal, newest, |it| {
        let header = &it.record.header;
        let is_of = header
            .virtual_channel
            .as_ref()
            .is_none_or(|it| it == stream);
        Ok(match is_of && is_entry(header) {
            true => ControlFlow::Break(header.tick),
            false => ControlFlow::Continue(()),
        })
    })
    .await
}

/// Whether scans deliver an entry at the place of this record.
fn is_entry(header: &Header) -> bool {
    match header.kind {
        Kind::Data => header.transaction.is_none() && header.ends_message(),
        Kind::Commit => true,
        _ => false,
    }
}
