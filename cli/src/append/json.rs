use serde::Deserialize;
use serde::de::IgnoredAny;

use walx::{Bytes, Message, VirtualChannel};

use crate::json::{self, PropertyMap, Value};

/// A line of `--json`. The place that `tail --output json` prints is left out of account: the record gets a new one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    payload: Option<String>,
    payload_base64: Option<String>,
    #[serde(default)]
    properties: PropertyMap,
    virtual_channel: Option<String>,
    idempotency_key: Option<Value>,
    #[serde(default, rename = "transaction")]
    _transaction: IgnoredAny,
    #[serde(default, rename = "lsn")]
    _lsn: IgnoredAny,
    #[serde(default, rename = "id")]
    _id: IgnoredAny,
    #[serde(default, rename = "tick")]
    _tick: IgnoredAny,
    #[serde(default, rename = "term")]
    _term: IgnoredAny,
}

/// The message of a line, or what is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<Message, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| explain(&error))?;
    let payload = match (line.payload, line.payload_base64) {
        (Some(text), None) => Bytes::from(text),
        (None, Some(text)) => json::decode(&text)?,
        (None, None) => {
            return Err("there is no payload: give \"payload\" or \"payload_base64\"".to_owned());
        }
        (Some(_), Some(_)) => return Err("there are two payloads: give one".to_owned()),
    };
    let mut message = Message::new(payload);
    message.properties = line.properties.0;
    if let Some(name) = line.virtual_channel {
        message.virtual_channel =
            Some(VirtualChannel::new(name).map_err(|error| error.to_string())?);
    }
    message.idempotency_key = line.idempotency_key.map(|Value(key)| key);
    Ok(message)
}

/// The parser's text without its own line number, which is always 1.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(reason, _)| reason);
    format!("no JSON record: {reason}, at column {}", error.column())
}

/// What must hold of every line. Compiled for tests and for fuzzing only.
#[cfg(any(test, fuzzing))]
#[path = "json/fuzz.rs"]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_and_properties_are_text_or_base64() {
        let message =
            parse(br#"{"payload":"paid","properties":{"order":"4711","raw":{"base64":"/wA="}}}"#)
                .unwrap();
        assert_eq!(&message.payload[..], b"paid");
        assert_eq!(message.property("order"), Some(&b"4711"[..]));
        assert_eq!(message.property("raw"), Some(&b"\xff\0"[..]));
        assert_eq!(
            &parse(br#"{"payload_base64":"/w=="}"#).unwrap().payload[..],
            b"\xff"
        );
        assert_eq!(parse(br#"{"payload":""}"#).unwrap(), Message::new(""));
    }

    #[test]
    fn what_tail_prints_is_taken() {
        let line = br#"{"lsn":1,"id":"file:01","tick":7,"term":1,"virtual_channel":"v","idempotency_key":"k","properties":{},"payload":"x"}"#;
        let expected = Message::new("x")
            .with_virtual_channel(VirtualChannel::new("v").unwrap())
            .with_idempotency_key("k");
        assert_eq!(parse(line).unwrap(), expected);
    }

    #[test]
    fn a_bad_line_is_explained() {
        for (line, why) in [
            ("", "no JSON record: EOF while parsing a value, at column 0"),
            (
                "{}",
                "there is no payload: give \"payload\" or \"payload_base64\"",
            ),
            (
                r#"{"payload":"","payload_base64":""}"#,
                "there are two payloads: give one",
            ),
            (r#"{"payload_base64":"!"}"#, "the base64 is not valid: "),
            (
                r#"{"payload":1}"#,
                "no JSON record: invalid type: integer `1`, expected a string, at column 12",
            ),
            (
                r#"{"payload":"","properties":{"a":1}}"#,
                "no JSON record: invalid type: integer `1`, expected text or",
            ),
            (r#"{"gap":{}}"#, "no JSON record: unknown field `gap`"),
            (
                r#"{"payload":"","virtual_channel":""}"#,
                "invalid input: a virtual channel's name",
            ),
        ] {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.starts_with(why), "{line}: {error}");
        }
    }
}
