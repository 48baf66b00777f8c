//! Readers are told when another process changes a store.

use std::time::Duration;

use walx_utility::clock;

use crate::notice::Notice;

/// Whether the directory's change is told. A deadline is long enough for any machine.
async fn is_told(notice: &mut Notice) -> bool {
    clock::timeout(Duration::from_secs(20), notice.changed())
        .await
        .is_ok()
}

#[tokio::test]
async fn a_change_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut notice = Notice::of(dir.path()).unwrap();
    for content in ["1", "2"] {
        std::fs::write(dir.path().join("ACKED"), content).unwrap();
        assert!(is_told(&mut notice).await);
    }
}

#[tokio::test]
async fn a_subscription_outlives_others_and_can_be_had_again() {
    let dir = tempfile::tempdir().unwrap();
    let first = Notice::of(dir.path()).unwrap();
    let mut second = Notice::of(&dir.path().join(".")).unwrap();
    drop(first);
    std::fs::write(dir.path().join("ACKED"), "1").unwrap();
    assert!(is_told(&mut second).await);
    drop(second);
    let mut third = Notice::of(dir.path()).unwrap();
    std::fs::write(dir.path().join("ACKED"), "2").unwrap();
    assert!(is_told(&mut third).await);
}

#[test]
fn a_directory_that_is_not_there_has_no_notice() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Notice::of(&dir.path().join("missing")).is_none());
}
