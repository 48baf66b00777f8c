//! How values stand in texts for people.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use walx::{Lsn, Tick};

/// A text with nothing in it that could act on a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(Plain).map(|it| it.to_string()).collect()
}

/// A character that can't act on a terminal.
pub(crate) struct Plain(pub(crate) char);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_control() {
            self.0.escape_default().fmt(f)
        } else {
            fmt::Write::write_char(f, self.0)
        }
    }
}

/// So many of these: `1 message`, `2 messages`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// The lsns from the first to the last; nothing where there are none.
pub(crate) fn lsns(first: Option<Lsn>, last: Option<Lsn>) -> String {
    match (first, last) {
        (Some(first), Some(last)) if first == last => format!(", lsn {first}"),
        (Some(first), Some(last)) => format!(", lsn {first} to {last}"),
        _ => String::new(),
    }
}

/// Bytes, also in a unit that people read.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1024 {
        count(bytes, "byte")
    } else {
        format!("{bytes} bytes ({})", indicatif::BinaryBytes(bytes))
    }
}

/// The time in a tick; none where there is no record yet.
pub(crate) fn time(tick: Tick) -> Option<String> {
    (tick != Tick::ZERO).then(|| unix_ms(tick.unix_ms()))
}

/// A time of day; one that no calendar has stays the number that it is.
pub(crate) fn unix_ms(unix_ms: u64) -> String {
    if unix_ms >= END_OF_TIME_MS {
        return unix_ms.to_string();
    }
    let time = UNIX_EPOCH + Duration::from_millis(unix_ms);
    humantime::format_rfc3339_millis(time).to_string()
}

/// The year 10000.
const END_OF_TIME_MS: u64 = 253_402_300_800_000;

/// A value, or a dash where it isn't known.
pub(crate) fn or_dash(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_not_act_on_the_terminal() {
        assert_eq!(plain("a\x1b[31m\u{9b}ü\n"), "a\\u{1b}[31m\\u{9b}ü\\n");
    }

    #[test]
    fn numbers_are_told_as_people_read_them() {
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(count(0, "message"), "0 messages");
        assert_eq!(lsns(None, None), "");
        let (first, last) = (Some(Lsn::new(3)), Some(Lsn::new(5)));
        assert_eq!(lsns(first, first), ", lsn 3");
        assert_eq!(lsns(first, last), ", lsn 3 to 5");
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536), "1536 bytes (1.50 KiB)");
        assert_eq!(time(Tick::ZERO), None);
        let tick = Tick::from_unix_ms(1_738_324_800_123);
        assert_eq!(time(tick).unwrap(), "2025-01-31T12:00:00.123Z");
    }
}
