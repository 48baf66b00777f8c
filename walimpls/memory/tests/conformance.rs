//! What every backend promises, put to the test.

use std::process::ExitCode;
use std::sync::Arc;

use walx_core::Config;
use walx_memory::MemoryStore;
use walx_testkit::TestStore;

fn main() -> ExitCode {
    walx_testkit::main("memory", || {
        let store = MemoryStore::new();
        TestStore::new(Arc::new(store.builder()), Config::new())
            .with_foreign(store.foreign_writer())
            .with_keep(store)
    })
}
