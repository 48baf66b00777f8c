use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use walx_core::{Error, ErrorKind, Result};
use walx_helper::config::{HumanDuration, interval};

/// When an append to the file backend is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum FileDurability {
    /// After a sync, which all appends that wait share.
    #[default]
    Each,
    /// After the write; a sync follows each so often. Survives the end of the process, not of the machine.
    Interval(Duration),
    /// After the write; syncs only where a segment ends and at a clean close.
    Os,
}

/// What becomes of a damaged log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum FileDamage {
    /// Open and scan end with `Corrupt`, which names the file and the offset.
    #[default]
    Strict,
    /// Readers get what is sound, and a note for each damaged place. Damaged bytes stay where they are.
    Salvage,
}

impl fmt::Display for FileDurability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each => f.write_str("each"),
            Self::Interval(every) => write!(f, "interval:{}", HumanDuration(*every)),
            Self::Os => f.write_str("os"),
        }
    }
}

impl FromStr for FileDurability {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text, interval(text)) {
            ("each", _) => Ok(Self::Each),
            ("os", _) => Ok(Self::Os),
            (_, Some(every)) => Ok(Self::Interval(every)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "durability={text:?} is not known: use each, interval:<time> as in interval:5ms, or os"
                ),
            )),
        }
    }
}

impl fmt::Display for FileDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Salvage => "salvage",
        })
    }
}

impl FromStr for FileDamage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "strict" => Ok(Self::Strict),
            "salvage" => Ok(Self::Salvage),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("damage={text:?} is not known: use strict or salvage"),
            )),
        }
    }
}

impl TryFrom<String> for FileDurability {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<String> for FileDamage {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}
