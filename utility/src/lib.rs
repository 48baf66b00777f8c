//! Structures and mechanisms of walx without I/O.
//!
//! | Module | What |
//! |---|---|
//! | [`clock`], [`spawn`], [`random`] | the only sources of time, tasks and chance, so that tests own them |
//! | [`lifetime`] | counts who is inside, so that a close waits for them |
//! | [`budget`] | bytes that are on their way, with a FIFO of those that wait |
//! | [`flow`] | how fast appends may go: sources, rates, controllers |
//! | [`backoff`] | growing pauses between tries |
//! | [`metric`] | every metric of walx: name, unit, labels, help |
//! | `blocking` | waits for futures on threads without a runtime; by the feature of the same name |
//! | [`signal`] | wakes one task that may or may not be waiting |
//! | [`sync`] | locks of short critical sections |

pub mod backoff;
#[cfg(feature = "blocking")]
pub mod blocking;
pub mod budget;
pub mod clock;
pub mod flow;
pub mod lifetime;
pub mod metric;
pub mod random;
pub mod signal;
pub mod spawn;
pub mod sync;
