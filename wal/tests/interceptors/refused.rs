//! What an open, and an append, refuse.

use walx::{ErrorKind, Message};

use crate::bed::{checksum, lz4, on_each, open, option, refused};

#[tokio::test]
async fn a_wrong_order_is_refused_by_each_way_to_open() {
    on_each(async |store| {
        open(&store, "orders", &[]).await.close().await.unwrap();
        let wrong = option("orders", &[lz4(), checksum()]);
        let owner = store.open(wrong).await.map(|_| ()).unwrap_err();
        let reader = refused(&store, "orders", &[lz4(), checksum()]).await;
        for (error, operation) in [(owner, "open"), (reader, "open read-only")] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.operation(), operation);
            let text = error.to_string();
            assert!(
                text.contains("(chain: lz4, checksum, right: checksum, lz4)"),
                "{text}"
            );
        }
        let twice = option("orders", &[checksum(), checksum()]);
        let error = store.open(twice).await.map(|_| ()).unwrap_err();
        assert!(
            error.to_string().contains("two hooks for checksum"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn names_of_walx_are_refused_to_users() {
    on_each(async |store| {
        let wal = open(&store, "orders", &[checksum(), lz4()]).await;
        let forged = Message::new("x").with_property("a", "1").with_property("walx.checksum", "2");
        let error = wal.append(forged.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "invalid input: append on channel 'orders': property names that begin with 'walx.' are walx's own; take \
             another name (property: walx.checksum)"
        );
        let batch = wal.append_batch(vec![Message::new("y"), forged.clone()]).await;
        assert_eq!(batch.unwrap_err().kind(), ErrorKind::InvalidInput);
        let refused = wal.try_append(forged.clone()).unwrap_err();
        assert_eq!((refused.message, refused.error.kind()), (forged, ErrorKind::InvalidInput));
        let near = Message::new("z").with_property("walx", "1").with_property("Walx.a", "2");
        assert_eq!(wal.append(near).await.unwrap().lsn.get(), 0, "nothing else was written");
    })
    .await;
}
