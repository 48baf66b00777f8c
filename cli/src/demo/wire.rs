use std::fmt;

/// What a writer tells its parent: one line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Both channels are open.
    Ready,
    /// So many lines of a channel go to the wal now.
    Given { channel: usize, lines: u64 },
    /// A line is durable.
    Acknowledged(Acknowledged),
}

/// A line that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) channel: usize,
    pub(super) lsn: u64,
    /// Of the bytes of the line.
    pub(super) hash: u64,
    /// When, in nanoseconds since 1970.
    pub(super) at_ns: u64,
    /// From the call to the acknowledgement.
    pub(super) took_us: u64,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Given { channel, lines } => write!(f, "given {channel} {lines}"),
            Self::Acknowledged(Acknowledged {
                channel,
                lsn,
                hash,
                at_ns,
                took_us,
            }) => {
                write!(f, "ack {channel} {lsn} {hash:016x} {at_ns} {took_us}")
            }
        }
    }
}

impl Event {
    /// The event of a whole line, without its newline; none where it is not one.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let channel = |word: &str| {
            word.parse()
                .ok()
                .filter(|channel| *channel < super::CHANNELS.len())
        };
        Some(match words[..] {
            ["ready"] => Self::Ready,
            ["given", it, lines] => Self::Given {
                channel: channel(it)?,
                lines: lines.parse().ok()?,
            },
            ["ack", it, lsn, hash, at_ns, took_us] => Self::Acknowledged(Acknowledged {
                channel: channel(it)?,
                lsn: lsn.parse().ok()?,
                hash: u64::from_str_radix(hash, 16).ok()?,
                at_ns: at_ns.parse().ok()?,
                took_us: took_us.parse().ok()?,
            }),
            _ => return None,
        })
    }
}

/// What must hold of every line. Compiled for tests and for fuzzing only.
#[cfg(any(test, fuzzing))]
#[path = "wire/fuzz.rs"]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_its_line() {
        let ack = Acknowledged {
            channel: 1,
            lsn: 7,
            hash: u64::MAX,
            at_ns: 1_738_324_800_000_000_001,
            took_us: 0,
        };
        for event in [
            Event::Ready,
            Event::Given {
                channel: 0,
                lines: 256,
            },
            Event::Acknowledged(ack),
        ] {
            assert_eq!(Event::parse(&event.to_string()), Some(event));
        }
        for line in [
            "",
            "ready ",
            "given 2 1",
            "given 0",
            "ack 0 1 xyz 1 1",
            "ack 0 1 ff 1",
        ] {
            assert_eq!(Event::parse(line), None, "{line:?}");
        }
    }
}
