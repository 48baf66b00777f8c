//! The `walx` command as its users see it: a process with arguments, streams and an exit code.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod append;
mod completion;
#[cfg(feature = "conformance")]
mod conformance;
mod copy;
mod crash;
mod damage;
mod demo;
mod diff;
mod doctor;
mod errors;
mod golden;
mod help;
mod inspect;
mod json;
#[cfg(feature = "kafka")]
mod kafka;
mod memory;
mod metrics;
mod owners;
mod program;
mod round_trip;
mod tail;
mod transactions;
mod truncate;
