//! A store as the adaptor sees it: open, list, bounds, truncate, close.

use std::sync::Arc;

use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use walx_core::{
    Bounds, ChannelName, Durability, Error, ErrorKind, Header, Kind, Lsn, MessageId, Owner, Record,
    Seq, Term, Tick, Truncation, VirtualChannel,
};
use walx_helper::config::{self, ByteSize};
use walx_impls::{Batch, Claim, OpenerBuilderImpls, OpenerImpls, WalImpls};

use super::{here, make};
use crate::KafkaBuilder;
use crate::config::{KafkaConfig, KafkaTruncate};
use crate::opener::capability;
use crate::store::Store;

async fn build(config: &KafkaConfig) -> Arc<dyn OpenerImpls> {
    let table = config::to_config(config).unwrap();
    KafkaBuilder.build(table).await.unwrap()
}

fn name(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

/// A record with all that a header can hold, so large.
fn record(number: u64, bytes: usize) -> Record {
    let owner = Owner::new(Term::new(u64::MAX));
    let header = Header::new(
        Kind::Data,
        owner,
        Tick::from_unix_ms(1_700_000_000_000 + number),
    );
    let mut header = header.numbered(Seq::new(number), Lsn::new(number));
    header.virtual_channel = Some(VirtualChannel::new("v".repeat(200)).unwrap());
    header.idempotency_key = Some(vec![b'k'; 256].into());
    header.oldest_open = Some(Seq::new(0));
    Record {
        header,
        properties: (0..9_u8)
            .map(|it| (format!("p{it}"), walx_core::Bytes::from(vec![it])))
            .collect(),
        payload: vec![0xa5; bytes].into(),
    }
}

async fn append(wal: &dyn WalImpls, record: Record) -> Result<MessageId, Error> {
    let ids = wal.append(Batch::One(record)).await?;
    Ok(ids.as_slice()[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_as_large_as_the_capability_says_is_taken_and_a_larger_one_refused() {
    let Some(mut config) = here() else { return };
    for max_message in [64 << 10, 1 << 20] {
        config.max_message = ByteSize(max_message);
        let opener = build(&config).await;
        let wal = opener
            .open(&name(&format!("m{max_message}")), Claim::TakeOver)
            .await
            .unwrap();
        let empty = record(0, 0);
        // As the adaptor counts: what stands in the record, 128 bytes of header, 8 a property.
        let beside = empty.bytes() + 128 + 8 * empty.properties.len();
        let room = opener.capability().max_record_bytes - beside;
        append(&*wal, record(0, room)).await.unwrap();
        let error = append(&*wal, record(1, room + 129)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("max_message"), "{error}");
        wal.close().await.unwrap();
    }
}

/// Somebody else's topic with a record of theirs.
async fn foreign(config: &KafkaConfig, topic: &str) {
    let store = Store::connect(config.clone()).await.unwrap();
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    make(&store, &new).await;
    let producer: BaseProducer = store.settings.asker().create().unwrap();
    let record = BaseRecord::<(), _, _>::to(topic).payload("theirs");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    walx_utility::spawn::blocking(move || producer.flush(std::time::Duration::from_secs(10)))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_the_channels_below_the_prefix_and_nothing_of_others() {
    let Some(config) = here() else { return };
    let opener = build(&config).await;
    assert_eq!(opener.list().await.unwrap(), []);
    for channel in ["b", "a", "a.c"] {
        let wal = opener.open(&name(channel), Claim::TakeOver).await.unwrap();
        if channel != "b" {
            append(&*wal, record(0, 1)).await.unwrap();
        }
        wal.close().await.unwrap();
    }
    foreign(&config, &format!("{}theirs", config.location.prefix())).await;
    assert_eq!(
        opener.list().await.unwrap(),
        [name("a"), name("a.c"), name("b")]
    );
    let mut below = config.clone();
    let prefix = format!("{}a.", config.location.prefix());
    below.location = below.location.with_prefix(&prefix).unwrap();
    assert_eq!(build(&below).await.list().await.unwrap(), [name("c")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found_and_not_made() {
    let Some(config) = here() else { return };
    let opener = build(&config).await;
    let missing = name("missing");
    let kinds = [
        opener
            .open_read_only(&missing)
            .await
            .map(|_| ())
            .unwrap_err(),
        opener.bounds(&missing).await.map(|_| ()).unwrap_err(),
        opener
            .truncate(&missing, crate::id::of(0))
            .await
            .unwrap_err(),
    ];
    for error in kinds {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("missing"), "{error}");
    }
    assert_eq!(
        super::store::topics(&Store::connect(config).await.unwrap()).await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_truncates_without_a_writer_exactly_or_not_at_all() {
    let Some(mut config) = here() else { return };
    let opener = build(&config).await;
    let channel = name("cut");
    let wal = opener.open(&channel, Claim::TakeOver).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(append(&*wal, record(number, 1)).await.unwrap());
    }
    let beyond = crate::id::of(1_000_000);
    let error = opener.truncate(&channel, beyond).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    // Within the transaction that the writer has open.
    opener.truncate(&channel, ids[1]).await.unwrap();
    opener.truncate(&channel, ids[0]).await.unwrap();
    let bounds = Bounds::new(Some(ids[2]), Some(ids[3]));
    assert_eq!(opener.bounds(&channel).await.unwrap(), bounds);

    config.truncate = KafkaTruncate::Permission;
    let kept = build(&config).await;
    assert_eq!(kept.capability().truncation, Truncation::Permission);
    kept.truncate(&channel, ids[3]).await.unwrap();
    assert_eq!(
        kept.truncate(&channel, beyond).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(kept.bounds(&channel).await.unwrap(), bounds);
    wal.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_answers_closed() {
    let Some(config) = here() else { return };
    let opener = build(&config).await;
    let channel = name("a");
    opener
        .open(&channel, Claim::TakeOver)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    opener.close().await.unwrap();
    for error in [
        opener
            .open(&channel, Claim::TakeOver)
            .await
            .map(|_| ())
            .unwrap_err(),
        opener
            .open_read_only(&channel)
            .await
            .map(|_| ())
            .unwrap_err(),
        opener.bounds(&channel).await.map(|_| ()).unwrap_err(),
        opener.list().await.map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    }
}

#[test]
fn durability_follows_the_copies() {
    let mut config = KafkaConfig::default();
    let of = |config: &KafkaConfig, copies| capability(config, copies).durability;
    assert_eq!(of(&config, (1, 1)), Durability::OperatingSystem);
    assert_eq!(of(&config, (3, 1)), Durability::OperatingSystem);
    assert_eq!(of(&config, (3, 2)), Durability::Replicated);
    config.topic.insert("flush.messages".into(), "1".into());
    assert_eq!(of(&config, (1, 1)), Durability::Synced);
    assert_eq!(of(&config, (2, 2)), Durability::Replicated);
}
