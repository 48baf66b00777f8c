//! Who may write.

use walx_core::ErrorKind;
use walx_impls::FenceToken;

use super::*;
use crate::FileDurability;

#[tokio::test]
async fn a_channel_has_one_writer_and_openers_share_a_store() {
    let dir = scratch();
    let config = small(dir.path());
    let (one, two) = (build(&config).await.unwrap(), build(&config).await.unwrap());
    let wal = one.open(&name("a"), Claim::TakeOver).await.unwrap();
    let error = two.open(&name("a"), Claim::TakeOver).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error
            .to_string()
            .contains(&format!("this process ({})", std::process::id())),
        "{error}"
    );
    let other = two.open(&name("b"), Claim::TakeOver).await.unwrap();
    append(&*wal, 0, "a").await.unwrap();
    append(&*other, 0, "b").await.unwrap();
    wal.close().await.unwrap();
    one.close().await.unwrap();
    // The store lives on with its other opener.
    append(&*other, 1, "b").await.unwrap();
    let wal = two.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(append(&*wal, 1, "a").await.unwrap(), 1);
    drop(wal);
    two.open(&name("a"), Claim::TakeOver).await.unwrap();
}

#[tokio::test]
async fn openers_of_one_store_agree_on_its_configuration() {
    let dir = scratch();
    let _one = build(&small(dir.path())).await.unwrap();
    let error = build(&small(dir.path()).with_durability(FileDurability::Os))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error
            .to_string()
            .contains("durability=each, not durability=os"),
        "{error}"
    );
    let roundabout = dir.path().join("x").join("..");
    std::fs::create_dir(dir.path().join("x")).unwrap();
    build(&FileConfig::new(roundabout).with_segment(ByteSize(8 << 10)))
        .await
        .unwrap();
}

#[tokio::test]
async fn closed_handles_that_are_kept_bind_nobody_to_their_options() {
    let dir = scratch();
    let opener = build(&small(dir.path())).await.unwrap();
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    append(&*wal, 0, "a").await.unwrap();
    wal.close().await.unwrap();
    opener.close().await.unwrap();
    let other = small(dir.path()).with_durability(FileDurability::Os);
    let again = build(&other).await.unwrap();
    let new = again.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(append(&*new, 1, "b").await.unwrap(), 1);
    assert_eq!(
        append(&*wal, 2, "c").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[tokio::test]
async fn only_the_last_owner_resumes_and_the_old_handle_is_powerless() {
    let dir = scratch();
    let config = small(dir.path());
    let opener = build(&config).await.unwrap();
    let old = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    append(&*old, 0, "old").await.unwrap();
    let pending = old.append(Batch::One(record(1, "on its way")));
    let new = opener
        .open(&name("a"), Claim::Resume(old.fence_token()))
        .await
        .unwrap();
    assert_eq!(
        append(&*old, 2, "late").await.unwrap_err().kind(),
        ErrorKind::Fenced
    );
    assert_eq!(
        old.truncate(id(0)).await.unwrap_err().kind(),
        ErrorKind::Fenced
    );
    assert_eq!(
        deadline(pending).await.unwrap_err().kind(),
        ErrorKind::Fenced
    );
    assert_eq!(append(&*new, 2, "new").await.unwrap(), 2);
    for token in [old.fence_token(), FenceToken::from_u64(1)] {
        let error = opener
            .open(&name("a"), Claim::Resume(token))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Fenced);
    }
    // A dropped old handle does not free the claim of the new one.
    drop(old);
    assert_eq!(
        opener
            .open(&name("a"), Claim::TakeOver)
            .await
            .err()
            .unwrap()
            .kind(),
        ErrorKind::Conflict
    );

    // The right to resume outlives the store, until somebody else opens.
    let token = new.fence_token();
    drop(new);
    opener.close().await.unwrap();
    let opener = build(&config).await.unwrap();
    let again = opener
        .open(&name("a"), Claim::Resume(token.clone()))
        .await
        .unwrap();
    drop(again);
    assert_eq!(
        opener
            .open(&name("a"), Claim::Resume(token))
            .await
            .err()
            .unwrap()
            .kind(),
        ErrorKind::Fenced
    );
}

#[tokio::test]
async fn a_drop_without_a_close_writes_what_is_staged_and_frees_the_lock() {
    let dir = scratch();
    let config = small(dir.path());
    for round in 0..20 {
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        assert_eq!(
            append(&*wal, round * 2, "awaited").await.unwrap(),
            round * 2
        );
        drop(wal.append(Batch::One(record(round * 2 + 1, "staged"))));
        drop(wal);
        drop(opener);
    }
    let opener = apart(&config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(
        scan(&*wal, Start::Earliest, 40).await.numbers(),
        (0..40).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn nothing_is_left_open_by_stores_that_were_dropped() {
    let dir = scratch();
    let files = || {
        let there = dir.path().to_owned();
        let open = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        open.filter(|file| file.starts_with(&there)).count()
    };
    for closed in [true, false] {
        let (opener, wal) = filled(&small(dir.path()), 0).await;
        let scanner = wal
            .scan(Start::Earliest, ScanOptions::default())
            .await
            .unwrap();
        assert!(files() >= 3, "lock, ACKED and segment are open");
        if closed {
            opener.close().await.unwrap();
        }
        drop((scanner, wal, opener));
        let gone = async {
            while files() > 0 {
                clock::sleep(Duration::from_millis(1)).await;
            }
        };
        deadline(gone).await;
    }
}

#[tokio::test]
async fn closing_the_opener_closes_all_that_came_from_it() {
    let dir = scratch();
    let opener = build(&small(dir.path())).await.unwrap();
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    append(&*wal, 0, "a").await.unwrap();
    let reader = opener.open_read_only(&name("a")).await.unwrap();
    let mut scanner = reader
        .scan(Start::After(id(0)), ScanOptions::default())
        .await
        .unwrap();
    opener.close().await.unwrap();
    assert_eq!(
        batch(&mut *scanner).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(
        append(&*wal, 1, "a").await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(reader.bounds().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(opener.list().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        opener
            .open(&name("a"), Claim::TakeOver)
            .await
            .err()
            .unwrap()
            .kind(),
        ErrorKind::Closed
    );
}
