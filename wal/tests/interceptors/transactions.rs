//! The chain around messages of transactions, and around those that are larger than a record.

use walx::{
    Delivery, End, Entry, ErrorKind, Message, Opener, RoWal, ScanOption, TransactionOption,
    VirtualChannel,
};

use crate::bed::{Hook, checksum, encryption, lz4, open, option, read, ring, trace};

async fn entries(wal: &dyn RoWal, option: ScanOption) -> walx::Result<Vec<Entry>> {
    let mut scanner = wal.scan(option.until(End::Tail)).await?;
    let mut all = Vec::new();
    loop {
        let batch = scanner.next_batch(100).await?;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch);
    }
}

fn chain() -> [Hook; 4] {
    [trace(), checksum(), lz4(), encryption(&ring("a", 1))]
}

fn bodies() -> Vec<Message> {
    let stream = VirtualChannel::new("left").unwrap();
    let bodies = (0..20_u8).map(|i| Message::new(vec![i; 10_000]).with_property("i", vec![i]));
    bodies
        .map(|it| it.with_virtual_channel(stream.clone()))
        .collect()
}

/// A store that has a committed transaction of encrypted messages, and one that was rolled back.
async fn written(store: &std::sync::Arc<dyn Opener>) {
    let wal = open(store, "orders", &chain()).await;
    let stream = VirtualChannel::new("left").unwrap();
    for commits in [true, false] {
        let option = TransactionOption::new().with_virtual_channel(stream.clone());
        let transaction = wal.begin(option).unwrap();
        for mut body in bodies() {
            // It is bound to the stream that its transaction gives it.
            body.virtual_channel = None;
            transaction.append(body).await.unwrap();
        }
        match commits {
            true => transaction.commit().await.unwrap(),
            false => transaction.rollback().await.unwrap(),
        };
    }
    wal.close().await.unwrap();
}

#[tokio::test]
async fn bodies_of_transactions_come_back_plain_in_each_mode() {
    crate::bed::on_each(async |store| {
        written(&store).await;
        let reader = store
            .open_read_only(option("orders", &chain()))
            .await
            .unwrap();
        let spill = tempfile::tempdir().unwrap();
        let small = || ScanOption::earliest().with_transaction_buffer_bytes(1000);
        for scan in [ScanOption::earliest(), small().with_spill(spill.path())] {
            let all = entries(&*reader, scan).await.unwrap();
            let [Entry::Transaction(transaction)] = &all[..] else {
                panic!("{all:?}")
            };
            let read = transaction.messages().map(|it| it.unwrap().message);
            assert_eq!(read.collect::<Vec<_>>(), bodies());
        }
        let raw = ScanOption::earliest().with_transactions(Delivery::Raw);
        let raw = entries(&*reader, raw).await.unwrap();
        let read = raw
            .iter()
            .filter_map(|it| it.message().map(|it| it.message.clone()));
        assert_eq!(read.collect::<Vec<_>>(), [bodies(), bodies()].concat());
        reader.close().await.unwrap();

        let stranger = store.open_read_only(option("orders", &[])).await.unwrap();
        let error = entries(&*stranger, ScanOption::earliest())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        // A spilled body is read by its user, and is as secret then.
        let spilled = entries(&*stranger, small().with_spill(spill.path()))
            .await
            .unwrap();
        let [Entry::Transaction(transaction)] = &spilled[..] else {
            panic!("{spilled:?}")
        };
        for body in transaction.messages() {
            assert_eq!(body.unwrap_err().kind(), ErrorKind::Denied);
        }
        stranger.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_message_in_chunks_is_encoded_as_one() {
    let noise = |seed| {
        let mut chance = walx_utility::random::Stream::seeded(seed);
        (0..50_000)
            .map(|_| chance.number() as u8)
            .collect::<Vec<_>>()
    };
    let messages: Vec<_> = (0..4)
        .map(|i| Message::new(noise(i)).with_property("a", "1"))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let file = format!("file:{}?max_record=8KiB", dir.path().display());
    for uri in ["memory:?max_record=8KiB", &file] {
        let store = walx::store(uri).await.unwrap();
        let large = option("orders", &chain()).with_max_chunked_bytes(1 << 20);
        let wal = store.open(large).await.unwrap();
        for message in &messages {
            wal.append(message.clone()).await.unwrap();
        }
        wal.close().await.unwrap();
        assert_eq!(read(&store, "orders", &chain()).await.unwrap(), messages);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_that_is_too_large_once_it_is_decompressed_is_told() {
    let store = walx::store("memory:?chain=lz4").await.unwrap();
    let wal = open(&store, "orders", &[]).await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    for _ in 0..3 {
        transaction.append(vec![0; 60_000].into()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let small = ScanOption::earliest().with_transaction_buffer_bytes(100_000);
    let error = entries(wal.as_ref(), small).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(
        error.to_string().contains("transaction_buffer_bytes"),
        "{error}"
    );
    assert_eq!(
        entries(wal.as_ref(), ScanOption::earliest())
            .await
            .unwrap()
            .len(),
        1
    );
}
