//! The text of an event: one line of words, which parses back.
//!
//! `PROCESS.NUMBER WHAT key=value …`, as in `0.4 append-answered call=0.2 place=file:00000005/5/1024/1.0`.

use std::fmt;

use walx_core::{ErrorKind, GapReason, MarkerKind, Place, VirtualChannel};

use super::event::{Answer, Appended, Ending, Event, Failed, ScanEnd, Sent, Start, Stop, What};

/// The kinds of errors and their words.
pub(super) const KINDS: [(&str, ErrorKind); 15] = [
    ("fenced", ErrorKind::Fenced),
    ("closed", ErrorKind::Closed),
    ("not-found", ErrorKind::NotFound),
    ("conflict", ErrorKind::Conflict),
    ("invalid-input", ErrorKind::InvalidInput),
    ("too-large", ErrorKind::TooLarge),
    (
        "overloaded",
        ErrorKind::Overloaded {
            retry_after: std::time::Duration::ZERO,
        },
    ),
    ("position-lost", ErrorKind::PositionLost { earliest: None }),
    ("corrupt", ErrorKind::Corrupt),
    ("outcome-unknown", ErrorKind::OutcomeUnknown),
    ("not-written", ErrorKind::NotWritten),
    ("unavailable", ErrorKind::Unavailable),
    ("unsupported", ErrorKind::Unsupported),
    ("denied", ErrorKind::Denied),
    ("internal", ErrorKind::Internal),
];

/// The ends of transactions and their words.
pub(super) const ENDINGS: [(&str, Ending); 3] = [
    ("commit", Ending::Commit),
    ("rollback", Ending::Rollback),
    ("drop", Ending::Drop),
];

/// The reasons of gaps and their words.
pub(super) const REASONS: [(&str, GapReason); 4] = [
    ("truncated", GapReason::Truncated),
    ("lost", GapReason::Lost),
    ("corrupt", GapReason::Corrupt),
    ("foreign", GapReason::Foreign),
];

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenCalled {
                channel,
                write,
                keys,
            } => {
                let access = if *write { "write" } else { "read" };
                write!(f, "open-called channel={channel} access={access}")?;
                match keys {
                    Some(keys) => write!(f, " keys={}/{}", keys.bytes, keys.keep.as_millis()),
                    None => Ok(()),
                }
            }
            Self::OpenAnswered { call, answer } => {
                write!(f, "open-answered call={call} ")?;
                match answer {
                    Ok(Some(owner)) => write!(f, "owner={owner}"),
                    Ok(None) => f.write_str("ok"),
                    Err(failed) => failed.fmt(f),
                }
            }
            Self::AppendCalled {
                handle,
                transaction,
                reserved,
                expected,
                messages,
            } => {
                write!(f, "append-called handle={handle}")?;
                if let Some(transaction) = transaction {
                    write!(f, " transaction={transaction}")?;
                }
                if *reserved {
                    f.write_str(" reserved")?;
                }
                if let Some(lsn) = expected.lsn {
                    write!(f, " if-lsn={lsn}")?;
                }
                if let Some(term) = expected.term {
                    write!(f, " if-term={term}")?;
                }
                let mut messages = messages.iter();
                messages.try_for_each(|it| write!(f, " message={it}"))
            }
            Self::AppendTaken { call } => write!(f, "append-taken call={call}"),
            Self::AppendAnswered { call, answer } => {
                write!(f, "append-answered call={call}")?;
                answer.fmt(f)
            }
            Self::TruncateCalled {
                channel,
                through,
                id,
            } => {
                write!(f, "truncate-called channel={channel}")?;
                if let Some(handle) = through {
                    write!(f, " through={handle}")?;
                }
                write!(f, " id={id}")
            }
            Self::TruncateAnswered { call, answer } => {
                write!(f, "truncate-answered call={call} {}", Done(answer))
            }
            Self::ScanCalled {
                handle,
                from,
                until,
                virtual_channels,
                raw,
                ticks,
            } => {
                write!(f, "scan-called handle={handle} from={from} until={until}")?;
                virtual_channels.iter().try_for_each(|it| named(f, it))?;
                f.write_str(if *raw { " raw" } else { "" })?;
                f.write_str(if *ticks { " ticks" } else { "" })
            }
            Self::ScanAnswered { call, answer } => {
                write!(f, "scan-answered call={call} {}", Done(answer))
            }
            Self::Delivered {
                scan,
                key,
                place,
                digest,
                transaction,
            } => {
                write!(f, "delivered scan={scan}")?;
                if let Some(key) = key {
                    write!(f, " key={key}")?;
                }
                write!(f, " place={} message={digest:x}", Placed(place))?;
                match transaction {
                    Some(id) => write!(f, " in={}", id.0),
                    None => Ok(()),
                }
            }
            Self::Committed {
                scan,
                place,
                transaction,
                count,
            } => {
                let (place, id) = (Placed(place), transaction.0);
                write!(
                    f,
                    "committed scan={scan} place={place} in={id} count={count}"
                )
            }
            Self::Marked {
                scan,
                place,
                kind,
                transaction,
            } => {
                write!(f, "marked scan={scan} place={}", Placed(place))?;
                if let Some(id) = transaction {
                    write!(f, " in={}", id.0)?;
                }
                match kind {
                    MarkerKind::Begin => f.write_str(" begin"),
                    MarkerKind::Commit { count } => write!(f, " commit={count}"),
                    MarkerKind::Rollback { expired: false } => f.write_str(" rollback"),
                    MarkerKind::Rollback { expired: true } => f.write_str(" expired"),
                    // A kind that a later walx adds is no more than a point to this version of the checker.
                    _ => f.write_str(" tick"),
                }
            }
            Self::Gap { scan, reason, lsns } => {
                write!(f, "gap scan={scan} reason={reason}")?;
                match lsns {
                    Some((from, to)) => write!(f, " lsns={from}..{to}"),
                    None => Ok(()),
                }
            }
            Self::ScanEnded { scan, end } => {
                write!(f, "scan-ended scan={scan} ")?;
                match end {
                    ScanEnd::Reached => f.write_str("ok"),
                    ScanEnd::Failed(failed) => failed.fmt(f),
                    ScanEnd::Dropped => f.write_str("dropped"),
                }
            }
            Self::CloseCalled { handle } => write!(f, "close-called handle={handle}"),
            Self::CloseAnswered { call, answer } => {
                write!(f, "close-answered call={call} {}", Done(answer))
            }
            Self::BeginCalled {
                handle,
                virtual_channel,
            } => {
                write!(f, "begin-called handle={handle}")?;
                virtual_channel.iter().try_for_each(|it| named(f, it))
            }
            Self::BeginAnswered { call, answer } => {
                write!(f, "begin-answered call={call} {}", Done(answer))
            }
            Self::EndCalled { transaction, how } => {
                let how = ENDINGS.iter().find(|(_, it)| it == how);
                let how = how.map_or("drop", |(word, _)| word);
                write!(f, "end-called transaction={transaction} {how}")
            }
            Self::EndTaken { call } => write!(f, "end-taken call={call}"),
            Self::EndAnswered { call, answer } => {
                write!(f, "end-answered call={call}{answer}")
            }
            Self::TickCalled {
                handle,
                virtual_channel,
            } => {
                write!(f, "tick-called handle={handle}")?;
                virtual_channel.iter().try_for_each(|it| named(f, it))
            }
            Self::TickTaken { call } => write!(f, "tick-taken call={call}"),
            Self::TickAnswered { call, answer } => {
                write!(f, "tick-answered call={call}{answer}")
            }
            Self::NewestCalled {
                handle,
                virtual_channel,
            } => {
                write!(f, "newest-called handle={handle}")?;
                named(f, virtual_channel)
            }
            Self::NewestAnswered { call, answer } => {
                write!(f, "newest-answered call={call} ")?;
                match answer {
                    Ok(Some(tick)) => write!(f, "tick={tick}"),
                    Ok(None) => f.write_str("ok"),
                    Err(failed) => failed.fmt(f),
                }
            }
            Self::After { point } => write!(f, "after point={point}"),
            Self::Ended { process } => write!(f, "ended process={process}"),
            Self::PowerLost => f.write_str("power-lost"),
            Self::Damaged => f.write_str("damaged"),
        }
    }
}

