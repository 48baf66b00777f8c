use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::joined;

pub(super) type Result<T> = std::result::Result<T, Error>;

/// Parts of a key's name behind which a value is not shown.
const SECRET: [&str; 7] = [
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "key",
    "location",
];

/// Why a table is no configuration: the key, and what is legal.
#[derive(Debug)]
pub(in crate::config) struct Error {
    reason: Reason,
    /// The whole key, once it is known.
    key: Option<String>,
    value: Option<String>,
}

#[derive(Debug)]
enum Reason {
    Unknown {
        field: String,
        known: &'static [&'static str],
    },
    Missing(&'static str),
    Twice(&'static str),
    Wrong(String),
}

impl Error {
    /// Names the key and its value, if that wasn't done further inside.
    pub(super) fn at(mut self, key: &str, value: Option<&str>) -> Self {
        if self.key.is_none() && matches!(self.reason, Reason::Wrong(_)) {
            self.key = Some(key.to_owned());
            self.value = value.map(str::to_owned);
        }
        self
    }

    /// Names the table that misses a key, or doesn't know it.
    pub(super) fn within(mut self, prefix: &str) -> Self {
        if self.key.is_none() && !matches!(self.reason, Reason::Wrong(_)) {
            self.key = Some(prefix.to_owned());
        }
        self
    }

    fn of(reason: Reason) -> Self {
        Self {
            reason,
            key: None,
            value: None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_deref().unwrap_or_default();
        match &self.reason {
            Reason::Unknown { field, known: [] } => {
                write!(
                    f,
                    "there is no key '{}'; it takes no keys",
                    joined(key, field)
                )
            }
            Reason::Unknown { field, known } => {
                let known: Vec<_> = known.iter().map(|name| joined(key, name)).collect();
                write!(
                    f,
                    "there is no key '{}'; it knows {}",
                    joined(key, field),
                    known.join(", ")
                )
            }
            Reason::Missing(field) => write!(f, "the key '{}' is missing", joined(key, field)),
            Reason::Twice(field) => {
                write!(
                    f,
                    "the key '{}' is set twice, under two of its names",
                    joined(key, field)
                )
            }
            Reason::Wrong(text) if key.is_empty() => f.write_str(text),
            Reason::Wrong(text) => match &self.value {
                None => write!(f, "the key '{key}' is wrong: {text}"),
                Some(value) if !may_be_secret(key) => {
                    write!(f, "the key '{key}' can't be {value:?}: {text}")
                }
                Some(value) if !text.contains(value.as_str()) => {
                    write!(f, "the key '{key}' is wrong: {text}")
                }
                Some(_) => write!(f, "the key '{key}' has a value that isn't legal"),
            },
        }
    }
}

fn may_be_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET.iter().any(|part| key.contains(part))
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::of(Reason::Wrong(text.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("use {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("use {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("use one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::of(Reason::Unknown {
            field: field.to_owned(),
            known,
        })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(Reason::Missing(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(Reason::Twice(field))
    }
}
