//! The conformance suite: what every backend of walx promises, as tests that run against a real store.
//!
//! The author of a backend writes one test without a harness of its own (`harness = false`):
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::sync::Arc;
//!
//! use walx_testkit::TestStore;
//! # fn builder() -> Arc<dyn walx_impls::OpenerBuilderImpls> { unimplemented!() }
//!
//! fn main() -> ExitCode {
//!     walx_testkit::main("mine", || TestStore::new(builder(), walx_core::Config::new()))
//! }
//! ```
//!
//! Each case is a test of its own, named `level::group::promise`, with a fresh store and two minutes. The usual
//! arguments work: `cargo test --test conformance -- backend::fence`. Each case runs a second time, as `[mine, faulty]`,
//! under faults that must not change its outcome; one that fails says how to replay them. What a backend's
//! [`Capability`](walx_core::Capability) rules out is shown as ignored, with the reason.
//!
//! With `WALX_TABLE=FILE cargo test --test conformance` FILE gets the row of the compatibility table, as the README of
//! walx has it. A program that runs the suite by itself uses [`Suite`], which answers with a [`Report`]; the command
//! `walx conformance STORE` is one, for the backends that `walx` is built with.
//!
//! | Level | What |
//! |---|---|
//! | `backend` | the traits of `walx-impls`, driven as the adaptor drives them |
//! | `wal` | the same backend under `walx-adaptor`: what users see |
//!
//! Beside each case of `backend` runs a reference model of what the log may be, which every answer is held to, also those
//! at which the case does not look; beside each case of `wal` the history of its calls is recorded and judged.
//!
//! | Module | What |
//! |---|---|
//! | [`faults`] | delays, fails, cuts and doubles what any backend does; a proxy for brokers; signals for processes |
//! | [`load`] | appends and reads while a test disturbs the servers, and proves that nothing is lost |
//! | [`history`] | records what a workload calls and is told, and proves from that alone whether the log kept its promises |

mod case;
mod cases;
mod context;
pub mod faults;
pub mod history;
mod journal;
pub mod load;
mod log;
mod model;
mod reading;
mod report;
mod run;
mod server;
mod small;
mod suite;

pub use case::{Case, Failure, Outcome};
pub use cases::all as cases;
pub use context::{Context, TestStore};
pub use report::{Count, Report, table};
pub use run::{run, run_faulty, run_here};
pub use server::server;
pub use suite::{Stop, Suite, Trial, Tried, Verdict, main, main_on_server, main_without_faults};
