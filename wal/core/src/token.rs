use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind, MessageId, Result, Seq};

/// From where a scan goes on exactly once: right behind the message that it was taken from.
///
/// Its text is opaque: store it, parse it back, nothing else. It names the backend, the id, the seq of the last
/// message delivered and of the oldest transaction open there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumeToken {
    id: MessageId,
    last: Seq,
    oldest_open: Option<Seq>,
}

impl ResumeToken {
    /// A token from its parts; scanners make these.
    pub const fn new(id: MessageId, last: Seq, oldest_open: Option<Seq>) -> Self {
        Self {
            id,
            last,
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

    /// The seq of the oldest transaction that was open there.
    pub const fn oldest_open(&self) -> Option<Seq> {
        self.oldest_open
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w1~{}~{}~", self.id, self.last)?;
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
        let number = |text: &str| text.parse().map(Seq::new).map_err(|_| wrong());
        let [version, id, last, oldest] = text
            .split('~')
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| wrong())?;
        if version != "w1" {
            return Err(wrong());
        }
        let oldest_open = if oldest == "-" {
            None
        } else {
            Some(number(oldest)?)
        };
        Ok(Self::new(
            id.parse().map_err(|_| wrong())?,
            number(last)?,
            oldest_open,
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::BackendName;

    proptest! {
        #[test]
        fn text_form_parses_back(bytes in prop::collection::vec(any::<u8>(), 1..=32), last: u64, oldest: Option<u64>) {
            let id = MessageId::new(BackendName::constant("pulsar"), &bytes).unwrap();
            let token = ResumeToken::new(id, Seq::new(last), oldest.map(Seq::new));
            prop_assert_eq!(token.to_string().parse::<ResumeToken>().unwrap(), token);
        }
    }

    #[test]
    fn texts_that_are_no_token_are_refused() {
        for text in [
            "",
            "w1",
            "w2~file:00~1~-",
            "w1~file:00~1",
            "w1~file:00~x~-",
            "w1~file:00~1~-~",
            "w1~:~1~-",
        ] {
            assert!(text.parse::<ResumeToken>().is_err(), "{text:?}");
        }
    }
}
