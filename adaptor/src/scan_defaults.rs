//! What a wal says of its scans.

use std::path::PathBuf;

use walx_core::{OpenOption, ScanOption};

/// What scans get that leave these at their defaults.
pub(crate) struct ScanDefaults {
    transaction_buffer_bytes: Option<usize>,
    spill: Option<PathBuf>,
}

impl ScanDefaults {
    pub(crate) fn of(option: &OpenOption) -> Self {
        Self {
            transaction_buffer_bytes: option.transaction_buffer_bytes,
            spill: option.spill.clone(),
        }
    }

    pub(crate) fn apply(&self, mut option: ScanOption) -> ScanOption {
        if option.transaction_buffer_bytes == ScanOption::TRANSACTION_BUFFER_BYTES
            && let Some(bytes) = self.transaction_buffer_bytes
        {
            option.transaction_buffer_bytes = bytes;
        }
        option.spill = option.spill.or_else(|| self.spill.clone());
        option
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_has_the_last_word() {
        let open = OpenOption::try_from("orders")
            .unwrap()
            .with_transaction_buffer_bytes(1000)
            .with_spill("/of-wal");
        let of_wal = ScanDefaults::of(&open).apply(ScanOption::earliest());
        let expected = ScanOption::earliest()
            .with_transaction_buffer_bytes(1000)
            .with_spill("/of-wal");
        assert_eq!(of_wal, expected);
        let own = ScanOption::earliest()
            .with_transaction_buffer_bytes(7)
            .with_spill("/own");
        assert_eq!(ScanDefaults::of(&open).apply(own.clone()), own);
        let nothing = OpenOption::try_from("orders").unwrap();
        assert_eq!(ScanDefaults::of(&nothing).apply(own.clone()), own);
        let bare = ScanOption::earliest();
        assert_eq!(ScanDefaults::of(&nothing).apply(bare.clone()), bare);
    }
}
