//! What commands print about a store: lines for people, or one JSON object a line. At most a line more than a chunk of
//! it is in memory, however much is printed.

use std::fmt;

use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::json;
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

    /// Into something else than standard output.
    #[cfg(test)]
    pub(crate) fn to(writer: std::io::PipeWriter) -> Self {
        Self {
            sink: Sink::new(writer).unwrap(),
            gone: false,
        }
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
        self.bytes(json::escape(&text).as_bytes()).await?;
        self.bytes(b"\n").await
    }

    /// Bytes as they are.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.gone {
            return Ok(());
        }
        self.sink.buffer().extend_from_slice(bytes);
        match self.sink.is_full() {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Hands over what is printed so far, so that it is seen although more takes long.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        if self.gone || self.sink.buffer().is_empty() {
            return Ok(());
        }
        let flushed = self.sink.flush().await;
        self.wrote(flushed)
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[tokio::test]
    async fn what_is_flushed_is_seen_before_the_end() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut out = Out::to(writer);
        out.line("first").await.unwrap();
        out.flush().await.unwrap();
        let mut line = [0; 6];
        reader.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"first\n");
        // Nothing more to hand over, and nobody to wait for.
        out.flush().await.unwrap();
        out.finish().await.unwrap();
    }
}
