//! What every backend promises, put to the test.

use std::process::ExitCode;
use std::sync::Arc;

use walx_core::Config;
use walx_memory::MemoryStore;
use walx_testkit::TestStore;

fn main() -> ExitCode {
    walx_testkit::main("memory", || {
        TestStore::new(Arc::new(MemoryStore::new().builder()), Config::new())
    })
}
