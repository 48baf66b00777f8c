use std::fmt;
use std::str::FromStr;

use walx_core::{Error, ErrorKind, Message, Result};

/// The W3C `traceparent` of version 00: which trace, which span in it, and whether it is sampled.
///
/// ```
/// use walx_adaptor::interceptor::TraceParent;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent: TraceParent = text.parse().unwrap();
/// assert!(parent.is_sampled());
/// assert_eq!(parent.to_string(), text);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

impl TraceParent {
    /// A context from its parts, of which neither id is 0.
    ///
    /// # Errors
    /// `InvalidInput` where one is.
    pub fn new(trace_id: u128, parent_id: u64, flags: u8) -> Result<Self> {
        if trace_id == 0 || parent_id == 0 {
            return Err(wrong("an id of 0 names nothing"));
        }
        Ok(Self {
            trace_id,
            parent_id,
            flags,
        })
    }

    /// The context that a message carries; `None` where it has none, or one that W3C says to ignore.
    pub fn of(message: &Message) -> Option<Self> {
        let text = message.property(super::PARENT)?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// Which trace.
    pub const fn trace_id(self) -> u128 {
        self.trace_id
    }

    /// Which span of it the message comes from.
    pub const fn parent_id(self) -> u64 {
        self.parent_id
    }

    /// The flags, as they are.
    pub const fn flags(self) -> u8 {
        self.flags
    }

    /// Whether the caller records the trace.
    pub const fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id, self.parent_id, self.flags
        )
    }
}

impl FromStr for TraceParent {
    type Err = Error;

    /// Of a later version, the part is read that this one knows, as W3C asks for.
    fn from_str(text: &str) -> Result<Self> {
        let mut fields = text.splitn(5, '-');
        let mut field = |digits: usize| {
            let field = fields.next().filter(|it| it.len() == digits);
            let legal = |it: &&str| it.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
            let field = field.filter(legal).ok_or_else(|| {
                wrong("use 00-TRACE-PARENT-FLAGS, in 32, 16 and 2 lower-case hexadecimal digits")
            })?;
            u128::from_str_radix(field, 16).map_err(|_| wrong("use hexadecimal digits"))
        };
        let (version, trace_id, parent_id, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        match (version, fields.next()) {
            (0xff, _) => Err(wrong("there is no version ff")),
            (0, Some(_)) => Err(wrong("version 00 ends with the flags")),
            _ => Self::new(trace_id, parent_id as u64, flags as u8),
        }
    }
}

fn wrong(why: &'static str) -> Error {
    let text = format!("this is no W3C traceparent: {why}");
    Error::new(ErrorKind::InvalidInput, text).with_operation("read a trace context")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

    #[test]
    fn the_text_of_the_standard_is_read_and_written() {
        let parent: TraceParent = format!("00-{TRACE}-00").parse().unwrap();
        assert_eq!(parent.trace_id(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(
            (parent.parent_id(), parent.flags()),
            (0x00f0_67aa_0ba9_02b7, 0)
        );
        assert!(!parent.is_sampled());
        let later: TraceParent = format!("01-{TRACE}-01-more").parse().unwrap();
        assert_eq!(later.to_string(), format!("00-{TRACE}-01"));
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        let zero = "0".repeat(32);
        for text in [
            String::new(),
            format!("ff-{TRACE}-01"),
            format!("00-{TRACE}"),
            format!("00-{TRACE}-01-more"),
            format!("00-{}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-+1"),
            format!("00-{zero}-00f067aa0ba902b7-01"),
            format!("00-{}-{}-01", &TRACE[..32], &zero[..16]),
            format!("00-{TRACE}-1"),
            format!(" 00-{TRACE}-01"),
        ] {
            let error = text.parse::<TraceParent>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        }
        let odd = Message::new("x").with_property("traceparent", vec![0xff]);
        assert_eq!(TraceParent::of(&odd), None);
    }
}
