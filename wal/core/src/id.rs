use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind, Result};

/// The name of a backend: 1 to 15 lower-case letters, digits or `-`, starting with a letter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendName {
    bytes: [u8; Self::MAX_BYTES],
    len: u8,
}

impl BackendName {
    /// The most bytes a name may have.
    pub const MAX_BYTES: usize = 15;

    /// Checks and keeps `name`.
    ///
    /// # Errors
    /// `InvalidInput` where the name is empty, too long or has another character.
    pub fn new(name: &str) -> Result<Self> {
        if !Self::is_legal(name) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{name:?} is no backend name: use 1 to 15 of a-z, 0-9 and '-', starting with a letter"
                ),
            ));
        }
        Ok(Self::copy(name))
    }

    /// A name that is known when the program is built.
    ///
    /// # Panics
    /// Where the name is not legal; in a `const` that is a build error.
    pub const fn constant(name: &'static str) -> Self {
        assert!(Self::is_legal(name), "not a legal backend name");
        Self::copy(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        // The bytes were ASCII when they were kept.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }

    const fn is_legal(name: &str) -> bool {
        let bytes = name.as_bytes();
        let mut legal =
            !bytes.is_empty() && bytes.len() <= Self::MAX_BYTES && bytes[0].is_ascii_lowercase();
        let mut i = 0;
        while i < bytes.len() {
            legal = legal
                && (bytes[i].is_ascii_lowercase() || bytes[i].is_ascii_digit() || bytes[i] == b'-');
            i += 1;
        }
        legal
    }

    const fn copy(name: &str) -> Self {
        let mut bytes = [0; Self::MAX_BYTES];
        let mut i = 0;
        while i < name.len() {
            bytes[i] = name.as_bytes()[i];
            i += 1;
        }
        Self {
            bytes,
            len: name.len() as u8,
        }
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A place in a backend, made by the backend: its name and up to 32 order-preserving bytes.
///
/// A plain value: `Copy`, no allocation. Ids are ordered within one backend; ids of two backends have no order
/// (`partial_cmp` gives `None`). The text form is `backend:hex` and parses back.
///
/// ```
/// use walx_core::{BackendName, MessageId};
///
/// let id = MessageId::from_u64(BackendName::constant("file"), 258);
/// assert_eq!(id.to_string(), "file:0000000000000102");
/// assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageId {
    backend: BackendName,
    bytes: [u8; Self::MAX_BYTES],
    len: u8,
}

impl MessageId {
    /// The most bytes an id may have.
    pub const MAX_BYTES: usize = 32;

    /// An id of `backend`; `bytes` must sort as the backend's records do.
    ///
    /// # Errors
    /// `InvalidInput` where `bytes` is empty or longer than 32 bytes.
    pub fn new(backend: BackendName, bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() || bytes.len() > Self::MAX_BYTES {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "an id has 1 to {} bytes, not {}",
                    Self::MAX_BYTES,
                    bytes.len()
                ),
            ));
        }
        let mut kept = [0; Self::MAX_BYTES];
        kept[..bytes.len()].copy_from_slice(bytes);
        Ok(Self {
            backend,
            bytes: kept,
            len: bytes.len() as u8,
        })
    }

    /// An id that is one number.
    pub fn from_u64(backend: BackendName, number: u64) -> Self {
        let mut bytes = [0; Self::MAX_BYTES];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Self {
            backend,
            bytes,
            len: 8,
        }
    }

    /// The number of an id made by [`from_u64`](Self::from_u64); `None` for any other length.
    pub fn to_u64(&self) -> Option<u64> {
        self.bytes().try_into().ok().map(u64::from_be_bytes)
    }

    /// The backend that made it.
    pub fn backend(&self) -> BackendName {
        self.backend
    }

    /// The bytes that the backend gave.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl PartialOrd for MessageId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.backend == other.backend).then(|| self.bytes().cmp(other.bytes()))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.backend)?;
        self.bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MessageId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{text:?} is no message id: it has the form backend:hex, as in file:0000000000000102"
                ),
            )
        };
        let (backend, hex) = text.split_once(':').ok_or_else(wrong)?;
        if hex.is_empty()
            || hex.len() % 2 != 0
            || hex.len() > 2 * Self::MAX_BYTES
            || !hex.is_ascii()
        {
            return Err(wrong());
        }
        let mut bytes = [0; Self::MAX_BYTES];
        for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or_else(wrong);
            *byte = (digit(digits[0])? * 16 + digit(digits[1])?) as u8;
        }
        Self::new(
            BackendName::new(backend).map_err(|_| wrong())?,
            &bytes[..hex.len() / 2],
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: BackendName = BackendName::constant("file");
    const KAFKA: BackendName = BackendName::constant("kafka");

    proptest! {
        #[test]
        fn text_form_parses_back(name in "[a-z][a-z0-9-]{0,14}", bytes in prop::collection::vec(any::<u8>(), 1..=32)) {
            let id = MessageId::new(BackendName::new(&name).unwrap(), &bytes).unwrap();
            prop_assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
            prop_assert_eq!(id.bytes(), &bytes[..]);
        }

        #[test]
        fn numbers_keep_their_order(a: u64, b: u64) {
            let (x, y) = (MessageId::from_u64(FILE, a), MessageId::from_u64(FILE, b));
            prop_assert_eq!(x.partial_cmp(&y), Some(a.cmp(&b)));
            prop_assert_eq!(x.to_u64(), Some(a));
        }
    }

    #[test]
    fn ids_of_two_backends_have_no_order() {
        let (file, kafka) = (MessageId::from_u64(FILE, 1), MessageId::from_u64(KAFKA, 1));
        assert_eq!(file.partial_cmp(&kafka), None);
        assert_ne!(file, kafka);
    }

    #[test]
    fn texts_that_are_no_id_are_refused() {
        for text in [
            "",
            "file",
            "file:",
            "file:1",
            "file:zz",
            ":00",
            "FILE:00",
            "file:00é",
            &format!("file:{}", "0".repeat(66)),
        ] {
            assert!(text.parse::<MessageId>().is_err(), "{text:?}");
        }
        for name in ["", "9a", "File", "a_b", "sixteen-letters-"] {
            assert!(BackendName::new(name).is_err(), "{name:?}");
        }
        assert!(MessageId::new(FILE, &[]).is_err());
        assert!(MessageId::new(FILE, &[0; 33]).is_err());
    }
}
