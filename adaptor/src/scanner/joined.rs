//! A scanner, as its wal sees it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use walx_core::{Entry, Lsn, ScanMode, ScannerInfo};
use walx_utility::signal::Signal;

/// Ends the scanner, and tells where it is. Updated once a batch.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// Set when the wal ends.
    pub(super) ending: Signal,
    mode: AtomicU8,
    /// One more than the last lsn that was delivered; 0 before the first.
    delivered: AtomicU64,
    /// The lsn that is read next; 0 where it isn't known.
    next: AtomicU64,
}

const ENDED: u8 = 0;
const CATCH_UP: u8 = 1;
const TAILING: u8 = 2;

impl Joined {
    /// A scanner that starts at this lsn, where that is known.
    pub(super) fn starting(next: Lsn) -> Self {
        Self {
            next: AtomicU64::new(next.get()),
            ..Self::default()
        }
    }

    pub(super) fn show_mode(&self, mode: Option<ScanMode>) {
        let mode = match mode {
            None => ENDED,
            Some(ScanMode::CatchUp) => CATCH_UP,
            Some(ScanMode::Tailing) => TAILING,
        };
        self.mode.store(mode, Ordering::Relaxed);
    }

    /// What was delivered last, and what is read next.
    pub(super) fn show_place(&self, delivered: Option<Lsn>, next: Option<Lsn>) {
        if let Some(lsn) = delivered {
            self.delivered.store(lsn.next().get(), Ordering::Relaxed);
        }
        if let Some(next) = next {
            self.next.store(next.get(), Ordering::Relaxed);
        }
    }

    /// Where it is in a log from `earliest` to `tail`; `None` once it has ended.
    pub(super) fn info(&self, earliest: Lsn, tail: Lsn) -> Option<ScannerInfo> {
        let mode = match self.mode.load(Ordering::Relaxed) {
            CATCH_UP => ScanMode::CatchUp,
            TAILING => ScanMode::Tailing,
            _ => return None,
        };
        let delivered = self.delivered.load(Ordering::Relaxed).checked_sub(1);
        let next = self.next.load(Ordering::Relaxed).max(earliest.get());
        let lag = tail.get().saturating_sub(next);
        Some(ScannerInfo::new(mode, delivered.map(Lsn::new), lag))
    }
}

/// The last lsn that is delivered with an entry. What is not a message stands at the lsn of the next one.
pub(super) fn last_lsn(entry: &Entry) -> Option<Lsn> {
    let lsn = entry.place()?.lsn;
    match entry {
        Entry::Message(_) => Some(lsn),
        _ => lsn.get().checked_sub(1).map(Lsn::new),
    }
}
