//! Makes payloads smaller.

mod codec;

use walx_core::{
    AppendContext, Bytes, Error, ErrorKind, Interceptor, Message, PlacedMessage, Result,
    ScanContext, Stage,
};

use self::codec::Codec;
use super::mark::{self, COMPRESSION, corrupt};

/// The version of the mark, the codec, and the size of the payload as it was handed in.
const MARK_BYTES: usize = 1 + 1 + 8;
const VERSION: u8 = 1;

/// Compresses payloads that shrink by it. A payload stays as it is where it is small, where the record would not be
/// smaller, and where it is larger than a reader takes. Properties stay as they are.
///
/// A reader needs no such hook: it decompresses wherever it meets the mark. It does so only to the size that the mark
/// names, at most [`with_max_bytes`](Self::with_max_bytes) of its own chain, which it checks before it takes memory.
///
/// Order: behind the checksum, which covers what the user sees; before encryption, whose output does not shrink.
/// Where an attacker chooses a part of a payload and sees its stored size, compression before encryption tells him of
/// the rest: leave it out there.
///
/// It runs on the caller's thread, also for large payloads, since an append takes its place in its call.
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    codec: Codec,
    min_bytes: usize,
    max: Max,
}

/// The most bytes of a payload that is compressed, or decompressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Max(usize);

impl Default for Max {
    fn default() -> Self {
        Self(Compression::MAX_BYTES)
    }
}

impl Compression {
    /// Payloads below this are left alone by default.
    pub const MIN_BYTES: usize = 256;
    /// Payloads above this are left alone by default, and are not decompressed.
    pub const MAX_BYTES: usize = 256 << 20;

    /// By lz4: fast, in Rust.
    pub fn lz4() -> Self {
        Self::by(Codec::Lz4)
    }

    /// By zstd, at a level from 1 (fast) to 22 (small).
    ///
    /// # Errors
    /// `InvalidInput` for another level.
    #[cfg(feature = "zstd")]
    pub fn zstd(level: i32) -> Result<Self> {
        match level {
            1..=22 => Ok(Self::by(Codec::Zstd(level))),
            _ => {
                let text = "a level of zstd goes from 1 (fast) to 22 (small)";
                Err(Error::new(ErrorKind::InvalidInput, text).with_context("level", level))
            }
        }
    }

    fn by(codec: Codec) -> Self {
        Self {
            codec,
            min_bytes: Self::MIN_BYTES,
            max: Max::default(),
        }
    }

    /// Leaves payloads below this alone.
    #[must_use]
    pub fn with_min_bytes(mut self, bytes: usize) -> Self {
        self.min_bytes = bytes;
        self
    }

    /// Leaves payloads above this alone, and refuses to decompress to more. Readers of what a writer with more than
    /// [`MAX_BYTES`](Self::MAX_BYTES) wrote need as much.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max = Max(bytes);
        self
    }
}

impl Interceptor for Compression {
    fn name(&self) -> &'static str {
        self.codec.name()
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Compression)
    }

    fn before(&self, _: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        let size = message.payload.len();
        if size < self.min_bytes || size > self.max.0 {
            return Ok(());
        }
        // The mark counts: a record that is not smaller is not worth its decompression.
        let room = size.saturating_sub(COMPRESSION.len() + MARK_BYTES + 1);
        let Some(compressed) = self.codec.compress(&message.payload, room) else {
            return Ok(());
        };
        message.payload = compressed.into();
        let mut mark = Vec::with_capacity(MARK_BYTES);
        mark.extend([VERSION, self.codec.code()]);
        mark.extend((size as u64).to_be_bytes());
        message.properties.push(COMPRESSION, mark);
        Ok(())
    }

    fn scan(&self, _: &ScanContext<'_>, placed: &mut PlacedMessage) -> Result<()> {
        decompress(placed, self.max)
    }
}

/// Decompresses a message that is compressed, and takes the mark away.
pub(super) fn decompress(placed: &mut PlacedMessage, max: Max) -> Result<()> {
    let Some(mark) = mark::take(&mut placed.message, COMPRESSION) else {
        return Ok(());
    };
    let (codec, size) = read(placed, &mark)?;
    let payload = &placed.message.payload;
    if size > max.0 as u64 {
        let text = "the message is compressed, and larger than what is decompressed to; allow more by the key 'max' of \
                    the interceptor";
        return Err(Error::new(ErrorKind::TooLarge, text)
            .with_context("interceptor", codec.name())
            .with_context("bytes", size)
            .with_context("max", max.0)
            .with_context("lsn", placed.place.lsn));
    }
    let size = size as usize;
    if size > codec.most(payload.len()) {
        let why = "the message claims to be larger than what it can be decompressed to; restore it, or repair the store";
        return Err(corrupt(placed, codec.name(), why));
    }
    match codec.decompress(payload, size) {
        Some(plain) if plain.len() == size => {
            placed.message.payload = Bytes::from(plain);
            Ok(())
        }
        _ => {
            let why = "the message can't be decompressed; restore it, or repair the store";
            Err(corrupt(placed, codec.name(), why))
        }
    }
}

fn read(placed: &PlacedMessage, mark: &[u8]) -> Result<(Codec, u64)> {
    let unknown = || {
        let why = "the message is compressed in a way that this build of walx does not know; use a newer one, or one \
                   with the feature 'zstd'";
        mark::unknown(placed, "compression", why)
    };
    let (&[VERSION, code], size) = mark.split_first_chunk().ok_or_else(unknown)? else {
        return Err(unknown());
    };
    let codec = Codec::of(code).ok_or_else(unknown)?;
    let size = size.try_into().map_err(|_| unknown())?;
    Ok((codec, u64::from_be_bytes(size)))
}
