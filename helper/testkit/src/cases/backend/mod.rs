//! The traits of `walx-impls`, driven as the adaptor drives them.

mod append;
mod batch;
mod cancel;
mod close;
mod concurrency;
mod fault;
mod fence;
mod foreign;
mod gaps;
mod ids;
mod limits;
mod open;
mod order;
mod positions;
mod read_only;
mod record;
mod reopen;
mod scan;
mod tail;
mod truncate;

use crate::Case;

pub(super) fn cases() -> Vec<Case> {
    let groups = [
        open::cases(),
        append::cases(),
        order::cases(),
        batch::cases(),
        record::cases(),
        limits::cases(),
        ids::cases(),
        scan::cases(),
        positions::cases(),
        tail::cases(),
        gaps::cases(),
        foreign::cases(),
        read_only::cases(),
        truncate::cases(),
        fence::cases(),
        reopen::cases(),
        cancel::cases(),
        concurrency::cases(),
        close::cases(),
        fault::cases(),
    ];
    groups.into_iter().flatten().collect()
}
