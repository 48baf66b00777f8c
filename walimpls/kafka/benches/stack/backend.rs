//! The side of the backend alone: its four traits, without what the adaptor does above them.

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::Arc;

use walx_core::{Bytes, ChannelName, Config, Header, Kind, Lsn, Owner, Record, Seq, Term, Tick};
use walx_impls::{
    Appending, Batch, Claim, OpenerBuilderImpls, OpenerImpls, ScanOptions, Scanned, Start, WalImpls,
};
use walx_kafka::KafkaBuilder;

use crate::{Figure, awaited, measured, payload, pipelined};

/// As much as walx reads ahead.
const READ_AHEAD: usize = 4 << 20;

pub(crate) struct Side {
    /// Its end would end the wal.
    opener: Arc<dyn OpenerImpls>,
    wal: Arc<dyn WalImpls>,
}

impl Side {
    pub(crate) async fn open(brokers: &str, name: &str) -> Self {
        let opener = opener(brokers).await;
        let wal = opener.open(&channel(name), Claim::TakeOver).await;
        let wal = wal.expect("a wal");
        // The first append of a transaction waits for the broker's book of transactions.
        let first = wal.append(record(0, Bytes::from_static(b"first")));
        first.await.expect("an append");
        Self { opener, wal }
    }

    pub(crate) async fn append(&self, records: usize, bytes: usize) -> Figure {
        pipelined(records, self.call(bytes)).await
    }

    pub(crate) async fn latency(&self, records: usize, bytes: usize) -> Figure {
        awaited(records, self.call(bytes)).await
    }

    fn call(&self, bytes: usize) -> impl FnMut(u64) -> Appending + Send + 'static {
        let (wal, payload) = (Arc::clone(&self.wal), Bytes::from(payload(bytes)));
        move |number| wal.append(record(number, payload.clone()))
    }

    pub(crate) async fn close(self) {
        self.wal.close().await.expect("a close");
        drop(self.opener);
    }
}

/// Reads so many records and more from the beginning.
pub(crate) async fn scan(brokers: &str, name: &str, records: usize) -> Figure {
    let opener = opener(brokers).await;
    let reader = opener.open_read_only(&channel(name)).await;
    let reader = reader.expect("a reader");
    measured(records, async {
        let options = ScanOptions::new(READ_AHEAD);
        let scanner = reader.scan(Start::Earliest, options).await;
        let mut scanner = scanner.expect("a scanner");
        let mut seen = 0;
        while seen < records + 1 {
            let batch = poll_fn(|context| scanner.poll_batch(context)).await;
            for item in batch.expect("records") {
                let Scanned::Record(record) = item else {
                    panic!("{item:?}");
                };
                black_box(record.record.payload.len());
                seen += 1;
            }
        }
    })
    .await
}

async fn opener(brokers: &str) -> Arc<dyn OpenerImpls> {
    let config = Config::new().with("location", format!("{brokers}/"));
    KafkaBuilder.build(config).await.expect("a store")
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("a name")
}

fn record(number: u64, payload: Bytes) -> Batch<Record> {
    let tick = Tick::from_unix_ms(1_800_000_000_000 + number / 1_000);
    let header = Header::new(Kind::Data, Owner::new(Term::FIRST), tick);
    let header = header.numbered(Seq::new(number), Lsn::new(number));
    Batch::One(Record {
        payload,
        ..Record::marker(header)
    })
}
