//! What is left of a store whose maker ended before it was one.

use std::fs;

use walx_core::ErrorKind;

use super::*;
use crate::manifest::{Manifest, NAMES};

/// Zeros as they are made for a manifest, of which some sector came to the disk as something else.
fn room(stale: Option<usize>) -> Vec<u8> {
    let mut room = vec![0; 64 << 10];
    if let Some(at) = stale {
        room[at..at + 512].fill(7);
    }
    room
}

/// A first manifest, cut short.
fn half() -> Vec<u8> {
    let dir = scratch();
    Manifest::new([1; 16]).store(dir.path()).unwrap();
    let mut bytes = fs::read(dir.path().join(NAMES[1])).unwrap();
    bytes[60..].fill(0);
    bytes
}

fn kinds() -> [Option<Vec<u8>>; 5] {
    let rooms = [None, Some(0), Some(127 * 512)].map(|stale| Some(room(stale)));
    let [blank, stale_first, stale_last] = rooms;
    [None, blank, stale_first, stale_last, Some(half())]
}

/// Puts these files into a directory.
fn lay(dir: &Path, files: [&Option<Vec<u8>>; 2]) {
    for (name, bytes) in NAMES.iter().zip(files) {
        if let Some(bytes) = bytes {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_that_was_never_made_whole_is_made_anew_and_has_no_channel_for_readers() {
    for a in &kinds() {
        for b in &kinds() {
            let dir = scratch();
            lay(dir.path(), [a, b]);
            let reader = apart(&small(dir.path()));
            let error = reader.open_read_only(&name("a")).await.map(|_| ());
            assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
            let opener = apart(&small(dir.path()));
            let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
            assert_eq!(append(&*wal, 0, "first").await.unwrap(), 0);
            drop(wal);
            opener.close().await.unwrap();
            let opener = apart(&small(dir.path()));
            let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
            assert_eq!(scan(&*wal, Start::Earliest, 1).await.numbers(), [0]);
        }
    }
}

#[tokio::test]
async fn a_store_with_a_segment_is_never_made_anew() {
    let whole = scratch();
    let opener = apart(&small(whole.path()));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    append(&*wal, 0, "first").await.unwrap();
    drop(wal);
    opener.close().await.unwrap();
    for a in &kinds()[2..] {
        for b in &kinds()[2..] {
            let dir = scratch();
            copy(whole.path(), dir.path());
            lay(dir.path(), [a, b]);
            let opener = apart(&small(dir.path()));
            let error = opener.open(&name("a"), Claim::TakeOver).await.map(|_| ());
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}
