//! Names of user properties as names of headers, and back.

use std::borrow::Cow;
use std::fmt::Write;

use super::RECORD;

/// Before a name that walx uses itself.
const PREFIXED: &str = "walx.p.";
/// Before a name in hex.
const HEX: &str = "walx.x.";

/// The header of a user property.
pub(super) fn header(property: &str) -> Cow<'_, str> {
    if property.contains('\0') {
        let mut name = String::with_capacity(HEX.len() + 2 * property.len());
        name.push_str(HEX);
        for byte in property.bytes() {
            // Text never refuses.
            let _ = write!(name, "{byte:02x}");
        }
        return Cow::Owned(name);
    }
    if is_ours(property.as_bytes()) {
        return Cow::Owned(format!("{PREFIXED}{property}"));
    }
    Cow::Borrowed(property)
}

/// The user property of a header that is not one of walx's own; `None` for a name that [`header`] doesn't make.
pub(super) fn property(header: &[u8]) -> Option<String> {
    let bytes = if let Some(prefixed) = header.strip_prefix(PREFIXED.as_bytes()) {
        prefixed.to_vec()
    } else if let Some(hex) = header.strip_prefix(HEX.as_bytes()) {
        unhex(hex)?
    } else {
        header.to_vec()
    };
    let name = String::from_utf8(bytes).ok()?;
    (self::header(&name).as_bytes() == header).then_some(name)
}

/// Whether a header's name is one that walx uses, or keeps for later.
pub(super) fn is_ours(header: &[u8]) -> bool {
    header
        .strip_prefix(RECORD.as_bytes())
        .is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}

/// Whether a header with a name of ours holds a user property.
pub(super) fn is_property(header: &[u8]) -> bool {
    header.starts_with(PREFIXED.as_bytes()) || header.starts_with(HEX.as_bytes())
}

fn unhex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let pairs = hex.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8))
        .collect()
}
