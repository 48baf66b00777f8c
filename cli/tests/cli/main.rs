//! The `walx` command as its users see it: a process with arguments, streams and an exit code.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod append;
mod crash;
mod demo;
mod errors;
mod help;
mod json;
mod memory;
mod owners;
mod program;
mod round_trip;
mod tail;
