//! The memory backend of walx: the reference that other backends are compared with, and the one for tests.
//!
//! `memory:` is a store of its own, which ends with its opener; `memory:NAME` is one that all openers of the process
//! share by that name, until the last of them is closed or dropped. Nothing survives the process. What is appended
//! stays in memory until it is truncated.
//!
//! A test holds the store itself, opens it again and finds the data, and turns its [`Faults`] on:
//!
//! ```
//! use walx_core::{ChannelName, ErrorKind};
//! use walx_memory::MemoryStore;
//!
//! let store = MemoryStore::new();
//! let opener = store.opener();
//! store.faults(&ChannelName::new("orders").unwrap()).pass_next(2).fail_next(1, ErrorKind::Unavailable);
//! # drop(opener);
//! ```

mod builder;
mod config;
mod faults;
mod id;
mod log;
mod opener;
mod pending;
mod scanner;
mod store;
#[cfg(test)]
mod tests;
mod wal;

pub use builder::MemoryBuilder;
pub use config::MemoryConfig;
pub use faults::Faults;
pub use id::NAME;
pub use store::MemoryStore;
