use std::fmt;

/// The place of one of walx's own hooks in a chain, outermost first.
///
/// A chain has at most one hook of a stage. Hooks without a stage stand before [`Checksum`](Self::Checksum), where
/// messages are plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Carries the trace context.
    Trace,
    /// Limits rate and bytes.
    Limit,
    /// Proves that what is read is what was handed in.
    Checksum,
    /// Makes payloads smaller.
    Compression,
    /// Makes payloads secret.
    Encryption,
    /// Fails, for tests.
    Chaos,
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Self; 6] = [
        Self::Trace,
        Self::Limit,
        Self::Checksum,
        Self::Compression,
        Self::Encryption,
        Self::Chaos,
    ];

    /// The name as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Limit => "limit",
            Self::Checksum => "checksum",
            Self::Compression => "compression",
            Self::Encryption => "encryption",
            Self::Chaos => "chaos",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
