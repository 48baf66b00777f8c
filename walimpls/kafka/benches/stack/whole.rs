//! The side of walx: the adaptor over the Kafka backend, with its defaults.

use std::sync::Arc;

use walx_core::{Append, Bytes, Config, End, Message, OpenOption, Opener, ScanOption, Wal};
use walx_kafka::KafkaBuilder;

use crate::{Figure, awaited, measured, payload, pipelined};

pub(crate) struct Side {
    store: Arc<dyn Opener>,
    wal: Arc<dyn Wal>,
}

impl Side {
    pub(crate) async fn open(brokers: &str, name: &str) -> Self {
        let store = store(brokers).await;
        let option = OpenOption::try_from(name).expect("a name");
        let wal = store.open(option).await.expect("a wal");
        // The first append of a transaction waits for the broker's book of transactions.
        wal.append(Message::new("first")).await.expect("an append");
        Self { store, wal }
    }

    pub(crate) async fn append(&self, records: usize, bytes: usize) -> Figure {
        pipelined(records, self.call(bytes)).await
    }

    pub(crate) async fn latency(&self, records: usize, bytes: usize) -> Figure {
        awaited(records, self.call(bytes)).await
    }

    fn call(&self, bytes: usize) -> impl FnMut(u64) -> Append + Send + 'static {
        let (wal, payload) = (Arc::clone(&self.wal), Bytes::from(payload(bytes)));
        move |_| wal.append(Message::new(payload.clone()))
    }

    pub(crate) async fn close(self) {
        self.wal.close().await.expect("a close");
        self.store.close().await.expect("a close");
    }
}

/// Reads so many messages and more from the beginning to the tail.
pub(crate) async fn scan(brokers: &str, name: &str, records: usize) -> Figure {
    let store = store(brokers).await;
    let option = OpenOption::try_from(name).expect("a name");
    let reader = store.open_read_only(option).await.expect("a reader");
    let option = ScanOption::earliest().until(End::Tail);
    let figure = measured(records, async {
        let mut scanner = reader.scan(option).await.expect("a scanner");
        let mut seen = 0;
        loop {
            let batch = scanner.next_batch(1024).await.expect("entries");
            if batch.is_empty() {
                break;
            }
            seen += batch.len();
        }
        assert_eq!(seen, records + 1);
    })
    .await;
    reader.close().await.expect("a close");
    store.close().await.expect("a close");
    figure
}

async fn store(brokers: &str) -> Arc<dyn Opener> {
    let config = Config::new().with("location", format!("{brokers}/"));
    let builder = walx_adaptor::adapt(Arc::new(KafkaBuilder));
    builder.build(config).await.expect("a store")
}
