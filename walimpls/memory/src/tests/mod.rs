mod apart;
mod faults;
mod foreign;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use walx_core::{
    Bounds, ChannelName, Config, Error, ErrorKind, Header, Kind, Lsn, MessageId, Owner, Record,
    Seq, Term, Tick,
};
use walx_helper::uri;
use walx_impls::{
    Batch, Claim, Mark, OpenerBuilderImpls, OpenerImpls, ScanOptions, Scanned, ScannerImpls, Start,
    WalImpls,
};
use walx_utility::clock;

use super::*;

fn channel() -> ChannelName {
    ChannelName::new("orders").unwrap()
}

fn record(number: u64) -> Record {
    let header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::new(10 * number));
    let mut record = Record::marker(header.numbered(Seq::new(number), Lsn::new(number)));
    record.payload = number.to_string().into();
    record
}

struct Bed {
    store: MemoryStore,
    opener: Arc<dyn OpenerImpls>,
    wal: Arc<dyn WalImpls>,
}

impl Bed {
    async fn new() -> Self {
        let store = MemoryStore::new();
        let opener = store.opener();
        let wal = opener.open(&channel(), Claim::TakeOver).await.unwrap();
        Self { store, opener, wal }
    }

    fn faults(&self) -> Faults {
        self.store.faults(&channel())
    }

    async fn append(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.wal.append(Batch::One(record(number))).await.unwrap();
        }
    }

    async fn reopen(&mut self) {
        self.wal = self.opener.open(&channel(), Claim::TakeOver).await.unwrap();
    }

    async fn scan(&self, start: Start) -> Result<Box<dyn ScannerImpls>, Error> {
        self.wal.scan(start, ScanOptions::default()).await
    }

    /// The payloads that a new scanner sees before it would have to wait.
    async fn seen(&self, start: Start) -> Vec<String> {
        let mut scanner = self.scan(start).await.unwrap();
        let mut seen = Vec::new();
        while let Some(batch) = next(&mut *scanner).now_or_never() {
            seen.extend(payloads(batch.unwrap()));
        }
        seen
    }
}

async fn next(scanner: &mut dyn ScannerImpls) -> Result<Vec<Scanned>, Error> {
    std::future::poll_fn(|context| scanner.poll_batch(context)).await
}

