//! The same backend under the adaptor: what users see.

mod append;
mod bed;
mod cancel;
mod chunks;
mod close;
mod concurrency;
mod conditional;
mod exactly_once;
mod fault;
mod foreign;
mod gaps;
mod maintenance;
mod order;
mod owner;
mod positions;
mod read_only;
mod reopen;
mod scan;
mod tail;
mod text;
mod transactions;
mod truncate;
mod upper;
mod virtual_channels;

use crate::Case;

pub(super) fn cases() -> Vec<Case> {
    let groups = [
        owner::cases(),
        append::cases(),
        order::cases(),
        positions::cases(),
        scan::cases(),
        tail::cases(),
        transactions::cases(),
        virtual_channels::cases(),
        exactly_once::cases(),
        chunks::cases(),
        conditional::cases(),
        upper::cases(),
        gaps::cases(),
        foreign::cases(),
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
