//! The toy backend of the examples keeps what its capability promises.

use std::process::ExitCode;
use std::sync::Arc;

use walx::Config;
use walx_testkit::TestStore;

#[path = "../examples/toy/mod.rs"]
mod toy;

fn main() -> ExitCode {
    walx_testkit::main_without_faults("toy", || {
        TestStore::new(Arc::new(toy::Toy::default()), Config::new())
    })
}
