//! Structures and mechanisms of walx without I/O.
//!
//! | Module | What |
//! |---|---|
//! | [`clock`], [`spawn`], [`random`] | the only sources of time, tasks and chance, so that tests own them |
//! | [`lifetime`] | counts who is inside, so that a close waits for them |
//! | [`budget`] | bytes that are on their way, with a FIFO of those that wait |
//! | [`backoff`] | growing pauses between tries |
//! | [`signal`] | wakes one task that may or may not be waiting |
//! | [`sync`] | locks of short critical sections |

pub mod backoff;
pub mod budget;
pub mod clock;
pub mod lifetime;
pub mod random;
pub mod signal;
pub mod spawn;
pub mod sync;
