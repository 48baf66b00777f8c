//! An append needs at most two allocations besides its payload.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use common::Rig;
use walx_core::{Bytes, Message};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const APPENDS: u64 = 20_000;

#[tokio::test]
async fn an_append_needs_at_most_two_allocations() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let append = || wal.append(Message::new(Bytes::from_static(b"payload")));
    append().await.unwrap();
    let mut handles = Vec::with_capacity(512);
    let _profiler = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get().total_blocks;
    for _ in 0..APPENDS / 512 {
        handles.extend((0..512).map(|_| append()));
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
    }
    let blocks = dhat::HeapStats::get().total_blocks - before;
    let appends = APPENDS / 512 * 512;
    assert!(
        blocks <= 2 * appends,
        "{blocks} allocations for {appends} appends"
    );
}
