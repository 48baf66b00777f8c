use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use walx_core::{BackendName, Config, Error, ErrorKind};

use super::{back, taken, text};
use crate::config::{ByteSize, HumanDuration, Secret, from_toml, parse, to_config};

/// A configuration as TOML, a size, a duration: whatever of them the text is.
pub fn config(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let size = comes_back::<ByteSize>(text, "is no size");
    let duration = comes_back::<HumanDuration>(text, "is no duration");
    table(text) || size || duration
}

fn comes_back<T>(text: &str, says: &str) -> bool
where
    T: FromStr<Err = Error> + Display + Debug + PartialEq,
{
    let Some(value) = taken(text.parse::<T>(), &[ErrorKind::InvalidInput], says) else {
        return false;
    };
    let printed = value.to_string();
    assert_eq!(back(printed.parse::<T>(), &printed), value);
    true
}

fn table(text: &str) -> bool {
    let Some((backend, config)) = taken(from_toml(text), &[ErrorKind::InvalidInput], " ") else {
        return false;
    };
    let printed = toml_of(backend, &config);
    assert_eq!(
        back(from_toml(&printed), &printed),
        (backend, config.clone())
    );
    is_sample(BackendName::constant("sample"), &config)
}

/// The table as TOML, each key and value in quotes.
pub(super) fn toml_of(backend: Option<BackendName>, config: &Config) -> String {
    let quoted = |text: &str| {
        // JSON's escapes are TOML's, but for one character that JSON leaves as it is.
        let text = serde_json::Value::from(text).to_string();
        text.replace('\u{7f}', "\\u007f")
    };
    let backend = backend.map(|name| format!("backend = \"{name}\"\n"));
    let lines = config
        .iter()
        .map(|(key, value)| format!("{} = {}\n", quoted(key), quoted(value)));
    backend.into_iter().chain(lines).collect()
}

/// One field of each form that a backend's struct may have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Sample {
    location: String,
    size: ByteSize,
    every: Option<HumanDuration>,
    on: bool,
    port: u16,
    shift: i64,
    servers: Vec<String>,
    mode: Mode,
    retry: Retry,
    password: Option<Secret>,
    extra: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Safe,
    Fast,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Retry {
    first: HumanDuration,
    most: u32,
}

/// Whether the table fills the struct: then the struct makes a table that fills it again. Errors show no password.
pub(super) fn is_sample(backend: BackendName, config: &Config) -> bool {
    let outcome = parse::<Sample>(backend, config);
    let text = outcome.as_ref().err().map(ToString::to_string);
    let other = parse::<Sample>(backend, &with_other_passwords(config));
    assert_eq!(
        other.err().map(|error| error.to_string()),
        text,
        "the error depends on a password"
    );
    let says = "the configuration of backend '";
    let Some(sample) = taken(outcome, &[ErrorKind::InvalidInput], says) else {
        return false;
    };
    let table = back(to_config(&sample), &sample);
    assert_eq!(back(parse::<Sample>(backend, &table), &table), sample);
    true
}

fn with_other_passwords(config: &Config) -> Config {
    let mut other = Config::new();
    for (key, value) in config.iter() {
        let secret = key.to_ascii_lowercase().contains("password");
        other.set(key, if secret { "another" } else { value });
    }
    other
}
