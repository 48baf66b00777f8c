use std::io::Write;

use walx::{ForeignRecord, Place, PlacedMessage};

use crate::text::{self, Plain};

/// What the columns before the payload take: lsn, time, bytes, transaction, and two spaces behind each.
const FIXED: usize = 12 + 2 + 24 + 2 + 9 + 2 + 8 + 2;
/// The payload keeps so much even on a narrow terminal.
const MIN_PAYLOAD: usize = 20;

/// Rows for people, as wide as the terminal.
pub(super) struct Table {
    payload: usize,
    headed: bool,
}

impl Table {
    pub(super) fn new(width: usize) -> Self {
        Self {
            payload: width.saturating_sub(FIXED).max(MIN_PAYLOAD),
            headed: false,
        }
    }

    pub(super) fn row(&mut self, output: &mut Vec<u8>, entry: &PlacedMessage) {
        let payload = cut(&entry.message.payload, self.payload);
        let bytes = entry.message.payload.len();
        let transaction = entry.transaction.map(|id| id.0.to_string());
        let transaction = transaction.unwrap_or_default();
        self.place(output, &entry.place, bytes, &transaction, &payload);
    }

    /// A row of what others wrote, which has no lsn.
    pub(super) fn foreign(&mut self, output: &mut Vec<u8>, record: &ForeignRecord) {
        self.head(output);
        let time = record.unix_ms.map_or_else(String::new, text::unix_ms);
        let payload = cut(&record.payload, self.payload);
        line(output, "foreign", time, record.payload.len(), "", &payload);
    }

    /// A row that stands for one of walx's own marks.
    pub(super) fn mark(&mut self, output: &mut Vec<u8>, place: &Place, text: &str) {
        self.place(output, place, "", "", &format!("-- {text}"));
    }

    fn place(
        &mut self,
        output: &mut Vec<u8>,
        place: &Place,
        bytes: impl std::fmt::Display,
        transaction: &str,
        payload: &str,
    ) {
        self.head(output);
        let time = text::unix_ms(place.tick.unix_ms());
        line(output, place.lsn.get(), time, bytes, transaction, payload);
    }
}

impl Table {
    fn head(&mut self, output: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.headed, true) {
            line(output, "LSN", "TIME", "BYTES", "TXN", "PAYLOAD");
        }
    }
}

fn line(
    output: &mut Vec<u8>,
    lsn: impl std::fmt::Display,
    time: impl std::fmt::Display,
    bytes: impl std::fmt::Display,
    transaction: &str,
    payload: &str,
) {
    // A Vec takes every write.
    let _ = writeln!(
        output,
        "{lsn:>12}  {time:<24}  {bytes:>9}  {transaction:>8}  {payload}"
    );
}

/// The beginning of a payload in at most `width` characters, nothing in it that could act on a terminal.
fn cut(payload: &[u8], width: usize) -> String {
    // No more than this many bytes can be shown: a character has at most four of them.
    let seen = &payload[..payload.len().min(4 * width + 4)];
    let mut text = String::new();
    let mut count = 0;
    for part in String::from_utf8_lossy(seen).chars().map(Plain) {
        let part = part.to_string();
        count += part.chars().count();
        if count > width {
            while text.chars().count() >= width {
                text.pop();
            }
            text.push('…');
            break;
        }
        text.push_str(&part);
    }
    text
}

#[cfg(test)]
mod tests {
    use walx::{
        BackendName, Lsn, Message, MessageId, Owner, Place, Seq, Term, Tick, TransactionId,
    };

    use super::*;

    #[test]
    fn columns_are_aligned_under_one_head() {
        let (mut output, mut end) = (Vec::new(), None);
        let mut table = Table::new(80);
        for (lsn, payload) in [
            (7, "paid"),
            (
                1_000_000,
                "a payload that is longer than what a row has room for",
            ),
        ] {
            let id = MessageId::from_u64(BackendName::constant("file"), lsn);
            let at = Place::new(
                id,
                Lsn::new(lsn),
                Tick::from_unix_ms(1_738_324_800_123),
                Owner::new(Term::FIRST),
            );
            table.row(
                &mut output,
                &PlacedMessage::new(at, Message::new(payload), Seq::new(lsn), None)
                    .in_transaction(TransactionId(Seq::new(5))),
            );
            end = Some(Place::new(id, Lsn::new(lsn + 1), at.tick, at.owner));
        }
        let id = MessageId::from_u64(BackendName::constant("kafka"), 1);
        let foreign = ForeignRecord::new(id, "by others").with_unix_ms(Some(1_738_324_800_123));
        table.foreign(&mut output, &foreign);
        table.mark(&mut output, &end.unwrap(), "it ends");
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "         LSN  TIME                          BYTES       TXN  PAYLOAD\n           \
             7  2025-01-31T12:00:00.123Z          4         5  paid\n     \
             1000000  2025-01-31T12:00:00.123Z         53         5  a payload that is l…\n     \
             foreign  2025-01-31T12:00:00.123Z          9            by others\n     \
             1000001  2025-01-31T12:00:00.123Z                       -- it ends\n"
        );
    }

    #[test]
    fn a_payload_can_not_act_on_the_terminal() {
        assert_eq!(cut(b"a\x1b[31m\n\xff", 40), "a\\u{1b}[31m\\n\u{fffd}");
        assert_eq!(cut("äöü".as_bytes(), 3), "äöü");
        assert_eq!(cut("äöüß".as_bytes(), 3), "äö…");
        assert_eq!(cut(b"ab\x1b", 4), "ab…");
        assert_eq!(cut(&[b'x'; 1 << 20], 5), "xxxx…");
        assert_eq!(cut(b"", 5), "");
    }
}
