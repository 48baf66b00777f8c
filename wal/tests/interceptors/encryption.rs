//! Encryption: what is secret, what is authentic, what is refused.

use std::sync::{Arc, Mutex};

use walx::interceptor::{Encryption, Key};
use walx::{ErrorKind, Message, Opener, VirtualChannel};

use crate::bed::{
    Hook, Innermost, checksum, encryption, lz4, on_each, open, read, refused, ring, trace,
};

fn secret() -> Message {
    Message::new("the secret of the house")
        .with_property("a", "1")
        .with_virtual_channel(VirtualChannel::new("left").unwrap())
        .with_idempotency_key("key")
}

async fn append(store: &Arc<dyn Opener>, channel: &str, hooks: &[Hook], message: Message) {
    let wal = open(store, channel, hooks).await;
    wal.append(message).await.unwrap();
    wal.close().await.unwrap();
}

#[tokio::test]
async fn payloads_are_secret_and_no_two_are_stored_alike() {
    on_each(async |store| {
        let stored = Innermost::sees();
        let hooks: [Hook; 2] = [encryption(&ring("a", 1)), stored.clone()];
        append(&store, "orders", &hooks, secret()).await;
        let first = stored.last();
        append(&store, "orders", &hooks, secret()).await;
        assert_eq!(first.payload.len(), secret().payload.len() + 16);
        assert_ne!(first.payload, stored.last().payload);
        for secret in [&b"secret"[..], &[1; 32]] {
            assert!(!first.payload.windows(secret.len()).any(|it| it == secret));
        }
        assert_eq!(
            first.property("a"),
            Some(&b"1"[..]),
            "others can route by it"
        );
    })
    .await;
}

#[tokio::test]
async fn without_the_key_nothing_is_delivered() {
    on_each(async |store| {
        append(
            &store,
            "orders",
            &[checksum(), lz4(), encryption(&ring("a", 1))],
            secret(),
        )
        .await;
        for reader in [
            vec![],
            vec![checksum(), lz4()],
            vec![trace()],
            vec![encryption(&ring("b", 1))],
        ] {
            let error = refused(&store, "orders", &reader).await;
            assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
            let text = error.to_string();
            assert!(
                text.contains("(interceptor: encryption, key: a, lsn: 0)"),
                "{text}"
            );
        }
        let error = refused(&store, "orders", &[encryption(&ring("a", 2))]).await;
        assert_eq!(
            error.kind(),
            ErrorKind::Corrupt,
            "another key of the same id: {error}"
        );
        assert!(error.to_string().contains("key: a"), "{error}");
        let right = read(&store, "orders", &[encryption(&ring("a", 1))]).await;
        assert_eq!(
            right.unwrap(),
            [secret()],
            "the rest is undone by its marks"
        );
    })
    .await;
}

#[tokio::test]
async fn a_rotation_changes_what_is_written_and_the_old_stays_readable() {
    on_each(async |store| {
        let keys = ring("old", 1);
        let stored = Innermost::sees();
        let wal = open(&store, "orders", &[encryption(&keys), stored.clone()]).await;
        wal.append(secret()).await.unwrap();
        assert!(
            stored
                .last()
                .property("walx.encryption")
                .unwrap()
                .ends_with(b"old")
        );
        keys.rotate("new", Key::new([2; 32])).unwrap();
        wal.append(secret()).await.unwrap();
        assert!(
            stored
                .last()
                .property("walx.encryption")
                .unwrap()
                .ends_with(b"new")
        );
        wal.close().await.unwrap();
        let both = read(&store, "orders", &[encryption(&keys)]).await;
        assert_eq!(both.unwrap(), [secret(), secret()]);
        let error = refused(&store, "orders", &[encryption(&ring("old", 1))]).await;
        assert!(error.to_string().contains("key: new, lsn: 1"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_changed_in_the_store_is_not_delivered() {
    fn mark(message: &mut Message, change: impl Fn(&mut Vec<u8>)) {
        let mut mark = message
            .properties
            .remove("walx.encryption")
            .unwrap()
            .to_vec();
        change(&mut mark);
        message.properties.push("walx.encryption", mark);
    }
    fn flip(message: &mut Message, at: usize) {
        let mut payload = message.payload.to_vec();
        payload[at] ^= 1;
        message.payload = payload.into();
    }
    type Change = fn(&mut Message);
    let changes: [(&str, Change); 12] = [
        ("first", |it| flip(it, 0)),
        ("tag", |it| flip(it, it.payload.len() - 1)),
        ("cut", |it| it.payload = it.payload.slice(1..)),
        ("empty", |it| it.payload = "".into()),
        ("nonce", |it| mark(it, |mark| mark[1] ^= 1)),
        ("id", |it| mark(it, |mark| *mark.last_mut().unwrap() = b'b')),
        ("property", |it| it.properties.push("b", "2")),
        ("lost", |it| drop(it.properties.remove("a"))),
        ("stream", |it| it.virtual_channel = None),
        ("key", |it| it.idempotency_key = Some("yek".into())),
        ("exclusive", |it| it.exclusive = true),
        ("unmarked", |it| {
            drop(it.properties.remove("walx.encryption"))
        }),
    ];
    on_each(async |store| {
        let keys = ring("a", 1);
        // The same key under two ids: the id itself is bound.
        keys.add("b", Key::new([1; 32])).unwrap();
        for (channel, change) in changes {
            let hooks: [Hook; 2] = [encryption(&keys), Innermost::changes(change)];
            append(&store, channel, &hooks, secret()).await;
            let error = refused(&store, channel, &[encryption(&keys)]).await;
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{channel}: {error}");
            assert!(error.to_string().contains("lsn: 0"), "{channel}: {error}");
            assert_eq!(error.channel().unwrap().as_str(), channel);
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_is_nothing_in_another_channel_or_term() {
    on_each(async |store| {
        let keys = ring("a", 1);
        let stored = Innermost::sees();
        append(
            &store,
            "here",
            &[encryption(&keys), stored.clone()],
            secret(),
        )
        .await;
        let copy = Arc::new(Mutex::new(stored.last()));
        // Somebody puts the stored message of `here`, term 1, in the place of another one.
        let replayed = || -> Hook {
            let copy = Arc::clone(&copy);
            Innermost::changes(move |message| *message = copy.lock().unwrap().clone())
        };
        for (channel, read_back) in [("there", 0), ("here", 1)] {
            append(
                &store,
                channel,
                &[encryption(&keys), replayed()],
                Message::new("x"),
            )
            .await;
            let error = refused(&store, channel, &[encryption(&keys)]).await;
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{channel}: {error}");
            assert!(
                error.to_string().contains(&format!("lsn: {read_back}")),
                "{error}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn plain_messages_are_refused_unless_they_are_allowed() {
    on_each(async |store| {
        let keys = ring("a", 1);
        append(&store, "orders", &[checksum()], secret()).await;
        append(&store, "orders", &[encryption(&keys)], secret()).await;
        let error = refused(&store, "orders", &[encryption(&keys)]).await;
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.to_string().contains("the message is not encrypted"),
            "{error}"
        );
        let lenient: Hook = Arc::new(Encryption::new(keys).allow_plain());
        let all = read(&store, "orders", &[lenient]).await;
        assert_eq!(all.unwrap(), [secret(), secret()]);
    })
    .await;
}
