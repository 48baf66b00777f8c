/// How librdkafka is told to read so many bytes ahead.
///
/// It counts messages, and the bytes of their payloads; asks for more until one of two thresholds is passed; and then
/// holds one answer more. What it holds really is more: half a KiB of its own for each message. Keys and headers it
/// doesn't count: where they are larger than that, what it holds is larger by as much. Nothing of it can be told at run
/// time, and there is no call that counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadAhead {
    /// The most bytes of one answer, unless one batch is larger.
    pub(crate) fetch: usize,
    /// From so many KiB on it doesn't ask for more.
    pub(crate) kib: usize,
    /// From so many messages on it doesn't ask for more.
    pub(crate) messages: usize,
}

/// What a message costs beside its payload.
const OVERHEAD: usize = 512;

impl ReadAhead {
    /// A half for what counts, and an eighth for one answer. Together with what messages cost beside that is at most
    /// twice as much, and less than it from 1 KiB a message on; beyond that there is only what one batch has more.
    pub(crate) fn of(bytes: usize) -> Self {
        Self {
            fetch: (bytes / 8).clamp(4 << 10, 1 << 20),
            kib: (bytes >> 11).clamp(1, 2_097_151),
            messages: (bytes / 2 / OVERHEAD).clamp(1, 10_000_000),
        }
    }

    /// The most messages that it holds where each has so many bytes of payload, and so many in a batch, and no batch has
    /// more than so many.
    #[cfg(test)]
    pub(crate) fn most(self, payload: usize, wire: usize, batch: usize) -> usize {
        let counted = ((self.kib << 10) - 1).checked_div(payload);
        let counted = counted.map_or(self.messages, |it| it.saturating_add(1).min(self.messages));
        // It asked for more while there was one less.
        counted - 1 + self.fetch.max(batch) / wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a message costs beside its payload: librdkafka's structures (600 B measured), and in a batch the header of
    /// walx with its lengths.
    const BESIDE: usize = 600;
    const WIRE: usize = 60;

    #[test]
    fn what_is_held_is_near_what_was_asked_for_whatever_the_size_of_records() {
        for bytes in [64 << 10, 1 << 20, 4 << 20, 64 << 20] {
            for payload in (0..2_000).chain([4 << 10, 64 << 10, 1 << 20]) {
                let batch = payload + WIRE;
                let held = ReadAhead::of(bytes).most(payload, batch, batch) * (payload + BESIDE);
                let most = match payload {
                    0..1_024 => 2 * bytes,
                    // One batch of them, where it is larger than an answer.
                    _ => bytes.max(bytes / 2 + payload + BESIDE),
                };
                assert!(held <= most, "{bytes} B, records of {payload} B: {held} B");
            }
        }
    }
}
