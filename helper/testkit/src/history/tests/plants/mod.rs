//! For each check histories that are sound, and with one thing changed are not.

use super::script::Script;
use crate::history::Check;

mod holes;
mod kept;
mod keys;
mod marks;
mod places;
mod whole;

/// What is planted, the check that must find it, and the history: with `true` it is broken.
pub(super) type Plant = (&'static str, Check, fn(&mut Script, bool));

/// All of them.
pub(super) fn plants() -> impl Iterator<Item = &'static Plant> {
    let all = [
        kept::PLANTS,
        places::PLANTS,
        holes::PLANTS,
        whole::PLANTS,
        marks::PLANTS,
        keys::PLANTS,
    ];
    all.into_iter().flatten()
}
