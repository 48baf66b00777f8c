use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use walx_core::{Error, ErrorKind, Result};

const LEGAL: &str = "use a number with its unit, such as 5ms, 30s or 1h";

/// A duration as people write it: `5ms`, `30s`, `1h 30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&humantime::format_duration(self.0), f)
    }
}

impl FromStr for HumanDuration {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |_| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("{text:?} is no duration: {LEGAL}"),
            )
        };
        humantime::parse_duration(text).map(Self).map_err(wrong)
    }
}

/// The time of a word such as `interval:5ms`; `None` for any other word.
pub fn interval(word: &str) -> Option<Duration> {
    let time = word.strip_prefix("interval:")?;
    time.parse().ok().map(|HumanDuration(time)| time)
}

impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<HumanDuration> for Duration {
    fn from(duration: HumanDuration) -> Self {
        duration.0
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The text itself is left to the deserializer, which knows whether it may be shown.
        text.parse().map_err(|_: Error| D::Error::custom(LEGAL))
    }
}
