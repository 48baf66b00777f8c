use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind, MessageId, Owner, Place, Result, Seq, Term, Tick};

/// From where a scan goes on exactly once: right behind the message that it was taken from.
///
/// Its text is opaque: store it, parse it back, nothing else. It names the place of the last message delivered, its
/// seq, and that of the oldest transaction open there. A scan that begins with it proves by the tick and the owner that
/// the log still has that very message there: one that went back, as a restored copy does, is told and not skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumeToken {
    id: MessageId,
    last: Seq,
    tick: Tick,
    owner: Owner,
    oldest_open: Option<Seq>,
}

impl ResumeToken {
    /// The token of a message at its place; scanners make these.
    pub const fn new(place: Place, last: Seq, oldest_open: Option<Seq>) -> Self {
        Self {
            id: place.id,
            last,
            tick: place.tick,
            owner: place.owner,
            oldest_open,
        }
    }

    /// The last record that was delivered.
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// Its seq.
    pub const fn last(&self) -> Seq {
        self.last
    }

    /// Its tick.
    pub const fn tick(&self) -> Tick {
        self.tick
    }

    /// Who wrote it.
    pub const fn owner(&self) -> Owner {
        self.owner
    }

    /// The seq of the oldest transaction that was open there.
    pub const fn oldest_open(&self) -> Option<Seq> {
        self.oldest_open
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "w1~{}~{}~{}~{}~",
            self.id, self.last, self.tick, self.owner
        )?;
        match self.oldest_open {
            Some(seq) => fmt::Display::fmt(&seq, f),
            None => f.write_str("-"),
        }
    }
}

impl FromStr for ResumeToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{text:?} is no resume token of this version: give the text back as a scanner gave it"
                ),
            )
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let [version, id, last, tick, owner, oldest] = text
            .split('~')
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| wrong())?;
        if version != "w1" {
            return Err(wrong());
        }
        let (term, incarnation) = owner.split_once('.').ok_or_else(wrong)?;
        let mut owner = Owner::new(Term::new(number(term)?));
        owner.incarnation = incarnation.parse().map_err(|_| wrong())?;
        Ok(Self {
            id: id.parse().map_err(|_| wrong())?,
            last: Seq::new(number(last)?),
            tick: Tick::new(number(tick)?),
            owner,
            oldest_open: match oldest {
                "-" => None,
                seq => Some(Seq::new(number(seq)?)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{BackendName, Lsn};

    proptest! {
        #[test]
        fn text_form_parses_back(
            bytes in prop::collection::vec(any::<u8>(), 1..=32),
            last: u64,
            tick: u64,
            term: u64,
            incarnation: u32,
            oldest: Option<u64>,
        ) {
            let id = MessageId::new(BackendName::constant("pulsar"), &bytes).unwrap();
            let owner = Owner { term: Term::new(term), incarnation };
            let place = Place::new(id, Lsn::ZERO, Tick::new(tick), owner);
            let token = ResumeToken::new(place, Seq::new(last), oldest.map(Seq::new));
            prop_assert_eq!(token.to_string().parse::<ResumeToken>().unwrap(), token);
        }
    }

    #[test]
    fn texts_that_are_no_token_are_refused() {
        for text in [
            "",
            "w1",
            "w2~file:00~1~2~3.0~-",
            "w1~file:00~1~2~3.0",
            "w1~file:00~x~2~3.0~-",
            "w1~file:00~1~2~3~-",
            "w1~file:00~1~2~3.0~-~",
            "w1~:~1~2~3.0~-",
        ] {
            assert!(text.parse::<ResumeToken>().is_err(), "{text:?}");
        }
    }
}
