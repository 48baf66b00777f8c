//! The same backend under the adaptor: what users see.

mod append;
mod bed;
mod cancel;
mod close;
mod concurrency;
mod fault;
mod gaps;
mod maintenance;
mod order;
mod owner;
mod positions;
mod read_only;
mod reopen;
mod scan;
mod tail;
mod truncate;

use crate::Case;

pub(super) fn cases() -> Vec<Case> {
    let groups = [
        owner::cases(),
        append::cases(),
        order::cases(),
        positions::cases(),
        scan::cases(),
        tail::cases(),
        gaps::cases(),
        read_only::cases(),
        truncate::cases(),
        reopen::cases(),
        cancel::cases(),
        concurrency::cases(),
        close::cases(),
        fault::cases(),
        maintenance::cases(),
    ];
    groups.into_iter().flatten().collect()
}
