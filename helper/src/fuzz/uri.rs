use walx_core::{Config, ErrorKind};

use super::config::{is_sample, toml_of};
use super::{back, taken, text};
use crate::config::from_toml;
use crate::uri::{LOCATION, parse};

/// A store URI: it stands for the same store when it is written anew, as URI or as TOML.
pub fn uri(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let outcome = parse(text);
    if let Err(error) = &outcome {
        shows_no_value(text, &format!("{error} {error:?}"));
    }
    let says = "backend:location?key=value";
    let Some(store) = taken(outcome, &[ErrorKind::InvalidInput], says) else {
        return false;
    };

    let printed = format!("{}:{}", store.backend, query(&store.config));
    assert_eq!(back(parse(&printed), &printed), store);
    // The table has a key of its own for the backend.
    if store.config.get("backend").is_none() {
        let table = toml_of(Some(store.backend), &store.config);
        let (backend, config) = back(from_toml(&table), &table);
        assert_eq!((backend, &config), (Some(store.backend), &store.config));
    }
    is_sample(store.backend, &store.config);
    true
}

fn query(config: &Config) -> String {
    let escaped = |text: &str| -> String {
        let digits = text.bytes().map(|byte| format!("%{byte:02X}"));
        digits.collect()
    };
    let location = config.get(LOCATION).map(escaped).unwrap_or_default();
    let pairs: Vec<_> = config
        .iter()
        .filter(|(key, _)| *key != LOCATION)
        .map(|(key, value)| format!("{}={}", escaped(key), escaped(value)))
        .collect();
    format!("{location}?{}", pairs.join("&"))
}

/// Values may be secrets. Only those count that can't stand in an error by chance.
fn shows_no_value(text: &str, error: &str) {
    let Some((path, query)) = text.split_once('?') else {
        return;
    };
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        let elsewhere =
            path.contains(value) || key.contains(value) || query.matches(value).count() > 1;
        if digits > 5 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !elsewhere {
            assert!(!error.contains(value), "{value:?} is shown: {error}");
        }
    }
}
