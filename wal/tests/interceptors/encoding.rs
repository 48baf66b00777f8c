//! Checksum and compression.

use std::sync::Arc;

use walx::interceptor::Compression;
use walx::{Bytes, ErrorKind, Message, VirtualChannel};

use crate::bed::{
    Hook, Innermost, checksum, encryption, lz4, on_each, open, read, refused, ring, scan, trace,
};

fn messages() -> Vec<Message> {
    let stream = VirtualChannel::new("left").unwrap();
    vec![
        Message::new(""),
        Message::new("short")
            .with_property("a", "1")
            .with_property("a", ""),
        Message::new(vec![7; 100_000]).with_virtual_channel(stream.clone()),
        Message::new(vec![8; 2 << 20])
            .with_property(
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            )
            .with_virtual_channel(stream)
            .with_idempotency_key("key"),
        Message::new(noise(70_000)),
    ]
}

/// Bytes that no compression makes smaller, the same each time.
fn noise(count: usize) -> Vec<u8> {
    let mut stream = walx_utility::random::Stream::seeded(1);
    (0..count).map(|_| stream.number() as u8).collect()
}

#[tokio::test]
async fn messages_come_back_through_each_chain_as_they_were_handed_in() {
    on_each(async |store| {
        let keys = ring("a", 1);
        let chains: Vec<Vec<Hook>> = vec![
            vec![trace()],
            vec![checksum()],
            vec![lz4()],
            #[cfg(feature = "zstd")]
            vec![Arc::new(Compression::zstd(3).unwrap())],
            vec![encryption(&keys)],
            vec![trace(), checksum(), lz4(), encryption(&keys)],
        ];
        for (i, chain) in chains.iter().enumerate() {
            let channel = format!("chain-{i}");
            let wal = open(&store, &channel, chain).await;
            for message in messages() {
                wal.append(message).await.unwrap();
            }
            assert_eq!(scan(&*wal).await.unwrap(), messages(), "{i}: its owner");
            wal.close().await.unwrap();
            let read = read(&store, &channel, chain).await.unwrap();
            assert_eq!(read, messages(), "{i}: a reader");
        }
    })
    .await;
}

#[tokio::test]
async fn checksums_and_compression_are_undone_by_any_reader() {
    on_each(async |store| {
        for (channel, chain) in [("both", vec![checksum(), lz4()]), ("one", vec![lz4()])] {
            let wal = open(&store, channel, &chain).await;
            for message in messages() {
                wal.append(message).await.unwrap();
            }
            wal.close().await.unwrap();
            // Of those that know one of the two, the checksum's must wait for the decompression.
            for reader in [vec![], vec![trace()], vec![checksum()], vec![lz4()]] {
                let read = read(&store, channel, &reader).await.unwrap();
                assert_eq!(read, messages(), "{} hooks", reader.len());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_shrinks_is_stored_small_and_what_does_not_stays_plain() {
    on_each(async |store| {
        let stored = Innermost::sees();
        let hook: Hook = stored.clone();
        let wal = open(&store, "orders", &[lz4(), hook]).await;
        wal.append(Message::new(vec![7; 100_000])).await.unwrap();
        assert!(stored.last().payload.len() < 1000);
        assert!(stored.last().property("walx.compression").is_some());
        for plain in [
            Bytes::from(noise(100_000)),
            Bytes::from(vec![7; 255]),
            Bytes::new(),
        ] {
            let message = Message::new(plain);
            wal.append(message.clone()).await.unwrap();
            assert_eq!(stored.last(), message);
        }
        wal.append(Message::new(vec![7; 256])).await.unwrap();
        assert!(stored.last().payload.len() < 100, "from 256 bytes on");
    })
    .await;
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_takes_memory() {
    on_each(async |store| {
        let claims = |bytes: u64| -> Hook {
            Innermost::changes(move |message| {
                let mut mark = message
                    .properties
                    .remove("walx.compression")
                    .unwrap()
                    .to_vec();
                mark[2..].copy_from_slice(&bytes.to_be_bytes());
                message.properties.push("walx.compression", mark);
            })
        };
        for (channel, bytes, kind, says) in [
            ("huge", u64::MAX, ErrorKind::TooLarge, "max: 268435456"),
            (
                "large",
                200 << 20,
                ErrorKind::Corrupt,
                "claims to be larger",
            ),
            ("more", 100_001, ErrorKind::Corrupt, "can't be decompressed"),
            ("less", 99_999, ErrorKind::Corrupt, "can't be decompressed"),
            ("none", 0, ErrorKind::Corrupt, "can't be decompressed"),
        ] {
            let wal = open(&store, channel, &[lz4(), claims(bytes)]).await;
            wal.append(Message::new(vec![7; 100_000])).await.unwrap();
            wal.close().await.unwrap();
            for reader in [vec![], vec![lz4()]] {
                let error = refused(&store, channel, &reader).await;
                assert_eq!(error.kind(), kind, "{channel}: {error}");
                assert!(error.to_string().contains(says), "{error}");
                assert!(error.to_string().contains("lsn: 0"), "{error}");
            }
        }
        // What a writer may compress, and what a reader takes, is one option.
        let sparing: Hook = Arc::new(Compression::lz4().with_max_bytes(1000));
        let wal = open(&store, "sparing", &[lz4()]).await;
        wal.append(Message::new(vec![7; 1001])).await.unwrap();
        wal.close().await.unwrap();
        let error = refused(&store, "sparing", std::slice::from_ref(&sparing)).await;
        assert!(
            error.to_string().contains("bytes: 1001, max: 1000"),
            "{error}"
        );
        let stored = Innermost::sees();
        let wal = open(&store, "plain", &[sparing, stored.clone()]).await;
        wal.append(Message::new(vec![7; 1001])).await.unwrap();
        assert_eq!(stored.last(), Message::new(vec![7; 1001]));
    })
    .await;
}

#[tokio::test]
async fn a_message_that_changed_below_its_checksum_is_not_delivered() {
    let left = || VirtualChannel::new("left").unwrap();
    type Change = Box<dyn Fn(&mut Message) + Send + Sync>;
    let changes: Vec<(&str, Change)> = vec![
        ("payload", Box::new(|it| it.payload = "paie".into())),
        ("cut", Box::new(|it| it.payload = it.payload.slice(..3))),
        ("property", Box::new(|it| it.properties.push("b", "2"))),
        ("lost", Box::new(|it| drop(it.properties.remove("a")))),
        ("key", Box::new(|it| it.idempotency_key = None)),
        ("stream", Box::new(|it| it.virtual_channel = None)),
        ("exclusive", Box::new(|it| it.exclusive = true)),
    ];
    let changes = Arc::new(changes);
    on_each(async |store| {
        for at in 0..changes.len() {
            let (channel, changes) = (changes[at].0, Arc::clone(&changes));
            let change = Innermost::changes(move |message| changes[at].1(message));
            let wal = open(&store, channel, &[checksum(), change]).await;
            let message = Message::new("paid")
                .with_property("a", "1")
                .with_virtual_channel(left())
                .with_idempotency_key("key");
            wal.append(message).await.unwrap();
            for reader in [vec![], vec![checksum()]] {
                let error = refused(&store, channel, &reader).await;
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{channel}: {error}");
                let text = error.to_string();
                let named = format!(
                    "corrupt: scan on channel '{channel}': the message is not what was handed in"
                );
                assert!(text.starts_with(&named), "{text}");
                assert!(
                    text.contains("(interceptor: checksum, lsn: 0, id: "),
                    "{text}"
                );
            }
        }
    })
    .await;
}
