#![no_main]

//! A whole store, in a directory in memory where there is one.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

/// Readers and writers have buffers of their own; what a file claims must not come on top.
const FREE_BYTES: usize = 256 << 20;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    folder.unwrap_or_else(|error| panic!("there is no folder for a store: {error}"))
});

static STORE: LazyLock<PathBuf> = LazyLock::new(|| FOLDER.path().join("store"));

walx_fuzz::fuzz_target!(|input: &[u8]| {
    walx_fuzz::run_within(
        FREE_BYTES,
        |input| walx_file::fuzz::store(&STORE, input),
        input,
    );
});
