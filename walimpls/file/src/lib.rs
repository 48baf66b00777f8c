//! The file backend of walx: all channels of a store share one log of segments in a directory.
//!
//! | You look for | See |
//! |---|---|
//! | the keys of the configuration | [`FileConfig`] |
//! | what a store's files are | below |
//! | the append path | `wal` → `staging` → `group` → `writer` → `shared`, and back by `completion` → `appending` |
//! | the scan path | `ro_wal` → `read` → `locate`, then `scanner` → `source` → `cursor` |
//! | verify, repair, usage | `maintenance`, and `loss` for what a repair notes |
//! | what an open does | `opener` → `directory` → `store` → `recover` → `survey` → `through` → `walk` |
//!
//! # Files
//! | File | What |
//! |---|---|
//! | `LOCK` | locked by the one process that writes; says its pid |
//! | `MANIFEST.a`, `MANIFEST.b` | channels, truncation marks, floors; written in turn, the newer sound one counts |
//! | `0000000000000000.wal`, … | segments: a header block, frames of records, a footer once it is sealed |
//! | `ACKED` | how far appends were acknowledged: readers in other processes and recovery go by it |
//! | `LOSSES` | damage that a repair took note of; there only where something is lost |
//! | `repair-<time>/` | what a repair copied before it changed anything |
//!
//! Other files in the directory are left alone.
//!
//! # Torn or damaged
//! A crash may leave a write behind that was never acknowledged: it is cut off at the next open. Whatever was
//! acknowledged and is not there any more is damage, and never taken for such a tail: a clean close, `ACKED`, and each
//! later frame say how far records were durable.

mod acked;
mod apart;
mod appending;
mod builder;
mod closing;
mod completion;
mod config;
mod cursor;
mod directory;
mod disk;
mod doctor;
mod fault;
mod follow;
mod footer;
mod frame;
mod full;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod group;
mod handle;
mod id;
mod locate;
mod lock;
mod loss;
mod maintenance;
mod making;
mod manifest;
mod network;
mod notice;
mod opener;
mod planted;
mod read;
mod recover;
mod ro_wal;
mod scanner;
mod segment;
mod setting;
mod settle;
mod shared;
mod source;
mod staging;
mod store;
mod summary;
mod survey;
#[cfg(test)]
mod tests;
mod through;
mod truncate;
mod varint;
mod wal;
mod walk;
mod window;
mod writer;

pub use builder::FileBuilder;
pub use config::FileConfig;
pub use setting::{FileDamage, FileDurability};
pub use walx_helper::config::{ByteSize, HumanDuration};
