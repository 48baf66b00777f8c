//! The ways to compress.

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// A block of lz4.
    Lz4,
    /// A frame of zstd, with its level.
    #[cfg(feature = "zstd")]
    Zstd(i32),
}

impl Codec {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => "zstd",
        }
    }

    /// The number in the mark.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Lz4 => 1,
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => 2,
        }
    }

    pub(super) fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Lz4),
            #[cfg(feature = "zstd")]
            2 => Some(Self::Zstd(0)),
            _ => None,
        }
    }

    /// What it makes of `plain`, in at most `room` bytes; `None` where it needs more.
    pub(super) fn compress(self, plain: &[u8], room: usize) -> Option<Vec<u8>> {
        let mut compressed = match self {
            Self::Lz4 => lz4_flex::block::compress(plain),
            #[cfg(feature = "zstd")]
            Self::Zstd(level) => zstd::bulk::compress(plain, level).ok()?,
        };
        if compressed.len() > room {
            return None;
        }
        // The worst case was reserved; what stays in flight and in the cache is as large as it counts.
        compressed.shrink_to_fit();
        Some(compressed)
    }

    /// The most bytes that so many can be decompressed to.
    pub(super) fn most(self, compressed: usize) -> usize {
        match self {
            // A byte of a length stands for 255 at most.
            Self::Lz4 => compressed.saturating_mul(255),
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => usize::MAX,
        }
    }

    /// The payload of `size` bytes; `None` where it is none.
    pub(super) fn decompress(self, compressed: &[u8], size: usize) -> Option<Vec<u8>> {
        match self {
            Self::Lz4 => lz4_flex::block::decompress(compressed, size).ok(),
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => zstd::bulk::decompress(compressed, size).ok(),
        }
    }
}
