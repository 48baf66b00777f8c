//! The chain of interceptors, on memory and file, through whole wals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod bed;
mod chaos;
mod config;
mod defaults;
mod encoding;
mod encryption;
mod refused;
mod transactions;
