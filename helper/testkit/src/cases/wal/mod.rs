//! The same backend under the adaptor: what users see.

mod append;
mod bed;
mod close;
mod fault;
mod maintenance;
mod order;
mod owner;
mod position;
mod read_only;
mod scan;
mod tail;
mod truncate;

use crate::Case;

pub(super) fn cases() -> Vec<Case> {
    let groups = [
        owner::cases(),
        append::cases(),
        order::cases(),
        position::cases(),
        scan::cases(),
        tail::cases(),
        read_only::cases(),
        truncate::cases(),
        close::cases(),
        fault::cases(),
        maintenance::cases(),
    ];
    groups.into_iter().flatten().collect()
}
