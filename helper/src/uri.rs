//! A store as one line: `backend:location?key=value&key=value`.
//!
//! ```
//! use walx_helper::uri;
//!
//! let store = uri::parse("file:./data?sync=os").unwrap();
//! assert_eq!(store.backend.as_str(), "file");
//! assert_eq!(store.config.get("location"), Some("./data"));
//! assert_eq!(store.config.get("sync"), Some("os"));
//! ```

use percent_encoding::percent_decode_str;
use walx_core::{BackendName, Config, Error, ErrorKind, Result};

/// The key under which a store's location stands in its configuration.
pub const LOCATION: &str = "location";

/// A backend's name, and what a store of it is configured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUri {
    /// The backend.
    pub backend: BackendName,
    /// The location, where there is one, under [`LOCATION`]; the rest under its own keys.
    pub config: Config,
}

/// Reads a store URI. Location, keys and values are percent-decoded.
///
/// Two slashes behind the colon are left out, as other tools write them: `file:///var/wal` is `file:/var/wal`, and
/// `kafka://b1:9092,b2:9092/prefix` has the location `b1:9092,b2:9092/prefix`.
///
/// # Errors
/// `InvalidInput`, which shows the right form. No value stands in it: values may be secrets.
pub fn parse(text: &str) -> Result<StoreUri> {
    let (path, query) = text
        .split_once('?')
        .map_or((text, None), |(path, query)| (path, Some(query)));
    let (scheme, location) = path.split_once(':').ok_or_else(|| no_scheme(path))?;
    if scheme.contains(['/', '.']) {
        return Err(no_scheme(path));
    }
    let backend = BackendName::new(scheme).map_err(|error| wrong(error.message().to_owned()))?;

    let location = decoded(location.strip_prefix("//").unwrap_or(location), "location")?;
    let mut config = Config::new();
    if !location.is_empty() {
        config.set(LOCATION, location);
    }
    for pair in query
        .into_iter()
        .filter(|query| !query.is_empty())
        .flat_map(|query| query.split('&'))
    {
        let (key, value) = match pair.split_once('=') {
            Some(("", _)) => return Err(wrong("a key is empty".to_owned())),
            Some(pair) => pair,
            None if pair.is_empty() => {
                return Err(wrong("a key is empty: an '&' is too many".to_owned()));
            }
            None => return Err(wrong(format!("the key {pair:?} has no '=' and no value"))),
        };
        let key = decoded(key, "key")?;
        let value = decoded(value, &key)?;
        if config.get(&key).is_some() {
            return Err(wrong(format!("the key {key:?} is set twice")));
        }
        config.set(key, value);
    }
    Ok(StoreUri { backend, config })
}

fn decoded(text: &str, what: &str) -> Result<String> {
    let mut escapes = text.split('%').skip(1);
    if !escapes.all(|escape| {
        escape.len() >= 2
            && escape
                .bytes()
                .take(2)
                .all(|digit| digit.is_ascii_hexdigit())
    }) {
        return Err(wrong(format!(
            "in {what:?}, a '%' is not followed by two hexadecimal digits: write % as %25"
        )));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(wrong(format!("{what:?} is no UTF-8 text"))),
    }
}

fn no_scheme(path: &str) -> Error {
    // Whoever wrote credentials before an '@' must not find them in a log.
    let shown = if path.is_empty() || path.contains('@') {
        "./data"
    } else {
        path
    };
    wrong(format!(
        "the backend is missing: for files write file:{shown}"
    ))
}

fn wrong(why: String) -> Error {
    let text = format!("{why}; a store is written as backend:location?key=value&key=value");
    Error::new(ErrorKind::InvalidInput, text).with_operation("read store URI")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn location(text: &str) -> Option<String> {
        parse(text).unwrap().config.get(LOCATION).map(str::to_owned)
    }

    #[test]
    fn locations_of_all_forms_are_understood() {
        for (text, expected) in [
            ("file:./data", "./data"),
            ("file:/var/wal", "/var/wal"),
            ("file:///var/wal", "/var/wal"),
            ("file:./with%20space%3F?sync=os", "./with space?"),
            (
                "kafka://b1:9092,b2:9092/prefix?acks=all",
                "b1:9092,b2:9092/prefix",
            ),
            ("postgres://user:pw@host/db", "user:pw@host/db"),
            ("memory:shared", "shared"),
        ] {
            assert_eq!(location(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "memory:",
            "memory://",
            "memory:?max_record=1MiB",
            "memory:?",
        ] {
            assert_eq!(location(text), None, "{text}");
        }
    }

    #[test]
    fn keys_and_values_are_decoded() {
        let store = parse("file:d?a%26b=1%3D2&retry.first=5ms&empty=&plus=a+b").unwrap();
        let all: Vec<_> = store.config.iter().collect();
        assert_eq!(
            all,
            [
                ("a&b", "1=2"),
                ("empty", ""),
                ("location", "d"),
                ("plus", "a+b"),
                ("retry.first", "5ms")
            ]
        );
    }

    #[test]
    fn wrong_texts_are_refused_and_the_right_form_is_shown() {
        for (text, says) in [
            ("./data", "write file:./data;"),
            ("/var/wal", "write file:/var/wal;"),
            ("", "write file:./data;"),
            ("./a:b", "write file:./a:b;"),
            ("FILE:./data", "\"FILE\" is no backend name"),
            (":x", "\"\" is no backend name"),
            ("file:d?a=1&a=2", "\"a\" is set twice"),
            ("file:d?location=e", "\"location\" is set twice"),
            ("file:d?=1", "a key is empty"),
            ("file:d?a=1&", "a key is empty"),
            ("file:d?a", "\"a\" has no '='"),
            ("file:100%", "write % as %25"),
            ("file:d?a=%f", "in \"a\""),
            ("file:d?a=%ff", "\"a\" is no UTF-8"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
            let error = error.to_string();
            assert!(
                error.contains(says) && error.contains("backend:location?key=value"),
                "{says:?} is not in: {error}"
            );
        }
    }

    #[test]
    fn no_error_shows_a_value() {
        for text in [
            "user@hunter2",
            "file:d?p=hunter2&p=hunter2",
            "file:d?p=hunter2%",
            "hunter2@/d?p=hunter2",
        ] {
            assert!(
                !format!("{:?}", parse(text).unwrap_err()).contains("hunter2"),
                "{text}"
            );
        }
        assert!(!format!("{:?}", parse("pg:u:hunter2@h?p=hunter2").unwrap()).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_store_or_an_error(text in "([a-z]{0,5}:)?[/%?&=a-z0-9\\PC]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_location_and_value_can_be_written(location in "\\PC{1,20}", key in "\\PC{1,9}", value in "\\PC{0,20}") {
            let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
            let key = format!("k{key}");
            let text = format!("file:{}?{}={}", encode(&location), encode(&key), encode(&value));
            let config = parse(&text).unwrap().config;
            prop_assert_eq!(config.get(LOCATION), Some(&location[..]));
            prop_assert_eq!(config.get(&key), Some(&value[..]));
        }
    }
}
