use walx_core::{Error, ErrorKind, Result};

/// Reads a frame from front to back; nothing that is missing is guessed.
pub(super) struct Cursor<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }

    pub(super) fn left(&self) -> usize {
        self.all.len() - self.at
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8> {
        self.array(what).map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Text behind its length in 16 bits.
    pub(super) fn text16(&mut self, what: &'static str) -> Result<&'a str> {
        let len = usize::from(self.u16(what)?);
        text(self.take(len, what)?, what)
    }

    /// Text behind its length in 32 bits.
    pub(super) fn text32(&mut self, what: &'static str) -> Result<&'a str> {
        text(self.bytes32(what)?, what)
    }

    /// Bytes behind their length in 32 bits.
    pub(super) fn bytes32(&mut self, what: &'static str) -> Result<&'a [u8]> {
        let len = self.u32(what)? as usize;
        self.take(len, what)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        match self.all[self.at..].first_chunk() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(self.truncated(N, what)),
        }
    }

    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8]> {
        match self.all[self.at..].get(..len) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.truncated(len, what)),
        }
    }

    fn truncated(&self, len: usize, what: &'static str) -> Error {
        let (at, left) = (self.at, self.left());
        corrupt(format!(
            "the record ends inside its {what}: {len} bytes are to stand at byte {at}, {left} do"
        ))
    }
}

/// A length as it is stored. What doesn't fit becomes the largest one, which no reader takes.
pub(super) fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

pub(super) fn corrupt(message: String) -> Error {
    Error::new(ErrorKind::Corrupt, message).with_operation("decode record")
}

fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str> {
    std::str::from_utf8(bytes)
        .map_err(|error| corrupt(format!("the {what} is no UTF-8 text")).with_source(error))
}
