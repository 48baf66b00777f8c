use std::borrow::Cow;

use serde::Serialize;

use walx::{ForeignRecord, Gap, Marker, MarkerKind, PlacedMessage};

use crate::json::{self, PropertyMap, Value};

/// A message as `--output json` prints it. The names are stable; `append --json` reads them.
#[derive(Serialize)]
struct Line<'a> {
    lsn: u64,
    id: String,
    tick: u64,
    term: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<u64>,
    properties: PropertyMap,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

/// One of walx's own marks.
#[derive(Serialize)]
struct MarkerLine<'a> {
    marker: MarkerFields<'a>,
}

#[derive(Serialize)]
struct MarkerFields<'a> {
    kind: &'static str,
    /// Of a commit: how many records the transaction has.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_channel: Option<&'a str>,
    lsn: u64,
    id: String,
    tick: u64,
    term: u64,
}

/// What others wrote.
#[derive(Serialize)]
struct ForeignLine<'a> {
    foreign: ForeignFields<'a>,
}

#[derive(Serialize)]
struct ForeignFields<'a> {
    id: String,
    unix_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Value>,
    properties: PropertyMap,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

/// A hole; ranges are from the first one to the one before the second.
#[derive(Serialize)]
struct GapLine {
    gap: GapFields,
}

#[derive(Serialize)]
struct GapFields {
    reason: String,
    lsns: Option<(u64, u64)>,
    seqs: Option<(u64, u64)>,
    after: Option<String>,
    before: Option<String>,
    detail: String,
}

pub(super) fn message(output: &mut Vec<u8>, entry: &PlacedMessage) {
    let (place, message) = (&entry.place, &entry.message);
    let payload = std::str::from_utf8(&message.payload).ok();
    let line = Line {
        lsn: place.lsn.get(),
        id: place.id.to_string(),
        tick: place.tick.get(),
        term: place.owner.term.get(),
        virtual_channel: message.virtual_channel.as_ref().map(|name| name.as_str()),
        idempotency_key: message.idempotency_key.clone().map(Value),
        transaction: entry.transaction.map(|id| id.0.get()),
        properties: PropertyMap(message.properties.clone()),
        payload,
        payload_base64: payload.is_none().then(|| json::encode(&message.payload)),
    };
    write(output, &line);
}

pub(super) fn marker(output: &mut Vec<u8>, marker: &Marker) {
    let (kind, count) = match marker.kind {
        MarkerKind::Begin => ("begin", None),
        MarkerKind::Commit { count } => ("commit", Some(count)),
        MarkerKind::Rollback { expired: false } => ("rollback", None),
        MarkerKind::Rollback { expired: true } => ("expired", None),
        MarkerKind::Tick => ("tick", None),
        _ => ("unknown", None),
    };
    let place = &marker.place;
    let line = MarkerLine {
        marker: MarkerFields {
            kind,
            count,
            transaction: marker.transaction.map(|id| id.0.get()),
            virtual_channel: marker.virtual_channel.as_ref().map(|name| name.as_str()),
            lsn: place.lsn.get(),
            id: place.id.to_string(),
            tick: place.tick.get(),
            term: place.owner.term.get(),
        },
    };
    write(output, &line);
}

pub(super) fn foreign(output: &mut Vec<u8>, record: &ForeignRecord) {
    let payload = std::str::from_utf8(&record.payload).ok();
    let line = ForeignLine {
        foreign: ForeignFields {
            id: record.id.to_string(),
            unix_ms: record.unix_ms,
            key: record.key.clone().map(Value),
            properties: PropertyMap(record.properties.clone()),
            payload,
            payload_base64: payload.is_none().then(|| json::encode(&record.payload)),
        },
    };
    write(output, &line);
}

pub(super) fn gap(output: &mut Vec<u8>, gap: &Gap) {
    let line = GapLine {
        gap: GapFields {
            reason: gap.reason.to_string(),
            lsns: gap.lsns.map(|(from, to)| (from.get(), to.get())),
            seqs: gap.seqs.map(|(from, to)| (from.get(), to.get())),
            after: gap.after.map(|id| id.to_string()),
            before: gap.before.map(|id| id.to_string()),
            detail: gap.detail.clone(),
        },
    };
    write(output, &line);
}

fn write(output: &mut Vec<u8>, line: &impl Serialize) {
    // Numbers, text and maps with text as names: nothing in them that JSON can't hold, and a Vec takes every write.
    let begin = output.len();
    let written = serde_json::to_writer(&mut *output, line);
    debug_assert!(written.is_ok(), "{written:?}");
    if let Ok(Cow::Owned(escaped)) = std::str::from_utf8(&output[begin..]).map(json::escape) {
        output.truncate(begin);
        output.extend_from_slice(escaped.as_bytes());
    }
    output.push(b'\n');
}

