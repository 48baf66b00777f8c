//! walx for programs without an async runtime: the same calls, which wait on the caller's thread.
//!
//! The promises are those of the async calls, which stand behind each of these: see [`Wal`](crate::Wal),
//! [`Opener`](crate::Opener) and [`Scanner`](crate::Scanner) of the crate's root for order, durability and errors.
//! [`Wal::append`] takes the place in the order when it is *called*; [`Append::wait`] waits, in any order, on any
//! thread.
//!
//! One runtime serves the whole process: two threads named `walx-blocking`, started at the first use, never ended. A
//! call blocks its thread and works on any thread, also on one of an async runtime, which then does nothing else
//! meanwhile. Only an interceptor's `after`, which runs on one of the two, must not wait for a call of this module: what
//! it waits for may be queued behind it. A process that forks without `exec` has no such threads in the child: use walx
//! only in the parent, or first in the child.
//!
//! ```
//! use walx::{End, Entry, Message, ScanOption, blocking};
//!
//! # fn main() -> walx::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let store = format!("file:{}", dir.path().display());
//! // let store = "file:./data";
//! let wal = blocking::open(&store, "orders")?;
//! let paid = wal.append(Message::new("paid"));
//! let shipped = wal.append(Message::new("shipped")); // the order is the order of the calls
//! assert_eq!(shipped.wait()?.lsn.get(), 1);
//! assert_eq!(paid.wait()?.lsn.get(), 0);
//!
//! for entry in wal.scan(ScanOption::earliest().until(End::Tail))? {
//!     match entry? {
//!         Entry::Message(placed) => println!("{}: {:?}", placed.place.lsn, placed.message.payload),
//!         other => println!("{other:?}"), // a hole is told, never skipped
//!     }
//! }
//! wal.close()?;
//! # Ok(())
//! # }
//! ```

mod append;
mod opener;
mod scanner;
mod transaction;
mod wal;

use walx_utility::blocking::Runtime;

pub use append::{Append, AppendBatch, Permit};
pub use opener::Opener;
pub use scanner::Scanner;
pub use transaction::Transaction;
pub use wal::{RoWal, Wal};

use crate::{Check, Error, ErrorKind, OpenOption, Result};

/// As [`walx::open`](crate::open).
///
/// # Errors
/// As there.
pub fn open<C>(store_uri: &str, channel: C) -> Result<Wal>
where
    C: TryInto<OpenOption>,
    Error: From<C::Error>,
{
    let runtime = runtime()?;
    let wal = runtime.wait(crate::open(store_uri, channel))?;
    Ok(Wal::new(runtime, wal))
}

/// As [`walx::open_read_only`](crate::open_read_only).
///
/// # Errors
/// As there.
pub fn open_read_only<C>(store_uri: &str, channel: C) -> Result<RoWal>
where
    C: TryInto<OpenOption>,
    Error: From<C::Error>,
{
    let runtime = runtime()?;
    let wal = runtime.wait(crate::open_read_only(store_uri, channel))?;
    Ok(RoWal::new(runtime, wal))
}

/// As [`walx::store`](crate::store).
///
/// # Errors
/// As there.
pub fn store(uri: &str) -> Result<Opener> {
    let runtime = runtime()?;
    let opener = runtime.wait(crate::store(uri))?;
    Ok(Opener::new(runtime, opener))
}

/// As [`walx::doctor`](crate::doctor).
///
/// # Errors
/// As there.
pub fn doctor(uri: &str) -> Result<Vec<Check>> {
    runtime()?.wait(crate::doctor(uri))
}

fn runtime() -> Result<Runtime> {
    Runtime::shared().map_err(|error| {
        let text = "the operating system gives no threads to wait with; raise the limit of threads";
        Error::new(ErrorKind::Unavailable, text)
            .with_operation("open")
            .with_source(error)
    })
}
