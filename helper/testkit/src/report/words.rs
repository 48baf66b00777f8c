//! What a store can do, in the words of a table.

use walx_core::{Durability, Fence, Truncation};

pub(super) fn fence(fence: Fence) -> String {
    match fence {
        Fence::Native => "native".to_owned(),
        Fence::Lock => "lock".to_owned(),
        Fence::ReadBack => "read back".to_owned(),
        Fence::None => "none".to_owned(),
        other => other.in_words().to_owned(),
    }
}

pub(super) fn durability(durability: Durability) -> String {
    match durability {
        Durability::None => "never".to_owned(),
        Durability::OperatingSystem => "for the process".to_owned(),
        Durability::Interval(every) => format!("synced each {}", humantime::format_duration(every)),
        Durability::Synced => "synced".to_owned(),
        Durability::Replicated => "on several machines".to_owned(),
        other => other.in_words(),
    }
}

pub(super) fn truncation(truncation: Truncation) -> String {
    match truncation {
        Truncation::Exact => "exactly".to_owned(),
        Truncation::BySegment => "at once, space by segment".to_owned(),
        Truncation::Permission => "gives leave".to_owned(),
        other => other.in_words().to_owned(),
    }
}

pub(super) fn yes(can: bool) -> &'static str {
    if can { "yes" } else { "no" }
}

/// In the largest unit that leaves no rest.
pub(super) fn bytes(bytes: usize) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes > 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}