#[cfg(test)]
mod tests {
    use walx::{
        BackendName, GapReason, Lsn, Message, MessageId, Owner, Place, Seq, Term, Tick,
        TransactionId, VirtualChannel,
    };

    use super::*;

    fn text(message: Message) -> String {
        let id = MessageId::from_u64(BackendName::constant("file"), 10);
        let place = Place::new(id, Lsn::new(9), Tick::new(8), Owner::new(Term::new(2)));
        let mut output = Vec::new();
        super::message(
            &mut output,
            &PlacedMessage::new(place, message, Seq::new(10), None),
        );
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_record_is_one_object_on_one_line() {
        let place = r#""lsn":9,"id":"file:000000000000000a","tick":8,"term":2"#;
        assert_eq!(
            text(Message::new("a\nb")),
            format!("{{{place},\"properties\":{{}},\"payload\":\"a\\nb\"}}\n")
        );
        let full = Message::new(&b"\xff"[..])
            .with_property("a", "1")
            .with_property("b", &b"\xfe"[..])
            .with_virtual_channel(VirtualChannel::new("v").unwrap())
            .with_idempotency_key("k");
        let rest = r#""virtual_channel":"v","idempotency_key":"k","properties":{"a":"1","b":{"base64":"/g=="}},"payload_base64":"/w==""#;
        assert_eq!(text(full), format!("{{{place},{rest}}}\n"));
        assert_eq!(
            text(Message::new("\u{9b}2J")),
            format!("{{{place},\"properties\":{{}},\"payload\":\"\\u009b2J\"}}\n")
        );
    }

    #[test]
    fn a_message_names_its_transaction_and_a_mark_is_an_object_too() {
        let id = MessageId::from_u64(BackendName::constant("file"), 10);
        let place = Place::new(id, Lsn::new(9), Tick::new(8), Owner::new(Term::new(2)));
        let transaction = TransactionId(Seq::new(7));
        let mut output = Vec::new();
        let body = PlacedMessage::new(place, Message::new("x"), Seq::new(10), None);
        message(&mut output, &body.in_transaction(transaction));
        for kind in [
            MarkerKind::Commit { count: 1 },
            MarkerKind::Rollback { expired: true },
        ] {
            let mark = Marker::new(place, kind, Seq::new(10), None);
            let stream = VirtualChannel::new("v").unwrap();
            marker(&mut output, &mark.of(Some(transaction), Some(stream)));
        }
        let place = r#""lsn":9,"id":"file:000000000000000a","tick":8,"term":2"#;
        let rest = r#""transaction":7,"properties":{},"payload":"x""#;
        let of = r#""transaction":7,"virtual_channel":"v""#;
        assert_eq!(
            String::from_utf8(output).unwrap(),
            format!(
                "{{{place},{rest}}}\n\
                 {{\"marker\":{{\"kind\":\"commit\",\"count\":1,{of},{place}}}}}\n\
                 {{\"marker\":{{\"kind\":\"expired\",{of},{place}}}}}\n"
            )
        );
    }

    #[test]
    fn what_others_wrote_is_an_object_too() {
        let id = MessageId::from_u64(BackendName::constant("kafka"), 10);
        let mut output = Vec::new();
        foreign(&mut output, &ForeignRecord::new(id, "x"));
        let full = ForeignRecord::new(id, &b"\xff"[..])
            .with_unix_ms(Some(8))
            .with_key(Some("k".into()))
            .with_properties([("a", "1")].into_iter().collect());
        foreign(&mut output, &full);
        let id = r#"{"foreign":{"id":"kafka:000000000000000a","unix_ms""#;
        assert_eq!(
            String::from_utf8(output).unwrap(),
            format!(
                "{id}:null,\"properties\":{{}},\"payload\":\"x\"}}}}\n\
                 {id}:8,\"key\":\"k\",\"properties\":{{\"a\":\"1\"}},\"payload_base64\":\"/w==\"}}}}\n"
            )
        );
    }

    #[test]
    fn a_hole_is_an_object_too() {
        let mut hole = Gap::new(GapReason::Corrupt, "1.wal at 4096");
        hole.lsns = Some((Lsn::new(3), Lsn::new(7)));
        let mut output = Vec::new();
        gap(&mut output, &hole);
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "{\"gap\":{\"reason\":\"corrupt\",\"lsns\":[3,7],\"seqs\":null,\"after\":null,\"before\":null,\
             \"detail\":\"1.wal at 4096\"}}\n"
        );
    }
}
