//! Finds out from what was called, answered and delivered alone whether a log kept its promises.
//!
//! A [`Recorder`] stands around a store; a workload uses what it gives back as it would use the store. Afterwards
//! [`check`] holds the [`History`] to each promise, and tells the smallest piece that breaks one.
//!
//! ```
//! use walx_core::{Config, End, Message, OpenOption, OpenerBuilder, ScanOption, Scanner};
//! use walx_testkit::history::{Checks, Recorder, check};
//!
//! # fn main() -> walx_core::Result<()> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! # let backend = std::sync::Arc::new(walx_memory::MemoryBuilder::new());
//! # let store = walx_adaptor::adapt(backend).build(Config::new()).await?;
//! let recorder = Recorder::new(0);
//! let store = recorder.opener(store);
//! let wal = store.open(OpenOption::try_from("orders")?).await?;
//! wal.append(Message::new("paid")).await?;
//! let mut scanner = wal.scan(ScanOption::earliest().until(End::Tail)).await?;
//! while !scanner.next_batch(100).await?.is_empty() {}
//!
//! let violations = check(&recorder.history(), &Checks::of(&store.capability()));
//! assert!(violations.is_empty(), "{violations:#?}");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! A message is known again by a property that the recorder adds on its way in and takes off on its way out, so it is
//! the backend's own store that carries it. A workload of several processes gives each its own number, lets it write
//! to a file ([`Recorder::writing`]), and merges what they wrote ([`History::merge`]). They share no clock: what came
//! before what across processes is known only where one of them says so, by [`Recorder::after`] and
//! [`Recorder::ended`]. Where calls can't be ordered, places still can, and the checks judge by those: owners rise
//! along the log, and a scan that delivered something has passed everything before it.
//!
//! A history shows what went wrong, not what never comes: that a reader waits for ever for a message which is there, or
//! a caller for an answer, is for the workload to notice.
//!
//! | File | What |
//! |---|---|
//! | `event`, `line`, `parse`, `words` | what a history is made of, and its text |
//! | `list`, `order` | the history, and what certainly came before what |
//! | `recorder` | records what is used through the traits of `walx-core` |
//! | `index`, `gather`, `whole`, `echo`, `logs`, `cover` | the history by messages and scans; what a scan must have delivered |
//! | `check` | the promises, one a file |
//! | `shrink`, `report` | the smallest piece that breaks one |

mod check;
mod cover;
mod echo;
mod event;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gather;
mod index;
mod line;
mod list;
mod logs;
mod order;
mod parse;
mod recorder;
mod report;
mod shrink;
mod whole;
mod words;

pub use check::{Check, Checks, MAX_FINDINGS, check};
pub use event::{
    Answer, Appended, Ending, Event, EventId, Failed, Key, ScanEnd, Sent, Start, Stop, What,
};
pub use list::History;
pub use recorder::Recorder;
pub use report::Violation;

#[cfg(test)]
mod tests;
