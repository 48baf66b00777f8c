//! The words of a line, and the values that they stand for.

use std::time::Duration;

use walx_core::{
    Expected, IdempotencyOption, Lsn, MarkerKind, Owner, Place, Seq, Term, Tick, TransactionId,
    VirtualChannel,
};

use super::event::{Answer, Appended, EventId, Failed, Key, Sent, Start, Stop};
use super::line::KINDS;
/// What follows the name of an event.
pub(super) struct Words<'a>(pub(super) Vec<&'a str>);

impl<'a> Words<'a> {
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(|word| word.split_once('='))
            .filter(move |(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    pub(super) fn done(&self) -> Option<Answer<()>> {
        match self.get("failed") {
            Some(text) => failed(text).map(Err),
            None => self.has("ok").then_some(Ok(())),
        }
    }
}

impl Words<'_> {
    pub(super) fn appended(&self) -> Option<Appended> {
        Some(if self.has("dropped") {
            Appended::Dropped
        } else if let Some(text) = self.get("failed") {
            Appended::Failed(failed(text)?)
        } else {
            Appended::Acknowledged(self.all("place").map(place).collect::<Option<_>>()?)
        })
    }

    pub(super) fn transaction(&self) -> Option<Option<TransactionId>> {
        let id = self.get("in").map(|text| text.parse().ok());
        Some(match id {
            Some(id) => Some(TransactionId(Seq::new(id?))),
            None => None,
        })
    }

    pub(super) fn stream(&self) -> Option<Option<VirtualChannel>> {
        Some(match self.get("virtual") {
            Some(text) => Some(virtual_channel(text)?),
            None => None,
        })
    }

    pub(super) fn kind(&self) -> Option<MarkerKind> {
        if let Some(count) = self.get("commit") {
            let count = count.parse().ok()?;
            return Some(MarkerKind::Commit { count });
        }
        self.one_of(&[
            ("begin", MarkerKind::Begin),
            ("rollback", MarkerKind::Rollback { expired: false }),
            ("expired", MarkerKind::Rollback { expired: true }),
            ("tick", MarkerKind::Tick),
        ])
    }

    /// The only one of these words that stands there.
    pub(super) fn one_of<T: Copy>(&self, table: &[(&str, T)]) -> Option<T> {
        let mut found = table.iter().filter(|(word, _)| self.has(word));
        let (_, value) = found.next()?;
        found.next().is_none().then_some(*value)
    }
}

pub(super) fn keys(text: &str) -> Option<IdempotencyOption> {
    let (bytes, keep_ms) = text.split_once('/')?;
    let keep = Duration::from_millis(keep_ms.parse().ok()?);
    Some(IdempotencyOption::new(bytes.parse().ok()?, keep))
}

pub(super) fn expected(words: &Words<'_>) -> Option<Expected> {
    let mut expected = Expected::new();
    if let Some(text) = words.get("if-lsn") {
        expected = expected.with_lsn(Lsn::new(text.parse().ok()?));
    }
    if let Some(text) = words.get("if-term") {
        expected = expected.with_term(Term::new(text.parse().ok()?));
    }
    Some(expected)
}

pub(super) fn named<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    let row = table.iter().find(|(name, _)| *name == word);
    row.map(|(_, value)| *value)
}

pub(super) fn failed(text: &str) -> Option<Failed> {
    let (word, unknown) = match text.strip_suffix(",unknown") {
        Some(word) => (word, true),
        None => (text, false),
    };
    named(&KINDS, word).map(|kind| Failed { kind, unknown })
}

pub(super) fn event_id(text: &str) -> Option<EventId> {
    let (process, number) = text.split_once('.')?;
    Some(EventId {
        process: process.parse().ok()?,
        number: number.parse().ok()?,
    })
}

pub(super) fn key(text: &str) -> Option<Key> {
    let (call, index) = text.rsplit_once('.')?;
    Some(Key {
        call: event_id(call)?,
        index: index.parse().ok()?,
    })
}

pub(super) fn owner(text: &str) -> Option<Owner> {
    let (term, incarnation) = text.split_once('.')?;
    Some(Owner {
        term: Term::new(term.parse().ok()?),
        incarnation: incarnation.parse().ok()?,
    })
}

pub(super) fn place(text: &str) -> Option<Place> {
    let mut parts = text.split('/');
    let place = Place::new(
        parts.next()?.parse().ok()?,
        Lsn::new(parts.next()?.parse().ok()?),
        Tick::new(parts.next()?.parse().ok()?),
        owner(parts.next()?)?,
    );
    parts.next().is_none().then_some(place)
}

pub(super) fn sent(text: &str) -> Option<Sent> {
    let (text, exclusive) = match text.strip_suffix('!') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (text, key) = match text.split_once('#') {
        Some((text, key)) => (text, Some(u64::from_str_radix(key, 16).ok()?)),
        None => (text, None),
    };
    let (text, name) = match text.split_once('@') {
        Some((text, name)) => (text, Some(virtual_channel(name)?)),
        None => (text, None),
    };
    let (digest, bytes) = match text.split_once('+') {
        Some((digest, bytes)) => (digest, bytes.parse().ok()?),
        None => (text, 0),
    };
    Some(Sent {
        digest: u64::from_str_radix(digest, 16).ok()?,
        virtual_channel: name,
        key,
        bytes,
        exclusive,
    })
}

pub(super) fn start(text: &str) -> Option<Start> {
    Some(match text.split_once('/') {
        Some(("at", id)) => Start::At(id.parse().ok()?),
        Some(("after", id)) => Start::After(id.parse().ok()?),
        Some(("lsn", lsn)) => Start::Lsn(Lsn::new(lsn.parse().ok()?)),
        Some(("tick", tick)) => Start::Tick(Tick::new(tick.parse().ok()?)),
        Some(_) => return None,
        None => named(
            &[
                ("earliest", Start::Earliest),
                ("latest", Start::Latest),
                ("somewhere", Start::Somewhere),
            ],
            text,
        )?,
    })
}

pub(super) fn stop(text: &str) -> Option<Stop> {
    Some(match text.split_once('/') {
        Some(("id", id)) => Stop::Id(id.parse().ok()?),
        Some(("lsn", lsn)) => Stop::Lsn(Lsn::new(lsn.parse().ok()?)),
        Some(("tick", tick)) => Stop::Tick(Tick::new(tick.parse().ok()?)),
        Some(_) => return None,
        None => named(&[("never", Stop::Never), ("tail", Stop::Tail)], text)?,
    })
}

pub(super) fn virtual_channel(text: &str) -> Option<VirtualChannel> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    VirtualChannel::new(String::from_utf8(bytes).ok()?).ok()
}
