//! What a Checkpoint says, so that an open reads little: its payload.

use walx_core::{Bytes, Error, ErrorKind, Result, Seq};

/// How many bytes are placed between two of them.
pub(crate) const EVERY_BYTES: usize = 16 << 20;

const VERSION: u8 = 1;

/// The state of the log right behind the record before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The Begins of the transactions that are open.
    pub(crate) open: Vec<Seq>,
    /// Where the records begin whose keys are remembered; `None` where none are.
    pub(crate) window: Option<Seq>,
}

impl Checkpoint {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.window.is_none()
    }

    /// A version, whether there is a window and where it begins, and the Begins: integers of 8 bytes, little-endian.
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(2 + 8 * (self.open.len() + 1));
        bytes.extend_from_slice(&[VERSION, u8::from(self.window.is_some())]);
        for seq in self.window.iter().chain(&self.open) {
            bytes.extend_from_slice(&seq.get().to_le_bytes());
        }
        bytes.into()
    }

    /// The Checkpoint of a record's payload.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self> {
        let wrong = |what: &'static str| {
            Error::new(ErrorKind::Corrupt, what).with_context("bytes", payload.len())
        };
        let (has_window, numbers) = match payload {
            [VERSION, flag @ (0 | 1), numbers @ ..] => (*flag == 1, numbers),
            [VERSION, ..] | [0, ..] | [] => return Err(wrong("a Checkpoint is damaged")),
            [..] => {
                let text = "a newer walx wrote this Checkpoint; upgrade walx to open the channel";
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        };
        let (numbers, rest) = numbers.as_chunks::<8>();
        let mut seqs = numbers.iter().map(|it| Seq::new(u64::from_le_bytes(*it)));
        if !rest.is_empty() || (has_window && seqs.len() == 0) {
            return Err(wrong("a Checkpoint is damaged"));
        }
        let window = if has_window { seqs.next() } else { None };
        Ok(Self {
            open: seqs.collect(),
            window,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(open: Vec<u64>, window: Option<u64>) {
            let checkpoint = Checkpoint {
                open: open.into_iter().map(Seq::new).collect(),
                window: window.map(Seq::new),
            };
            prop_assert_eq!(Checkpoint::decode(&checkpoint.encode()).unwrap(), checkpoint);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>) {
            if let Ok(checkpoint) = Checkpoint::decode(&bytes) {
                prop_assert_eq!(&checkpoint.encode()[..], &bytes[..]);
            }
        }
    }

    #[test]
    fn the_format_is_frozen() {
        let checkpoint = Checkpoint {
            open: vec![Seq::new(7), Seq::new(258)],
            window: Some(Seq::new(3)),
        };
        let bytes = [
            1, 1, 3, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(checkpoint.encode(), &bytes[..]);
        let newer = Checkpoint::decode(&[2, 0]).unwrap_err();
        assert_eq!(newer.kind(), ErrorKind::Unsupported);
    }
}
