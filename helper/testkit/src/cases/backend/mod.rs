//! The traits of `walx-impls`, driven as the adaptor drives them.

mod append;
mod close;
mod fault;
mod fence;
mod open;
mod read_only;
mod record;
mod scan;
mod truncate;

use crate::Case;

pub(super) fn cases() -> Vec<Case> {
    let groups = [
        open::cases(),
        append::cases(),
        record::cases(),
        scan::cases(),
        read_only::cases(),
        truncate::cases(),
        fence::cases(),
        close::cases(),
        fault::cases(),
    ];
    groups.into_iter().flatten().collect()
}
