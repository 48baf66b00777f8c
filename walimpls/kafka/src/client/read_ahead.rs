/// How librdkafka is told to read so many bytes ahead.
///
/// It counts payloads only, asks for more until one of two thresholds is passed, and then holds one answer more. What it
/// holds really is more: the header of each message, and about half a KiB of its own for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadAhead {
    /// The most bytes of one answer, unless one batch is larger.
    pub(super) fetch: usize,
    /// From so many KiB on it doesn't ask for more.
    pub(super) kib: usize,
    /// From so many messages on it doesn't ask for more.
    pub(super) messages: usize,
}

/// What a message costs beside its payload.
const OVERHEAD: usize = 512;

impl ReadAhead {
    /// A half for what counts, and an eighth for one answer, which small messages make three times as large.
    pub(super) fn of(bytes: usize) -> Self {
        Self {
            fetch: (bytes / 8).clamp(4 << 10, 1 << 20),
            kib: (bytes >> 11).clamp(1, 2_097_151),
            messages: (bytes / 2 / OVERHEAD).clamp(1, 10_000_000),
        }
    }
}
