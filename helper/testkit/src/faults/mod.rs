//! Faults that a test brings about: in a backend, on the wire, in processes.
//!
//! ```
//! # use std::sync::Arc;
//! # use walx_core::{Config, OpenOption, OpenerBuilder};
//! use walx_testkit::faults::{Faulty, Plan};
//!
//! # fn main() -> walx_core::Result<()> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! # let backend = Arc::new(walx_memory::MemoryBuilder::new());
//! let backend = Faulty::new(backend, Plan::quiet());
//! let faults = backend.faults().clone();
//! let store = walx_adaptor::adapt(Arc::new(backend)).build(Config::new()).await?;
//! let wal = store.open(OpenOption::try_from("orders")?).await?;
//! faults.lose_ack_next();
//! // The wal finds out by itself that it landed.
//! let place = wal.append("paid".into()).await?;
//! assert_eq!((place.owner.incarnation, wal.owner().incarnation), (0, 1), "{faults}");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! | What | Where |
//! |---|---|
//! | [`Faulty`] | any backend, as seen over a bad line: by a seeded [`Plan`], by the switches of [`Faults`], or both |
//! | [`proxy`] | a TCP connection to a server: cut, stalled, half-open, slow |
//! | [`process`] | another process: killed, stopped, continued |

mod answers;
mod control;
mod journal;
mod line;
mod opener;
mod patient;
mod plan;
pub mod process;
pub mod proxy;
mod scanner;
mod wal;

pub use control::Faults;
pub use journal::Injected;
pub use opener::Faulty;
pub(crate) use patient::Patient;
pub use plan::{Fault, Plan};

#[cfg(test)]
mod tests;
