//! What every backend promises, put to the test.

use std::process::ExitCode;
use std::sync::Arc;

use walx_core::Config;
use walx_file::{FileBuilder, FileConfig};
use walx_testkit::TestStore;

#[expect(clippy::expect_used, reason = "without a directory there is no test")]
fn main() -> ExitCode {
    walx_testkit::main("file", || {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = Config::from(&FileConfig::new(directory.path()));
        TestStore::new(Arc::new(FileBuilder), config).with_keep(directory)
    })
}
