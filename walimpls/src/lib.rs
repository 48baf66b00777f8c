//! The traits that the author of a walx backend implements.
//!
//! A backend is a dumb log: it takes records in the order of the calls, keeps them, hands them out again, drops them
//! when told, and makes older writers powerless. Numbering, ownership, recovery, the write-ahead cache and scanners
//! with all their guarantees stand above it, in `walx-adaptor`.
//!
//! | Trait | Lives as long as | An author writes |
//! |---|---|---|
//! | [`OpenerBuilderImpls`] | the program | the name, the capability, a struct for the configuration |
//! | [`OpenerImpls`] | a store | what its channels share: a client, a lock, a directory |
//! | [`RoWalImpls`], [`WalImpls`] | one channel's writer or reader | append, scan, truncate |
//! | [`ScannerImpls`], or [`scanner`] | one reader | batches of records in order |
//! | [`Maintenance`], optional | a store | what operators' commands ask: usage, verify, repair |
//!
//! Errors carry a kind that says how to react ([`ErrorKind`](walx_core::ErrorKind)); nothing is retried for ever
//! inside a backend. What cannot be done is said by [`Capability`], never by silence.

mod apart;
mod batch;
mod claim;
mod maintenance;
mod opener;
mod reading;
mod scanner;
mod wal;

pub use apart::{Apart, ForeignWriter};
pub use batch::Batch;
pub use claim::{Claim, FenceToken};
pub use maintenance::Maintenance;
pub use opener::{OpenerBuilderImpls, OpenerImpls};
pub use reading::scanner;
pub use scanner::{Mark, ScanOptions, Scanned, ScannerImpls, Start, StoredRecord};
pub use wal::{Appending, RoWalImpls, WalImpls};
pub use walx_core::{
    Bounds, Capability, Durability, Fence, ForeignRecord, Header, Kind, Record, Truncation,
};
