//! What the backend has, record by record, and whether its transactions and numbers fit together.

use std::collections::{BTreeMap, HashMap};

use walx_core::{ChannelName, Kind, Lsn, Record, Seq};
use walx_impls::{ScanOptions, Scanned, Start};
use walx_memory::MemoryStore;

/// All records of a channel.
pub async fn records(store: &MemoryStore, channel: &ChannelName) -> Vec<Record> {
    let opener = store.opener();
    let wal = opener.open_read_only(channel).await.unwrap();
    let newest = wal.bounds().await.unwrap().newest;
    let mut scanner = wal
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    let mut records = Vec::new();
    while let Some(newest) = newest {
        let batch = std::future::poll_fn(|context| scanner.poll_batch(context))
            .await
            .unwrap();
        for item in batch {
            let Scanned::Record(it) = item else {
                panic!("{item:?}")
            };
            records.push(it.record);
            if it.id >= newest {
                return records;
            }
        }
    }
    records
}

/// The kinds of those with numbers.
pub fn kinds(records: &[Record]) -> Vec<Kind> {
    let numbered = records
        .iter()
        .map(|it| &it.header)
        .filter(|it| it.seq.is_some());
    numbered.map(|it| it.kind).collect()
}

/// Checks seqs, lsns, chunks, transactions and the oldest open one of each record. Gives the payloads of what counts:
/// plain messages, and transactions at their commits.
pub fn check(records: &[Record]) -> Vec<Vec<String>> {
    let mut delivered = Vec::new();
    let mut open: BTreeMap<Seq, Vec<String>> = BTreeMap::new();
    let mut bodies: HashMap<Seq, u32> = HashMap::new();
    let (mut seq, mut lsn) = (Seq::ZERO, Lsn::ZERO);
    let mut message = String::new();
    for Record {
        header, payload, ..
    } in records
    {
        if header.kind == Kind::Barrier {
            continue;
        }
        assert_eq!((header.seq, header.lsn), (Some(seq), Some(lsn)), "{header}");
        if header.kind != Kind::Data || header.chunk.is_none_or(|it| it.index == 0) {
            message.clear();
        }
        let id = header.transaction.map(|it| it.id.0);
        match (header.kind, id) {
            (Kind::Begin, Some(id)) => {
                assert_eq!(id, seq);
                open.insert(id, Vec::new());
                bodies.insert(id, 0);
            }
            (Kind::Data, id) => {
                message += &String::from_utf8_lossy(payload);
                if let Some(id) = id {
                    *bodies.get_mut(&id).expect("it is open") += 1;
                }
                if header.ends_message() {
                    let whole = std::mem::take(&mut message);
                    match id {
                        Some(id) => open.get_mut(&id).expect("it is open").push(whole),
                        None => delivered.push(vec![whole]),
                    }
                }
            }
            (Kind::Commit, Some(id)) => {
                assert_eq!(header.transaction.unwrap().count, bodies.remove(&id));
                delivered.push(open.remove(&id).expect("it is open"));
            }
            (Kind::Rollback, Some(id)) => {
                bodies.remove(&id);
                open.remove(&id).expect("it is open");
            }
            (Kind::Release | Kind::Checkpoint | Kind::Tick, None) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(header.oldest_open, open.keys().next().copied(), "{header}");
        (seq, lsn) = (seq.next(), header.next_lsn().unwrap());
    }
    delivered
}
