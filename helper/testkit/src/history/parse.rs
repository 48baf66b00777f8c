//! Reads the lines that [`line`](super::line) writes.

use std::str::FromStr;

use walx_core::{ChannelName, Error, ErrorKind, Lsn, Result, Tick};

use super::event::{Event, ScanEnd, What};
use super::line::{ENDINGS, REASONS};
use super::words::{
    Words, event_id, expected, key, keys, named, owner, place, sent, start, stop, virtual_channel,
};

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
            keys: match words.get("keys") {
                Some(text) => Some(keys(text)?),
                None => None,
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
            expected: expected(words)?,
            messages: words.all("message").map(sent).collect::<Option<_>>()?,
        },
        "append-taken" => What::AppendTaken { call: call()? },
        "append-answered" => What::AppendAnswered {
            call: call()?,
            answer: words.appended()?,
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
            virtual_channels: words
                .all("virtual")
                .map(virtual_channel)
                .collect::<Option<_>>()?,
            raw: words.has("raw"),
            ticks: words.has("ticks"),
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
            transaction: words.transaction()?,
        },
        "committed" => What::Committed {
            scan: scan()?,
            place: place(words.get("place")?)?,
            transaction: words.transaction()??,
            count: words.get("count")?.parse().ok()?,
        },
        "marked" => What::Marked {
            scan: scan()?,
            place: place(words.get("place")?)?,
            kind: words.kind()?,
            transaction: words.transaction()?,
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
        "begin-called" => What::BeginCalled {
            handle: handle()?,
            virtual_channel: words.stream()?,
        },
        "begin-answered" => What::BeginAnswered {
            call: call()?,
            answer: words.done()?,
        },
        "end-called" => What::EndCalled {
            transaction: words.get("transaction").and_then(event_id)?,
            how: words.one_of(&ENDINGS)?,
        },
        "end-taken" => What::EndTaken { call: call()? },
        "end-answered" => What::EndAnswered {
            call: call()?,
            answer: words.appended()?,
        },
        "tick-called" => What::TickCalled {
            handle: handle()?,
            virtual_channel: words.stream()?,
        },
        "tick-taken" => What::TickTaken { call: call()? },
        "tick-answered" => What::TickAnswered {
            call: call()?,
            answer: words.appended()?,
        },
        "newest-called" => What::NewestCalled {
            handle: handle()?,
            virtual_channel: words.stream()??,
        },
        "newest-answered" => What::NewestAnswered {
            call: call()?,
            answer: match words.get("tick") {
                Some(text) => Ok(Some(Tick::new(text.parse().ok()?))),
                None => words.done()?.map(|()| None),
            },
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
