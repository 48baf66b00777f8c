use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use walx_core::{Error, ErrorKind, Result};

/// Binary units first: of two texts of one length, that one is shown.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

const LEGAL: &str = "use a whole number of bytes below 2^64, such as 64MiB, 512KB or 4096";

/// A number of bytes as people write it: `64MiB`, `1 GiB`, `512KB` (512,000), `4096`. Units in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The bytes, or the most that this machine can address.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The shortest exact form.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS
            .iter()
            .filter(|(_, unit)| *unit > 1 && self.0 >= *unit && self.0.is_multiple_of(*unit));
        let forms = exact
            .map(|(name, unit)| format!("{}{name}", self.0 / unit))
            .chain([self.0.to_string()]);
        f.pad(&forms.min_by_key(String::len).unwrap_or_default())
    }
}

impl FromStr for ByteSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let (digits, unit) = trimmed.split_at(
            trimmed
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(trimmed.len()),
        );
        let unit = unit.trim_start();
        let factor = match UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        {
            Some((_, factor)) => Some(*factor),
            None => unit.is_empty().then_some(1),
        };
        let number = digits.parse::<u64>().ok();
        let wrong = || {
            Error::new(
                ErrorKind::InvalidInput,
                format!("{text:?} is no size: {LEGAL}"),
            )
        };
        number
            .zip(factor)
            .and_then(|(number, factor)| number.checked_mul(factor))
            .map(Self)
            .ok_or_else(wrong)
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as 64MiB, or a number of bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<ByteSize, E> {
        // The text itself is left to the deserializer, which knows whether it may be shown.
        text.parse().map_err(|_: Error| E::custom(LEGAL))
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> std::result::Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> std::result::Result<ByteSize, E> {
        u64::try_from(bytes)
            .map(ByteSize)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
    }
}
