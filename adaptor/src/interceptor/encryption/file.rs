//! Keys from a file.

use std::path::Path;

use walx_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::ring::wrong;
use super::{Key, KeyRing};

/// The most bytes of a file of keys.
const MAX_FILE_BYTES: u64 = 1 << 20;

impl KeyRing {
    /// The keys of a file: a line for each, its id, a space, and the key as [`Key::from_text`] reads it. Empty lines and
    /// those that begin with `#` are left out. The last key is the one to write with, so that a rotation adds a line.
    ///
    /// # Errors
    /// What the file can't be read with, with its path; `InvalidInput` with the number of a wrong line.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        // Whoever gives a key in the place of its file must not find it in a log.
        let is_key = path.to_str().is_some_and(|it| Key::from_text(it).is_ok());
        let named = |error: Error| {
            let error = error.with_operation("read the keys");
            match is_key {
                true => error.with_context("file", "a key; write it into a file, and name that"),
                false => error.with_context("file", path.display()),
            }
        };
        let text = read(path).map_err(named)?;
        Self::from_text(&text).map_err(named)
    }

    /// The keys of such a text.
    pub(in crate::interceptor) fn from_text(text: &str) -> Result<Self> {
        let mut ring: Option<Self> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let added = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| wrong("a line of keys is an id, a space and a key"))
                .and_then(|(id, key)| Ok((id, Key::from_text(key.trim())?)))
                .and_then(|(id, key)| match &ring {
                    Some(ring) => ring.rotate(id, key),
                    None => Self::new(id, key).map(|new| ring = Some(new)),
                });
            added.map_err(|error| error.with_context("line", number))?;
        }
        ring.ok_or_else(|| {
            wrong("there is no key in it; write a line with an id, a space and a key")
        })
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let unreadable = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            std::io::ErrorKind::InvalidData => ErrorKind::InvalidInput,
            _ => ErrorKind::Unavailable,
        };
        let text = "the file of keys can't be read; correct its path or its rights";
        Error::new(kind, text).with_source(error)
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE_BYTES {
        return Err(wrong("a file of keys is not larger than 1 MiB").with_context("bytes", size));
    }
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_place_of_its_file_is_not_shown() {
        let key = "1f".repeat(32);
        let error = KeyRing::from_file(&key).unwrap_err();
        assert!(!format!("{error:?} {error}").contains(&key), "{error}");
        assert!(
            error.to_string().contains("write it into a file"),
            "{error}"
        );
    }

    #[test]
    fn a_file_of_keys_is_read_and_its_last_key_writes() {
        let (first, second) = ("11".repeat(32), "22".repeat(32));
        let text = format!("# keys\n\na {first}\n  b\t{second}  \n");
        let ring = KeyRing::from_text(&text).unwrap();
        assert_eq!(
            format!("{ring:?}"),
            r#"KeyRing { current: "b", ids: ["a", "b"] }"#
        );
        for (text, says) in [
            ("", "there is no key in it"),
            ("a\n", "an id, a space and a key (line: 1)"),
            (
                "# x\na 11\n",
                "64 hexadecimal digits or as base64 (line: 2)",
            ),
            (
                &format!("a {first}\na {second}"),
                "an id of its own (id: a, line: 2)",
            ),
            (&format!("{} {first}", "x".repeat(65)), "1 to 64 visible"),
        ] {
            let error = KeyRing::from_text(text).unwrap_err();
            assert!(error.to_string().contains(says), "{says}: {error}");
            assert!(!format!("{error:?}").contains(&first));
        }
    }
}
