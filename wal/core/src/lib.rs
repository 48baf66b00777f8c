//! The vocabulary of walx and the traits that its users see.
//!
//! | You want to | Look at |
//! |---|---|
//! | name a log | [`ChannelName`], [`VirtualChannel`] |
//! | hand something in | [`Message`], [`Wal::append`] |
//! | write several messages as one | [`Wal::begin`], [`Transaction`], [`Wal::append_batch`] |
//! | get something out | [`Entry`], [`Scanner`], [`ScanOption`], [`Position`] |
//! | know where it lies | [`Place`], [`MessageId`], [`Lsn`], [`Tick`], [`ResumeToken`] |
//! | know who wrote it | [`Term`], [`Owner`] |
//! | react to a failure | [`Error`], [`ErrorKind`], [`Status`] |
//! | open a log | [`OpenerBuilder`] → [`Opener`] → [`Wal`] or [`RoWal`] → [`Scanner`] |
//! | act on each append and entry | [`Interceptor`] |
//! | bound the memory of all that is open | [`Limits`], [`Category`] |
//! | look after a store | [`Opener::describe`], [`Opener::verify`], [`Opener::repair`], [`OpenerBuilder::doctor`] |
//!
//! This crate has no I/O, no runtime and no backend: programs depend on `walx`, backend authors on `walx-impls`.

mod append;
mod availability;
mod capability;
mod channel;
mod check;
mod config;
mod describe;
mod entry;
mod error;
mod expected;
mod flow;
mod foreign;
mod gap;
mod id;
mod interceptor;
mod limits;
mod marker;
mod message;
mod number;
mod open_option;
mod opener;
mod owner;
mod placed;
mod position;
mod record;
mod scan_option;
mod scanner;
mod stage;
mod tail;
mod tick;
mod token;
mod transaction;
mod verify;
mod wal;

pub use append::{Append, AppendBatch, AppendState, Permit, PermitState, Refused};
pub use availability::Availability;
pub use bytes::Bytes;
pub use capability::{Capability, Durability, Fence, Truncation};
pub use channel::{Access, ChannelInfo, ChannelName, VirtualChannel};
pub use check::{Check, Health};
pub use config::Config;
pub use describe::{Description, LastOwner, ScannerInfo, StoreProcess, Usage};
pub use entry::{Entry, PlacedMessage};
pub use error::{Error, ErrorKind, Result, Status};
pub use expected::Expected;
pub use flow::{Flow, Passage};
pub use foreign::ForeignRecord;
pub use futures_core::Stream;
pub use gap::{Gap, GapReason};
pub use id::{BackendName, MessageId};
pub use interceptor::{AppendContext, Interceptor, ScanContext};
pub use limits::{Category, Charge, Limits, LimitsSnapshot, LimitsWatch, Reserve, Use};
pub use marker::{Marker, MarkerKind};
pub use message::{Message, Properties};
pub use number::{Lsn, Place, Seq};
pub use open_option::{CacheOption, IdempotencyOption, OpenOption};
pub use opener::{Opener, OpenerBuilder};
pub use owner::{Owner, Term};
pub use placed::{Bodies, PlacedTransaction};
pub use position::Position;
pub use record::{Chunk, Flags, Header, Kind, Record, TransactionContext, TransactionId};
pub use scan_option::{Delivery, End, LostPolicy, ScanOption};
pub use scanner::{ScanMode, Scanner};
pub use stage::Stage;
pub use tail::{Bounds, Tail};
pub use tick::{Tick, TickSource};
pub use token::ResumeToken;
pub use transaction::{Transaction, TransactionOption, TransactionState};
pub use verify::{Finding, Progress, RepairMode, RepairStep, Repaired, Verified, VerifiedChannel};
pub use wal::{RoWal, Wal};

/// A boxed future that can be sent to another task and borrows nothing.
pub type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'static>>;