fn named(f: &mut fmt::Formatter<'_>, name: &VirtualChannel) -> fmt::Result {
    write!(f, " virtual={}", Escaped(name.as_str()))
}

/// With a blank before it, as an answer without a place has none.
impl fmt::Display for Appended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledged(places) => places
                .iter()
                .try_for_each(|it| write!(f, " place={}", Placed(it))),
            Self::Failed(failed) => write!(f, " {failed}"),
            Self::Dropped => f.write_str(" dropped"),
        }
    }
}

/// `DIGEST+BYTES@STREAM#KEY!`, where all but the digest may be missing.
impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.digest)?;
        if self.bytes > 0 {
            write!(f, "+{}", self.bytes)?;
        }
        if let Some(name) = &self.virtual_channel {
            write!(f, "@{}", Escaped(name.as_str()))?;
        }
        if let Some(key) = self.key {
            write!(f, "#{key:x}")?;
        }
        f.write_str(if self.exclusive { "!" } else { "" })
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A kind that a later walx adds is as good as a defect to this version of the checker.
        let word = KINDS.iter().find(|(_, kind)| *kind == self.kind);
        write!(f, "failed={}", word.map_or("internal", |(word, _)| word))?;
        f.write_str(if self.unknown { ",unknown" } else { "" })
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::At(id) => write!(f, "at/{id}"),
            Self::After(id) => write!(f, "after/{id}"),
            Self::Lsn(lsn) => write!(f, "lsn/{lsn}"),
            Self::Tick(tick) => write!(f, "tick/{tick}"),
            Self::Somewhere => f.write_str("somewhere"),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Tail => f.write_str("tail"),
            Self::Id(id) => write!(f, "id/{id}"),
            Self::Lsn(lsn) => write!(f, "lsn/{lsn}"),
            Self::Tick(tick) => write!(f, "tick/{tick}"),
        }
    }
}

struct Done<'a>(&'a Answer<()>);

impl fmt::Display for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(()) => f.write_str("ok"),
            Err(failed) => failed.fmt(f),
        }
    }
}

struct Placed<'a>(&'a Place);

impl fmt::Display for Placed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            id,
            lsn,
            tick,
            owner,
            ..
        } = self.0;
        write!(f, "{id}/{lsn}/{tick}/{owner}")
    }
}

/// Text without blanks and separators: every other byte is a percent sign and two hexadecimal digits.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                write!(f, "{}", char::from(byte))
            }
            _ => write!(f, "%{byte:02x}"),
        })
    }
}
