//! What commands print about a store: lines for people, or one JSON object a line. At most a line more than a chunk of
//! it is in memory, however much is printed.

use std::fmt;

use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::sink::{self, Sink};
use crate::text;

/// Standard output. Where its reader goes away, as `head` does, the rest is left out and nobody complains.
pub(crate) struct Out {
    sink: Sink,
    gone: bool,
}

impl Out {
    pub(crate) fn stdout() -> Result<Self, Failure> {
        Ok(Self {
            sink: Sink::stdout().map_err(|error| sink::refused(&error))?,
            gone: false,
        })
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// A line for people.
    pub(crate) async fn line(&mut self, line: impl fmt::Display) -> Result<(), Failure> {
        let line = text::plain(&line.to_string());
        self.bytes(line.trim_end().as_bytes()).await?;
        self.bytes(b"\n").await
    }

    /// An object on a line.
    pub(crate) async fn json(&mut self, object: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(object)
            .map_err(|error| Failure::new(Code::Unexpected, format!("no JSON: {error}")))?;
        self.bytes(escape(&text).as_bytes()).await?;
        self.bytes(b"\n").await
    }

    /// Bytes as they are.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.gone {
            return Ok(());
        }
        self.sink.buffer().extend_from_slice(bytes);
        if self.sink.is_full() {
            let flushed = self.sink.flush().await;
            self.wrote(flushed)?;
        }
        Ok(())
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(&mut self) -> Result<(), Failure> {
        if self.gone {
            return Ok(());
        }
        let finished = self.sink.finish().await;
        self.wrote(finished)
    }

    fn wrote(&mut self, written: std::io::Result<()>) -> Result<(), Failure> {
        match written {
            Err(error) if sink::is_gone(&error) => {
                self.gone = true;
                Ok(())
            }
            Err(error) => Err(sink::refused(&error)),
            Ok(()) => Ok(()),
        }
    }
}

/// JSON lets DEL and the controls behind it stand as they are; a terminal may act on them.
fn escape(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_can_not_act_on_the_terminal_and_says_the_same() {
        let said = "a\u{7f}\u{9b}31m\x1bü\n";
        let text = escape(&serde_json::to_string(said).unwrap());
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), said);
    }
}
