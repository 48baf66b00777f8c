use walx::{Message, Properties};

/// Bytes that are shown in front of the first difference, and from it on.
const BEFORE: usize = 8;
const BEHIND: usize = 24;

/// In what two messages differ, with short excerpts in which no byte can act on a terminal.
pub(super) fn between(a: &Message, b: &Message) -> String {
    if a.payload != b.payload {
        return bytes("the payload", &a.payload, &b.payload);
    }
    if a.properties != b.properties {
        return properties(&a.properties, &b.properties);
    }
    if a.virtual_channel != b.virtual_channel {
        let name = |message: &Message| {
            let name = message.virtual_channel.as_ref();
            name.map_or_else(
                || "none".to_owned(),
                |name| quote(name.as_str().as_bytes(), 0),
            )
        };
        return format!("the virtual channel is {} and {}", name(a), name(b));
    }
    let key = |message: &Message| {
        let key = message.idempotency_key.as_ref();
        key.map_or_else(|| "none".to_owned(), |key| quote(key, 0))
    };
    format!("the idempotency key is {} and {}", key(a), key(b))
}

/// In what the transactions of two messages differ that are else the same: which one of how many messages each one is.
pub(super) fn of_transactions(a: Option<(usize, usize)>, b: Option<(usize, usize)>) -> String {
    let name = |of: Option<(usize, usize)>| match of {
        Some((number, count)) => format!("message {number} of {count} of a transaction"),
        None => "in no transaction".to_owned(),
    };
    format!("it is {} and {}", name(a), name(b))
}

fn bytes(what: &str, a: &[u8], b: &[u8]) -> String {
    let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (before, after) = (quote(a, at), quote(b, at));
    if a.len() == b.len() {
        format!("{what} from byte {at} on: {before} and {after}")
    } else {
        let (a, b) = (a.len(), b.len());
        format!("{what} from byte {at} on, with {a} and {b} bytes: {before} and {after}")
    }
}

fn properties(a: &Properties, b: &Properties) -> String {
    let same = a.iter().zip(b.iter()).take_while(|(a, b)| a == b).count();
    let number = same + 1;
    match (a.iter().nth(same), b.iter().nth(same)) {
        (Some((name, a)), Some((other, b))) if name == other => {
            let name = quote(name.as_bytes(), 0);
            bytes(&format!("the property {name}"), a, b)
        }
        (Some((a, _)), Some((b, _))) => {
            let (a, b) = (quote(a.as_bytes(), 0), quote(b.as_bytes(), 0));
            format!("property {number} is {a} and {b}")
        }
        (Some((a, _)), None) => format!("only A has the property {}", quote(a.as_bytes(), 0)),
        (None, b) => {
            let b = b.map_or(&b""[..], |(b, _)| b.as_bytes());
            format!("only B has the property {}", quote(b, 0))
        }
    }
}

/// What stands around a place.
fn quote(bytes: &[u8], at: usize) -> String {
    let from = at.saturating_sub(BEFORE);
    let to = bytes.len().min(at.saturating_add(BEHIND));
    let text = bytes[from.min(to)..to].escape_ascii();
    let (left, right) = (
        if from > 0 { "…" } else { "" },
        if to < bytes.len() { "…" } else { "" },
    );
    format!("{left}\"{text}\"{right}")
}

#[cfg(test)]
mod tests {
    use walx::VirtualChannel;

    use super::*;

    #[test]
    fn what_was_committed_together_is_told_where_it_differs() {
        assert_eq!(
            of_transactions(Some((1, 2)), None),
            "it is message 1 of 2 of a transaction and in no transaction"
        );
    }

    #[test]
    fn the_first_difference_is_named() {
        let long = |end: &str| format!("{}{end}", "x".repeat(100));
        let plain = || Message::new("p");
        let channel = |name: &str| plain().with_virtual_channel(VirtualChannel::new(name).unwrap());
        for (a, b, text) in [
            (
                Message::new("paid"),
                Message::new("pa\x1bd"),
                r#"the payload from byte 2 on: "paid" and "pa\x1bd""#,
            ),
            (
                Message::new("a"),
                Message::new(""),
                r#"the payload from byte 0 on, with 1 and 0 bytes: "a" and """#,
            ),
            (
                Message::new(long("a")),
                Message::new(long("b") + &long("")),
                r#"the payload from byte 100 on, with 101 and 201 bytes: …"xxxxxxxxa" and …"xxxxxxxxbxxxxxxxxxxxxxxxxxxxxxxx"…"#,
            ),
            (
                plain().with_property("k", "1"),
                plain().with_property("k", "2"),
                r#"the property "k" from byte 0 on: "1" and "2""#,
            ),
            (
                plain().with_property("k", "1").with_property("a", "1"),
                plain().with_property("k", "1").with_property("b", "1"),
                r#"property 2 is "a" and "b""#,
            ),
            (
                plain().with_property("k", "1"),
                plain(),
                r#"only A has the property "k""#,
            ),
            (
                plain(),
                plain().with_property("k", "1"),
                r#"only B has the property "k""#,
            ),
            (
                channel("eu"),
                plain(),
                r#"the virtual channel is "eu" and none"#,
            ),
            (
                plain(),
                plain().with_idempotency_key(&b"\0"[..]),
                r#"the idempotency key is none and "\x00""#,
            ),
        ] {
            assert_eq!(between(&a, &b), text);
        }
    }
}
