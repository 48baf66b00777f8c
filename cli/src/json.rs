//! How bytes stand in a JSON line: as text where they are UTF-8, else as base64. Read and written by the same types.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use walx::{Bytes, Properties};

/// Bytes as `"text"` or `{"base64":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value(pub(crate) Bytes);

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &encode(&self.0))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or {\"base64\":\"…\"}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value(Bytes::copy_from_slice(text.as_bytes())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let wrong = || A::Error::custom("an object has to be {\"base64\":\"…\"}");
        let Some((key, text)) = map.next_entry::<String, String>()? else {
            return Err(wrong());
        };
        if key != "base64" || map.next_key::<String>()?.is_some() {
            return Err(wrong());
        }
        decode(&text).map(Value).map_err(A::Error::custom)
    }
}

/// Properties as an object. A name that stands more than once stands more than once here too, in the same order.
#[derive(Clone, Debug, Default)]
pub(crate) struct PropertyMap(pub(crate) Properties);

impl Serialize for PropertyMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(name, value)| (name, Value(value.clone()))),
        )
    }
}

impl<'de> Deserialize<'de> for PropertyMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor)
    }
}

struct MapVisitor;

impl<'de> Visitor<'de> for MapVisitor {
    type Value = PropertyMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PropertyMap, A::Error> {
        let mut properties = Properties::default();
        while let Some((name, Value(value))) = map.next_entry::<String, Value>()? {
            properties.push(name, value);
        }
        Ok(PropertyMap(properties))
    }
}

/// JSON lets DEL and the controls behind it stand as they are; a terminal may act on them.
pub(crate) fn escape(json: &str) -> Cow<'_, str> {
    if !json.contains(char::is_control) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Result<Bytes, String> {
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|error| format!("the base64 is not valid: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_and_other_bytes_become_base64() {
        for (bytes, json) in [
            (&b"paid"[..], r#""paid""#),
            (b"", r#""""#),
            (b"a\0\"", r#""a\u0000\"""#),
            (b"\xff\0", r#"{"base64":"/wA="}"#),
        ] {
            let value = Value(Bytes::from_static(bytes));
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
        }
    }

    #[test]
    fn json_can_not_act_on_the_terminal_and_says_the_same() {
        let said = "a\u{7f}\u{9b}31m\x1bü\n";
        let json = serde_json::to_string(said).unwrap();
        let text = escape(&json);
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), said);
        assert_eq!(escape("\"ü\""), "\"ü\"");
    }

    #[test]
    fn anything_else_is_refused() {
        for json in [
            "1",
            "null",
            "[]",
            "{}",
            r#"{"base63":""}"#,
            r#"{"base64":"!"}"#,
            r#"{"base64":"","x":""}"#,
        ] {
            assert!(serde_json::from_str::<Value>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_survives() {
        let json = r#"{"b":"1","a":{"base64":"/w=="},"b":"2"}"#;
        let map: PropertyMap = serde_json::from_str(json).unwrap();
        assert_eq!(map.0.len(), 3);
        assert_eq!(serde_json::to_string(&map).unwrap(), json);
    }
}
