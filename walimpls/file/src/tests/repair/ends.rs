//! Losses at the ends of what a channel has: bounds name what can be read, and no truncation of a neighbour hides them.

use super::*;

/// What a reader has, from bound to bound.
async fn bounds(config: &FileConfig, channel: &str) -> (Option<u64>, Option<u64>) {
    let reader = apart(config);
    let bounds = reader.bounds(&name(channel)).await.unwrap();
    let number = |id: Option<MessageId>| id.map(|id| id.to_u64().unwrap());
    (number(bounds.earliest), number(bounds.newest))
}

#[tokio::test]
async fn bounds_name_records_that_can_be_read() {
    let dir = scratch();
    let config = FileConfig::new(dir.path());
    let (opener, wal) = filled(&config, 10).await;
    drop(wal);
    opener.close().await.unwrap();
    for lost in ["record 0", "record 1", "record 8", "record 9"] {
        flip(&segments(dir.path())[0], lost.as_bytes());
    }
    assert_eq!(bounds(&salvage(&config), "a").await, (Some(2), Some(7)));
    apply(&config).await;
    assert_eq!(bounds(&config, "a").await, (Some(2), Some(7)));
    let opener = apart(&config);
    let reader = opener.open_read_only(&name("a")).await.unwrap();
    for count in [1, 2, 3] {
        let got = scan(&*reader, Start::Last(count), count as usize).await;
        assert_eq!(got.numbers(), (8 - count..8).collect::<Vec<_>>());
    }
    // In the owner's process too.
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    let bounds = wal.bounds().await.unwrap();
    assert_eq!((bounds.earliest, bounds.newest), (Some(id(2)), Some(id(7))));
    let next = append(&*wal, 10, "record 10").await.unwrap();
    assert!(next >= 10, "{next} was given before");
    assert_eq!(wal.bounds().await.unwrap().newest, Some(id(next)));
}

#[tokio::test]
async fn a_channel_that_can_not_be_read_at_all_is_no_empty_one() {
    let dir = scratch();
    let config = FileConfig::new(dir.path());
    let (opener, wal) = filled(&config, 2).await;
    drop(wal);
    opener.close().await.unwrap();
    for lost in ["record 0", "record 1"] {
        flip(&segments(dir.path())[0], lost.as_bytes());
    }
    assert_eq!(bounds(&salvage(&config), "a").await, (None, Some(1)));
}

#[tokio::test]
async fn a_truncated_neighbour_hides_no_loss() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, 0).await;
    let idle = opener.open(&name("b"), Claim::TakeOver).await.unwrap();
    for number in 0..3 {
        append(&*idle, number, "idle").await.unwrap();
    }
    for number in 0..100 {
        append(&*wal, number, "busy").await.unwrap();
    }
    for number in 3..6 {
        append(&*idle, number, "idle").await.unwrap();
    }
    for number in 100..200 {
        append(&*wal, number, "busy").await.unwrap();
    }
    drop((wal, idle));
    opener.close().await.unwrap();
    remove(dir.path(), 0);
    apply(&config).await;

    let reading = async |config: &FileConfig| {
        let opener = apart(config);
        let reader = opener.open_read_only(&name("b")).await.unwrap();
        scan(&*reader, Start::At(id(1)), 4).await
    };
    let before = reading(&config).await;
    assert_eq!(before.numbers(), [3, 4, 5]);
    assert_eq!(before.damage.len(), 1);
    let opener = apart(&config);
    opener.truncate(&name("a"), id(199)).await.unwrap();
    opener.close().await.unwrap();
    let after = reading(&config).await;
    assert_eq!(after.numbers(), [3, 4, 5]);
    assert_eq!(after.damage.len(), 1, "the loss is told as before");
}
