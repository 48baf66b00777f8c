//! A whole backend, as the chapter "Write a backend in an afternoon" makes it: logs in memory, fenced by an epoch,
//! which live as long as their builder. This folder is the `src/` of a crate of its own.

mod builder;
mod config;
mod id;
mod opener;
mod scanner;
mod system;
mod wal;

pub use builder::ShelfBuilder;
pub use id::NAME;
