use serde_json::json;
use walx::Message;

use super::parse;
use crate::json::{PropertyMap, Value, encode};

/// A line: it is refused with a reason, or stands for the same message when it is written anew. Says whether it was
/// taken.
pub(crate) fn line(bytes: &[u8]) -> bool {
    let message = match parse(bytes) {
        Ok(message) => message,
        Err(error) => {
            let reasons = [
                "no JSON record: ",
                "there ",
                "the base64 ",
                "invalid input: ",
            ];
            let is_said = reasons.iter().any(|reason| error.starts_with(reason));
            assert!(is_said, "no reason is given: {error}");
            return false;
        }
    };
    for payload in [as_base64(&message), as_text(&message)]
        .into_iter()
        .flatten()
    {
        let printed = printed(&message, payload);
        match parse(printed.as_bytes()) {
            Ok(back) => assert_eq!(back, message, "{printed}"),
            Err(error) => panic!("what was printed is not taken back: {printed}: {error}"),
        }
    }
    true
}

type Field = (&'static str, String);

fn as_base64(message: &Message) -> Option<Field> {
    Some(("payload_base64", encode(&message.payload)))
}

fn as_text(message: &Message) -> Option<Field> {
    let text = std::str::from_utf8(&message.payload).ok()?;
    Some(("payload", text.to_owned()))
}

/// With the place that `tail --output json` puts in front, which is left out of account.
fn printed(message: &Message, (payload, text): Field) -> String {
    // Properties may stand more than once, which no map of serde_json holds.
    let properties = serde_json::to_string(&PropertyMap(message.properties.clone()));
    let Ok(properties) = properties else {
        panic!("no JSON of {message:?}");
    };
    let mut fields = format!(
        r#""lsn":1,"id":"file:01","tick":7,"term":1,"properties":{properties},{}:{}"#,
        json!(payload),
        json!(text)
    );
    if let Some(name) = &message.virtual_channel {
        fields += &format!(r#","virtual_channel":{}"#, json!(name.as_str()));
    }
    if let Some(key) = message.idempotency_key.clone() {
        let key = serde_json::to_string(&Value(key)).unwrap_or_default();
        fields += &format!(r#","idempotency_key":{key}"#);
    }
    format!("{{{fields}}}")
}

#[cfg(test)]
#[test]
fn kept_and_changed_lines_keep_the_promises() {
    crate::inputs::check("append_json", line, 1_000);
}
