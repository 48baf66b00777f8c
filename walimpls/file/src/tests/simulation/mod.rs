//! The file backend on a machine whose disk forgets: random workloads, and at any operation the power fails or the
//! process is killed, also while it recovers. A seed replays to the letter.
//!
//! ```text
//! cargo test -p walx-file simulation               20,000 losses of power, the replay, the planted bugs
//! WALX_SEED=12345 cargo test -p walx-file what_was_acknowledged
//!                                                  one seed, the one that a failure names
//! WALX_RUNS=1000000 cargo test --release -p walx-file what_was_acknowledged
//!                                                  so many losses of power, from the seed WALX_FROM or 0 on
//! ```
//!
//! | File | What |
//! |---|---|
//! | `world` | one run, from its seed to its verdict |
//! | `life`, `work` | a process: it opens, works, ends |
//! | `decay` | damage, for a repair that is cut short |
//! | `model`, `check` | what must be there, and what readers see |
//! | `disk`, `process`, `unsynced`, `power` | the machine: what was synced, what wasn't, what is left of it |
//! | `tests` | the tests |
//!
//! Nothing but the seed decides what happens. The writer's thread works while the one that appends waits for it, or it
//! is held up at its next write; `utility::random` is seeded anew at each operation, on the thread that does it.

mod check;
mod decay;
mod disk;
mod life;
mod model;
mod power;
mod process;
mod tests;
mod unsynced;
mod work;
mod world;

use super::name;

/// The channels of a run.
const CHANNELS: [&str; 3] = ["a", "b", "c"];
