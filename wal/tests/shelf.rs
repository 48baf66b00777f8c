//! The backend that the book's chapter "Write a backend in an afternoon" makes keeps what it promises.

use std::process::ExitCode;
use std::sync::Arc;

use walx::Config;
use walx_testkit::TestStore;

#[allow(
    unreachable_pub,
    reason = "a crate of its own outside of this repository"
)]
#[path = "../examples/shelf/lib.rs"]
mod shelf;

fn main() -> ExitCode {
    walx_testkit::main(shelf::NAME.as_str(), || {
        TestStore::new(Arc::new(shelf::ShelfBuilder::default()), Config::new())
    })
}
