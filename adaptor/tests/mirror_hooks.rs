//! A mirror of channels with hooks, and of messages as large as they may be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;

use common::pair::Pair;
use common::{message, within};
use walx_adaptor::adapt_opener;
use walx_adaptor::interceptor::{Checksum, Compression, Encryption, Key, KeyRing};
use walx_adaptor::layer::{Mirror, MirrorOption};
use walx_core::{
    AppendContext, BackendName, Config, Interceptor, Message, OpenOption, Opener, Result, RoWal,
    Wal,
};
use walx_impls::OpenerBuilderImpls;
use walx_memory::MemoryStore;

#[tokio::test]
async fn a_channel_with_hooks_that_encode_is_mirrored() {
    let pair = Pair::new(MirrorOption::new());
    let keys = KeyRing::new("a", Key::new([7; 32])).unwrap();
    let option = pair
        .first
        .option()
        .with_interceptor(Arc::new(Checksum::new()))
        .with_interceptor(Arc::new(Compression::lz4()))
        .with_interceptor(Arc::new(Encryption::new(keys)));
    let wal = pair.mirror.open_mirrored(option).await.unwrap();
    for i in 0..10 {
        wal.append(message(i)).await.unwrap();
    }
    within(wal.mirrored()).await.unwrap();
    wal.close().await.unwrap();
}

/// A store with small records.
async fn small() -> Arc<dyn Opener> {
    let config = Config::new().with("max_record", "2KiB");
    let opener = MemoryStore::new().builder().build(config).await.unwrap();
    adapt_opener(BackendName::constant("memory"), opener)
}

#[tokio::test]
async fn a_message_that_just_fits_is_mirrored() {
    let mirror = Mirror::new(small().await, small().await, MirrorOption::new());
    let option = OpenOption::try_from("orders").unwrap();
    let wal = mirror.open_mirrored(option).await.unwrap();
    wal.append(Message::new(vec![7; 2048 - 128])).await.unwrap();
    within(wal.mirrored()).await.unwrap();
    let compared = mirror.compare(&wal.channel().name).await.unwrap();
    assert_eq!((compared.equal, compared.difference), (1, None));
    wal.close().await.unwrap();
}

/// Says which machine a message comes from.
struct House;

impl Interceptor for House {
    fn name(&self) -> &'static str {
        "house"
    }

    fn before(&self, _: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        message.properties.push("host", "db-7");
        Ok(())
    }
}

#[tokio::test]
async fn what_a_hook_adds_is_copied_and_not_added_again() {
    let pair = Pair::new(MirrorOption::new());
    for round in 1..3 {
        let option = pair.first.option().with_interceptor(Arc::new(House));
        let wal = pair.mirror.open_mirrored(option).await.unwrap();
        wal.append(message(round)).await.unwrap();
        assert_eq!(pair.check(&wal).await, round);
        wal.close().await.unwrap();
    }
}
