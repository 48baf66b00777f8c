//! Reads the lines that [`line`](super::line) writes.

use std::str::FromStr;

use walx_core::{
    ChannelName, Error, ErrorKind, Lsn, Owner, Place, Result, Term, Tick, VirtualChannel,
};

use super::event::{
    Answer, Appended, Event, EventId, Failed, Key, ScanEnd, Sent, Start, Stop, What,
};
use super::line::{KINDS, REASONS};

impl FromStr for Event {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self> {
        event(line).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("{line:?} is no event of a history; give back the lines as a recorder wrote them"),
            )
        })
    }
}

fn event(line: &str) -> Option<Event> {
    let mut words = line.split_ascii_whitespace();
    let id = event_id(words.next()?)?;
    let name = words.next()?;
    let words = Words(words.collect());
    Some(Event {
        id,
        what: what(name, &words)?,
    })
}

fn what(name: &str, words: &Words<'_>) -> Option<What> {
    let call = || words.get("call").and_then(event_id);
    let handle = || words.get("handle").and_then(event_id);
    let scan = || words.get("scan").and_then(event_id);
    Some(match name {
        "open-called" => What::OpenCalled {
            channel: ChannelName::new(words.get("channel")?).ok()?,
            write: match words.get("access")? {
                "write" => true,
                "read" => false,
                _ => return None,
            },
        },
        "open-answered" => What::OpenAnswered {
            call: call()?,
            answer: match words.get("owner") {
                Some(text) => Ok(Some(owner(text)?)),
                None => words.done()?.map(|()| None),
            },
        },
        "append-called" => What::AppendCalled {
            handle: handle()?,
            transaction: match words.get("transaction") {
                Some(text) => Some(event_id(text)?),
                None => None,
            },
            reserved: words.has("reserved"),
            messages: words.all("message").map(sent).collect::<Option<_>>()?,
        },
        "append-taken" => What::AppendTaken { call: call()? },
        "append-answered" => What::AppendAnswered {
            call: call()?,
            answer: if words.has("dropped") {
                Appended::Dropped
            } else if let Some(text) = words.get("failed") {
                Appended::Failed(failed(text)?)
            } else {
                Appended::Acknowledged(words.all("place").map(place).collect::<Option<_>>()?)
            },
        },
        "truncate-called" => What::TruncateCalled {
            channel: ChannelName::new(words.get("channel")?).ok()?,
            through: match words.get("through") {
                Some(text) => Some(event_id(text)?),
                None => None,
            },
            id: words.get("id")?.parse().ok()?,
        },
        "truncate-answered" => What::TruncateAnswered {
            call: call()?,
            answer: words.done()?,
        },
        "scan-called" => What::ScanCalled {
            handle: handle()?,
            from: start(words.get("from")?)?,
            until: stop(words.get("until")?)?,
            virtual_channel: match words.get("virtual") {
                Some(text) => Some(virtual_channel(text)?),
                None => None,
            },
        },
        "scan-answered" => What::ScanAnswered {
            call: call()?,
            answer: words.done()?,
        },
        "delivered" => What::Delivered {
            scan: scan()?,
            key: match words.get("key") {
                Some(text) => Some(key(text)?),
                None => None,
            },
            place: place(words.get("place")?)?,
            digest: u64::from_str_radix(words.get("message")?, 16).ok()?,
        },
        "gap" => What::Gap {
            scan: scan()?,
            reason: named(&REASONS, words.get("reason")?)?,
            lsns: match words.get("lsns") {
                Some(text) => {
                    let (from, to) = text.split_once("..")?;
                    Some((Lsn::new(from.parse().ok()?), Lsn::new(to.parse().ok()?)))
                }
                None => None,
            },
        },
        "scan-ended" => What::ScanEnded {
            scan: scan()?,
            end: if words.has("dropped") {
                ScanEnd::Dropped
            } else {
                match words.done()? {
                    Ok(()) => ScanEnd::Reached,
                    Err(failed) => ScanEnd::Failed(failed),
                }
            },
        },
        "close-called" => What::CloseCalled { handle: handle()? },
        "close-answered" => What::CloseAnswered {
            call: call()?,
            answer: words.done()?,
        },
        "begin-called" => What::BeginCalled { handle: handle()? },
        "begin-answered" => What::BeginAnswered {
            call: call()?,
            answer: words.done()?,
        },
        "end-called" => What::EndCalled {
            transaction: words.get("transaction").and_then(event_id)?,
            commit: match (words.has("commit"), words.has("rollback")) {
                (true, false) => true,
                (false, true) => false,
                _ => return None,
            },
        },
        "end-answered" => What::EndAnswered {
            call: call()?,
            answer: words.done()?,
        },
        "after" => What::After {
            point: words.get("point").and_then(event_id)?,
        },
        "ended" => What::Ended {
            process: words.get("process")?.parse().ok()?,
        },
        "power-lost" => What::PowerLost,
        "damaged" => What::Damaged,
        _ => return None,
    })
}

/// What follows the name of an event.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(|word| word.split_once('='))
            .filter(move |(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()
    }

    fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    fn done(&self) -> Option<Answer<()>> {
        match self.get("failed") {
            Some(text) => failed(text).map(Err),
            None => self.has("ok").then_some(Ok(())),
        }
    }
}

fn named<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    let row = table.iter().find(|(name, _)| *name == word);
    row.map(|(_, value)| *value)
}

fn failed(text: &str) -> Option<Failed> {
    let (word, unknown) = match text.strip_suffix(",unknown") {
        Some(word) => (word, true),
        None => (text, false),
    };
    named(&KINDS, word).map(|kind| Failed { kind, unknown })
}

fn event_id(text: &str) -> Option<EventId> {
    let (process, number) = text.split_once('.')?;
    Some(EventId {
        process: process.parse().ok()?,
        number: number.parse().ok()?,
    })
}

fn key(text: &str) -> Option<Key> {
    let (call, index) = text.rsplit_once('.')?;
    Some(Key {
        call: event_id(call)?,
        index: index.parse().ok()?,
    })
}

fn owner(text: &str) -> Option<Owner> {
    let (term, incarnation) = text.split_once('.')?;
    Some(Owner {
        term: Term::new(term.parse().ok()?),
        incarnation: incarnation.parse().ok()?,
    })
}

fn place(text: &str) -> Option<Place> {
    let mut parts = text.split('/');
    let place = Place::new(
        parts.next()?.parse().ok()?,
        Lsn::new(parts.next()?.parse().ok()?),
        Tick::new(parts.next()?.parse().ok()?),
        owner(parts.next()?)?,
    );
    parts.next().is_none().then_some(place)
}

fn sent(text: &str) -> Option<Sent> {
    let (digest, name) = match text.split_once('@') {
        Some((digest, name)) => (digest, Some(virtual_channel(name)?)),
        None => (text, None),
    };
    Some(Sent {
        digest: u64::from_str_radix(digest, 16).ok()?,
        virtual_channel: name,
    })
}

fn start(text: &str) -> Option<Start> {
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

fn stop(text: &str) -> Option<Stop> {
    Some(match text.split_once('/') {
        Some(("id", id)) => Stop::Id(id.parse().ok()?),
        Some(("lsn", lsn)) => Stop::Lsn(Lsn::new(lsn.parse().ok()?)),
        Some(("tick", tick)) => Stop::Tick(Tick::new(tick.parse().ok()?)),
        Some(_) => return None,
        None => named(&[("never", Stop::Never), ("tail", Stop::Tail)], text)?,
    })
}

fn virtual_channel(text: &str) -> Option<VirtualChannel> {
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
