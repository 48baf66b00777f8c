//! The cases, one file a group.

mod backend;
mod wal;

use crate::Case;

/// Every case of the suite.
pub fn all() -> Vec<Case> {
    let mut cases = backend::cases();
    cases.extend(wal::cases());
    cases
}