fn payloads(batch: Vec<Scanned>) -> Vec<String> {
    let record = |scanned| match scanned {
        Scanned::Record(stored) => String::from_utf8(stored.record.payload.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    batch.into_iter().map(record).collect()
}

fn at(number: u64) -> MessageId {
    MessageId::from_u64(NAME, number)
}

#[tokio::test]
async fn a_start_is_found_by_id_count_lsn_and_tick() {
    let bed = Bed::new().await;
    bed.wal
        .append(Batch::One(Record::marker(Header::new(
            Kind::Barrier,
            Owner::new(Term::FIRST),
            Tick::ZERO,
        ))))
        .await
        .unwrap();
    bed.append(0..5).await;
    for (start, first) in [
        (Start::At(at(3)), Some("2")),
        (Start::After(at(3)), Some("3")),
        (Start::After(at(5)), None),
        (Start::Last(2), Some("3")),
        (Start::Last(0), None),
        (Start::Near(Mark::Lsn(Lsn::new(3))), Some("3")),
        (Start::Near(Mark::Lsn(Lsn::new(9))), None),
        (Start::Near(Mark::Tick(Tick::new(21))), Some("3")),
        (Start::Near(Mark::Tick(Tick::new(20))), Some("2")),
    ] {
        assert_eq!(
            bed.seen(start).await.first().map(String::as_str),
            first,
            "{start:?}"
        );
    }
    for start in [
        Start::At(at(6)),
        Start::After(at(6)),
        Start::At(MessageId::from_u64(
            walx_core::BackendName::constant("file"),
            0,
        )),
    ] {
        assert_eq!(
            bed.scan(start).await.err().unwrap().kind(),
            ErrorKind::InvalidInput,
            "{start:?}"
        );
    }
}

#[tokio::test]
async fn a_scan_takes_many_records_but_no_more_bytes_than_asked_for() {
    let bed = Bed::new().await;
    bed.append(0..1000).await;
    let mut scanner = bed.scan(Start::Earliest).await.unwrap();
    assert_eq!(next(&mut *scanner).await.unwrap().len(), 512);
    assert_eq!(next(&mut *scanner).await.unwrap().len(), 488);
    let mut scanner = bed
        .wal
        .scan(Start::Earliest, ScanOptions::new(3))
        .await
        .unwrap();
    assert_eq!(
        payloads(next(&mut *scanner).await.unwrap()),
        ["0", "1", "2"]
    );
    let mut scanner = bed
        .wal
        .scan(Start::Earliest, ScanOptions::new(0))
        .await
        .unwrap();
    assert_eq!(payloads(next(&mut *scanner).await.unwrap()), ["0"]);
}

#[tokio::test]
async fn truncation_moves_the_bounds_and_ends_scanners_that_are_behind() {
    let bed = Bed::new().await;
    bed.append(0..5).await;
    let mut behind = bed.scan(Start::At(at(1))).await.unwrap();
    bed.wal.truncate(at(2)).await.unwrap();
    bed.wal.truncate(at(0)).await.unwrap();
    assert_eq!(
        bed.wal.bounds().await.unwrap(),
        Bounds::new(Some(at(3)), Some(at(4)))
    );
    let lost = ErrorKind::PositionLost {
        earliest: Some(at(3)),
    };
    assert_eq!(next(&mut *behind).await.unwrap_err().kind(), lost);
    assert_eq!(
        bed.scan(Start::After(at(1))).await.err().unwrap().kind(),
        lost
    );
    assert_eq!(bed.seen(Start::After(at(2))).await, ["3", "4"]);
    assert_eq!(
        bed.wal.truncate(at(5)).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    bed.opener.truncate(&channel(), at(4)).await.unwrap();
    assert_eq!(
        bed.wal.bounds().await.unwrap(),
        Bounds::new(None, Some(at(4)))
    );
    bed.append(5..6).await;
    assert_eq!(bed.seen(Start::Earliest).await, ["5"]);
}

#[tokio::test]
async fn an_older_writer_is_powerless_and_its_token_is_worthless() {
    let mut bed = Bed::new().await;
    bed.append(0..1).await;
    let old = Arc::clone(&bed.wal);
    bed.reopen().await;
    for result in [
        old.append(Batch::One(record(1))).await.map(drop),
        old.truncate(at(0)).await,
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Fenced);
    }
    let stale = bed
        .opener
        .open(&channel(), Claim::Resume(old.fence_token()))
        .await;
    assert_eq!(stale.err().unwrap().kind(), ErrorKind::Fenced);
    bed.append(1..2).await;
    bed.wal = bed
        .opener
        .open(&channel(), Claim::Resume(bed.wal.fence_token()))
        .await
        .unwrap();
    bed.append(2..3).await;
    assert_eq!(bed.seen(Start::Earliest).await, ["0", "1", "2"]);
}

#[tokio::test]
async fn readers_create_nothing_and_end_with_their_handle_or_store() {
    let bed = Bed::new().await;
    let missing = ChannelName::new("missing").unwrap();
    assert_eq!(
        bed.opener
            .open_read_only(&missing)
            .await
            .err()
            .unwrap()
            .kind(),
        ErrorKind::NotFound
    );
    bed.store.faults(&missing).fence();
    assert_eq!(
        bed.opener.bounds(&missing).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(bed.opener.list().await.unwrap(), [channel()]);

    let reader = bed.opener.open_read_only(&channel()).await.unwrap();
    let mut of_reader = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    let mut of_writer = bed.scan(Start::Earliest).await.unwrap();
    let mut waits = Box::pin(async move { next(&mut *of_reader).await });
    assert!((&mut waits).now_or_never().is_none());
    drop(reader);
    assert_eq!(waits.await.unwrap_err().kind(), ErrorKind::Closed);
    let mut waits = Box::pin(async move { next(&mut *of_writer).await });
    assert!((&mut waits).now_or_never().is_none());
    drop(bed.opener);
    assert_eq!(waits.await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        bed.wal
            .append(Batch::One(record(0)))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Closed
    );
}

#[tokio::test]
async fn openers_share_a_store_by_name_while_one_of_them_lives() {
    let build = async |text: &str| {
        MemoryBuilder::new()
            .build(uri::parse(text).unwrap().config)
            .await
            .unwrap()
    };
    let first = build("memory:shared-by-name").await;
    first.open(&channel(), Claim::TakeOver).await.unwrap();
    let second = build("memory:?name=shared-by-name").await;
    assert_eq!(second.list().await.unwrap(), [channel()]);
    assert_eq!(build("memory:").await.list().await.unwrap(), []);
    drop((first, second));
    assert_eq!(
        build("memory:shared-by-name").await.list().await.unwrap(),
        []
    );
}

#[tokio::test]
async fn a_wrong_key_and_a_name_for_a_bound_builder_are_refused() {
    let error = MemoryBuilder::new()
        .build(Config::new().with("max-record", "1MiB"))
        .await
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("no key 'max-record'; it knows location, name, max_record"),
        "{error}"
    );
    let error = MemoryStore::new()
        .builder()
        .build(Config::new().with("name", "x"))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_record_above_the_limit_is_refused_and_ends_the_handle() {
    let store = MemoryStore::new();
    let opener = store
        .builder()
        .build(Config::new().with("max_record", "4"))
        .await
        .unwrap();
    let wal = opener.open(&channel(), Claim::TakeOver).await.unwrap();
    wal.append(Batch::One(record(1234))).await.unwrap();
    let batch = Batch::Many(vec![record(1), record(12345)]);
    assert_eq!(
        wal.append(batch).await.unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    assert_eq!(
        wal.append(Batch::One(record(1))).await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    assert_eq!(
        wal.bounds().await.unwrap(),
        Bounds::new(Some(at(0)), Some(at(0)))
    );
}

#[tokio::test]
async fn openers_of_one_store_name_the_same_storage_and_those_of_two_don_t() {
    let [one, other] = [MemoryStore::new(), MemoryStore::new()];
    assert!(one.opener().identity().is_some());
    assert_eq!(one.opener().identity(), one.clone().opener().identity());
    assert_ne!(one.opener().identity(), other.opener().identity());
}
