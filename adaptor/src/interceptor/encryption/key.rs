use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use walx_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// A key of AES-256: 32 bytes. It is wiped from memory when it is dropped, and `Debug` doesn't show it.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; Self::BYTES]>);

impl Key {
    /// How long a key is.
    pub const BYTES: usize = 32;

    /// A key from its bytes, which must be random.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key from its text: 64 hexadecimal digits, or base64.
    ///
    /// # Errors
    /// `InvalidInput`, which doesn't show the text.
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes = match text.len() == 2 * Self::BYTES {
            true => hex(text),
            false => STANDARD.decode(text).ok().map(Zeroizing::new),
        };
        let mut key = Self::new([0; Self::BYTES]);
        match bytes {
            Some(bytes) if bytes.len() == Self::BYTES => {
                key.0.copy_from_slice(&bytes);
                Ok(key)
            }
            _ => {
                let text =
                    "a key is 32 random bytes, written as 64 hexadecimal digits or as base64";
                Err(Error::new(ErrorKind::InvalidInput, text).with_operation("read a key"))
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| {
        let digit = |c: u8| char::from(c).to_digit(16);
        u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
    };
    let bytes: Option<Vec<u8>> = digits.map(byte).collect();
    bytes.map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_give_the_key_and_nothing_shows_it() {
        let key = Key::new([0xab; 32]);
        for text in [
            "ab".repeat(32),
            "AB".repeat(32),
            STANDARD.encode([0xab; 32]),
        ] {
            let read = Key::from_text(&text).unwrap();
            assert_eq!(read.bytes(), key.bytes(), "{text}");
        }
        assert_eq!(format!("{key:?}"), "Key(***)");
        for text in [
            "",
            "abcd",
            &"zz".repeat(32),
            &"ab".repeat(31),
            &STANDARD.encode([0; 31]),
        ] {
            let error = Key::from_text(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
            assert!(text.is_empty() || !format!("{error:?}").contains(text));
        }
    }
}
