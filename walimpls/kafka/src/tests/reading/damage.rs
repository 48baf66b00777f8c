//! Batches that are damaged, on a broker's disk or on the way: a line that changes payloads stands for both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use walx_impls::{Scanned, Start};
use walx_utility::clock;
use walx_utility::spawn::{self, Task};

use super::bed::{Bed, Line, PATIENCE, made};
use crate::record::{self, Stamp};
use crate::tests::at;
use crate::tests::line::Address;

const SOUND: &[u8] = b"payload 666";

/// Changes what the broker sends as the payload of record 666, so many times.
struct Tampering {
    bed: Bed,
    left: Arc<AtomicUsize>,
    _listening: Task<()>,
    _address: Address,
}

impl Tampering {
    async fn new() -> Option<Self> {
        let address = Address::take().await?;
        let listen = address.listen;
        let listener = address.start(|| TcpListener::bind(listen)).await;
        let left = Arc::<AtomicUsize>::default();
        let listening = accept(listener, address.broker, Arc::clone(&left));
        let listening = spawn::task(listening);
        let config = at(&listen.to_string());
        Some(Self {
            bed: Bed::of(config).await,
            left,
            _listening: listening,
            _address: address,
        })
    }

    /// A mark, and records with these numbers in batches of their own; the offset of the mark.
    fn write(&self, line: &Line, numbers: std::ops::Range<u64>) -> i64 {
        let writer = line.mark();
        for number in numbers {
            line.record(number, Stamp { writer, read: None });
            line.offsets();
        }
        writer
    }
}

async fn accept(listener: TcpListener, broker: SocketAddr, left: Arc<AtomicUsize>) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(broker).await.unwrap();
        // It ends with its sockets.
        spawn::task(forward(client, server, Arc::clone(&left))).detach();
    }
}

async fn forward(client: TcpStream, server: TcpStream, left: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let _up = spawn::task(async move { copy(&mut from_client, &mut to_server).await });
    let mut piece = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from_server.read(&mut piece).await {
        let piece = &mut piece[..read];
        let takes = |left: usize| left.checked_sub(1);
        let found = piece.windows(SOUND.len()).position(|it| it == SOUND);
        let (set, get) = (Ordering::SeqCst, Ordering::SeqCst);
        if let Some(found) = found
            && left.fetch_update(set, get, takes).is_ok()
        {
            piece[found] ^= 1;
        }
        if to_client.write_all(piece).await.is_err() {
            return;
        }
    }
}

/// What comes up to the record at an offset: offsets, and -1 for each damage.
async fn read(bed: &Bed, last: i64) -> Vec<i64> {
    let mut reader = bed.scan(Start::Earliest).await.unwrap();
    let mut read = Vec::new();
    loop {
        read.push(match reader.next().await.unwrap() {
            Scanned::Record(record) => crate::id::offset(record.id).unwrap(),
            Scanned::Damage(what) => {
                assert!(what.contains("CRC32C"), "{what}");
                -1
            }
            other => panic!("{other:?}"),
        });
        assert!(read.len() < 100, "the same again and again: {read:?}");
        if read.last() == Some(&last) {
            return read;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_batch_at_the_tail_is_told_once_and_passed_over() {
    let Some(tampering) = Tampering::new().await else {
        return;
    };
    let bed = &tampering.bed;
    let line = bed.line();
    let mark = tampering.write(&line, 664..666);
    // One batch, of which the first record is damaged.
    let slow = bed.slow_line();
    let batch = slow.records(666..696, mark);
    assert_eq!(batch, (mark + 3..mark + 33).collect::<Vec<_>>());
    let damaged = mark + 32;
    tampering.left.store(usize::MAX, Ordering::SeqCst);
    let mut reader = bed.scan(Start::Earliest).await.unwrap();
    assert_eq!(
        [reader.record().await, reader.record().await],
        [mark + 1, mark + 2]
    );
    let told = reader.next().await.unwrap();
    assert!(matches!(&told, Scanned::Damage(_)), "{told:?}");
    assert!(reader.is_silent().await, "it is told once");
    // Looks pass over it, too, and end.
    let newest = clock::timeout(PATIENCE, bed.bounds()).await.unwrap();
    assert_eq!(newest.newest, Some(crate::id::of(mark + 2)));
    line.records(696..698, mark);
    assert_eq!(
        [reader.record().await, reader.record().await],
        [damaged + 1, damaged + 2]
    );
    let all = read(bed, damaged + 2).await;
    assert_eq!(all, [mark + 1, mark + 2, -1, damaged + 1, damaged + 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_damaged_on_its_way_is_read_again() {
    let Some(tampering) = Tampering::new().await else {
        return;
    };
    let line = tampering.bed.line();
    let mark = tampering.write(&line, 664..669);
    tampering.left.store(1, Ordering::SeqCst);
    let all = read(&tampering.bed, mark + 5).await;
    assert_eq!(all, (mark + 1..=mark + 5).collect::<Vec<_>>());
    assert_eq!(tampering.left.load(Ordering::SeqCst), 0, "it was damaged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_batch_amid_an_answer_hides_nothing_that_lies_behind_it() {
    let Some(tampering) = Tampering::new().await else {
        return;
    };
    let bed = &tampering.bed;
    let line = bed.line();
    let writer = line.mark();
    let mut offsets = Vec::new();
    for number in 640..700 {
        let mut record = made(number);
        // What librdkafka would take for the beginning of a batch, were it believed.
        record.payload = format!("payload {number} {}", "x".repeat(1_000)).into();
        let stamp = Stamp { writer, read: None };
        let headers = record::headers(&record, stamp, &mut Vec::new());
        line.send(headers, &record.payload, 1);
        offsets.extend(line.offsets());
    }
    tampering.left.store(usize::MAX, Ordering::SeqCst);
    offsets[666 - 640] = -1;
    assert_eq!(read(bed, offsets[59]).await, offsets);
    let last = bed.offsets(Start::Last(50), offsets[59]).await;
    assert_eq!(last.len(), 50, "looks pass over it");
}
