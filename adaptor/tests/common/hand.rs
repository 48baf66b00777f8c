//! Logs that are written record by record, as owners write them.

use std::collections::BTreeMap;
use std::sync::Arc;

use walx_core::{
    Chunk, End, Entry, Flags, Gap, Header, Kind, Lsn, MarkerKind, Message, MessageId, Owner,
    Record, RoWal, ScanOption, Seq, Term, Tick, TransactionContext, TransactionId, VirtualChannel,
};
use walx_impls::{Batch, Claim, OpenerImpls, WalImpls};

use super::{Rig, scan_all, within};

/// The first tick's millisecond.
pub const FIRST_MS: u64 = 1_000;

/// What an owner knows, and what it has written.
pub struct Hand {
    pub records: Vec<Record>,
    pub seq: u64,
    pub lsn: u64,
    pub owner: Owner,
    /// The open transactions: stream, and count of records.
    pub open: BTreeMap<u64, (Option<VirtualChannel>, u32)>,
}

/// A virtual channel.
pub fn stream(name: &str) -> Option<VirtualChannel> {
    Some(VirtualChannel::new(name).unwrap())
}

/// An owner's handle at the backend, which keeps its opener.
pub struct Writer {
    pub wal: Arc<dyn WalImpls>,
    _opener: Arc<dyn OpenerImpls>,
}

/// Opens the backend.
pub async fn writer(rig: &Rig) -> Writer {
    let opener = rig.store.opener();
    Writer {
        wal: opener.open(&rig.channel, Claim::TakeOver).await.unwrap(),
        _opener: opener,
    }
}

impl Writer {
    /// Writes records, and notes their ids.
    pub async fn append_records(&self, records: &[Record], ids: &mut Vec<MessageId>) {
        let written = self.wal.append(Batch::Many(records.to_vec())).await;
        ids.extend(written.unwrap().as_slice());
    }
}

impl Hand {
    pub fn new() -> Self {
        let mut this = Self {
            records: Vec::new(),
            seq: 0,
            lsn: 0,
            owner: Owner::new(Term::FIRST),
            open: BTreeMap::new(),
        };
        this.barrier(Term::FIRST, 0);
        this
    }

    fn header(&self, kind: Kind) -> Header {
        let tick = Tick::from_unix_ms(FIRST_MS + self.records.len() as u64);
        Header::new(kind, self.owner, tick)
    }

    /// Writes a numbered record.
    fn write(&mut self, mut header: Header, message: Message) {
        header = header.numbered(Seq::new(self.seq), Lsn::new(self.lsn));
        header.oldest_open = self.open.keys().next().map(|seq| Seq::new(*seq));
        self.seq += 1;
        self.lsn = header.next_lsn().unwrap().get();
        self.records.push(Record::data(header, message));
    }

    pub fn barrier(&mut self, term: Term, incarnation: u32) {
        self.owner = Owner { term, incarnation };
        self.records
            .push(Record::marker(self.header(Kind::Barrier)));
    }

    /// A message outside of transactions.
    pub fn plain(&mut self, text: &str, stream: Option<VirtualChannel>) {
        self.chunks(None, text, stream, 1, 1);
    }

    pub fn begin(&mut self, stream: Option<VirtualChannel>) -> u64 {
        let id = self.seq;
        self.open.insert(id, (stream.clone(), 0));
        let mut header = self.header(Kind::Begin);
        header.transaction = Some(context(id, None, Some(1_000)));
        let mut message = Message::default();
        message.virtual_channel = stream;
        self.write(header, message);
        id
    }

    /// A message of a transaction.
    pub fn body(&mut self, id: u64, text: &str) {
        let stream = self.open[&id].0.clone();
        self.chunks(Some(id), text, stream, 1, 1);
    }

    /// A message in so many chunks, of which so many are written.
    pub fn chunks(
        &mut self,
        id: Option<u64>,
        text: &str,
        stream: Option<VirtualChannel>,
        total: u32,
        written: u32,
    ) {
        for index in 0..written {
            self.chunk(id, text, stream.clone(), Chunk { index, total });
        }
    }

    /// One chunk of a message; a message of one chunk is a message.
    pub fn chunk(
        &mut self,
        id: Option<u64>,
        text: &str,
        stream: Option<VirtualChannel>,
        chunk: Chunk,
    ) {
        let mut header = self.header(Kind::Data);
        header.transaction = id.map(|id| context(id, None, None));
        header.chunk = (chunk.total > 1).then_some(chunk);
        if let Some(open) = id.and_then(|id| self.open.get_mut(&id)) {
            open.1 += 1;
        }
        let (total, index) = (chunk.total as usize, chunk.index as usize);
        let (from, to) = (text.len() * index / total, text.len() * (index + 1) / total);
        let mut message = Message::new(text[from..to].to_owned());
        if index == 0 {
            message = message.with_property("text", text.to_owned());
        }
        message.virtual_channel = stream;
        self.write(header, message);
    }

    pub fn commit(&mut self, id: u64) {
        let count = self.open[&id].1;
        self.commit_with(id, count);
    }

    pub fn commit_with(&mut self, id: u64, count: u32) {
        self.end(Kind::Commit, id, Some(count));
    }

    pub fn rollback(&mut self, id: u64) {
        self.end(Kind::Rollback, id, None);
    }

    fn end(&mut self, kind: Kind, id: u64, count: Option<u32>) {
        let (stream, _) = self.open.remove(&id).unwrap();
        let mut header = self.header(kind);
        header.transaction = Some(context(id, count, None));
        if kind == Kind::Rollback && id.is_multiple_of(2) {
            header.flags = Flags::EXPIRED;
        }
        let mut message = Message::default();
        message.virtual_channel = stream;
        let flags = header.flags;
        self.write(header, message);
        self.records.last_mut().unwrap().header.flags = flags;
    }

    pub fn tick(&mut self, stream: Option<VirtualChannel>) {
        let mut message = Message::default();
        message.virtual_channel = stream;
        self.write(self.header(Kind::Tick), message);
    }

    pub fn checkpoint(&mut self) {
        self.write(self.header(Kind::Checkpoint), Message::default());
    }

    /// Another owner comes, and gives up what it finds open.
    pub fn take_over(&mut self) {
        self.barrier(Term::new(self.owner.term.get() + 1), 0);
        while let Some(id) = self.open.keys().next().copied() {
            self.rollback(id);
        }
    }

    /// Writes the records from this one on into the backend.
    pub async fn append(&self, writer: &Writer, from: usize) -> Vec<MessageId> {
        let mut ids = Vec::new();
        writer.append_records(&self.records[from..], &mut ids).await;
        ids
    }
}

fn context(id: u64, count: Option<u32>, keepalive_ms: Option<u64>) -> TransactionContext {
    TransactionContext {
        id: TransactionId(Seq::new(id)),
        count,
        keepalive_ms,
    }
}

/// What a scan delivered, in words.
pub fn shown(entry: &Entry) -> String {
    let text = |placed: &walx_core::PlacedMessage| {
        let text = String::from_utf8(placed.message.payload.to_vec()).unwrap();
        let property = placed.message.property("text").unwrap();
        assert_eq!(text.as_bytes(), property, "as it was handed in");
        text
    };
    match entry {
        Entry::Message(placed) => match placed.transaction {
            Some(id) => format!("{} in {}", text(placed), id.0),
            None => text(placed),
        },
        Entry::Transaction(transaction) => {
            let bodies = transaction.messages().map(|body| {
                let body = body.unwrap();
                assert_eq!(body.transaction, Some(transaction.id));
                assert_eq!(body.message.virtual_channel, transaction.virtual_channel);
                text(&body)
            });
            let bodies: Vec<_> = bodies.collect();
            assert_eq!(bodies.len(), transaction.count());
            format!("{} [{}]", transaction.id.0, bodies.join(" "))
        }
        Entry::Marker(marker) => {
            let kind = match marker.kind {
                MarkerKind::Begin => "begin".to_owned(),
                MarkerKind::Commit { count } => format!("commit of {count}"),
                MarkerKind::Rollback { expired: true } => "expired".to_owned(),
                MarkerKind::Rollback { expired: false } => "rollback".to_owned(),
                MarkerKind::Tick => return "tick".to_owned(),
                other => panic!("{other:?}"),
            };
            format!("{kind} {}", marker.transaction.unwrap().0)
        }
        Entry::Gap(gap) => format!("gap: {gap}"),
        other => panic!("{other:?}"),
    }
}

/// What a scan delivered, in words.
pub fn all_shown(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(shown).collect()
}

/// A log in its store.
pub struct Stored {
    pub rig: Rig,
    pub writer: Writer,
    pub ids: Vec<MessageId>,
    pub reader: Arc<dyn RoWal>,
}

/// Writes a log into a store of its own.
pub async fn stored(hand: &Hand) -> Stored {
    let rig = Rig::new();
    let writer = writer(&rig).await;
    let ids = hand.append(&writer, 0).await;
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    Stored {
        rig,
        writer,
        ids,
        reader,
    }
}

impl Stored {
    /// What a scan up to the tail delivers, in words.
    pub async fn shown(&self, option: ScanOption) -> Vec<String> {
        all_shown(&scan_all(self.reader.as_ref(), option).await)
    }

    /// The only entry that is a gap.
    pub async fn gap(&self, option: ScanOption) -> Gap {
        let entries = scan_all(self.reader.as_ref(), option).await;
        let mut gaps = entries.into_iter().filter_map(|entry| match entry {
            Entry::Gap(gap) => Some(gap),
            _ => None,
        });
        let gap = gaps.next().unwrap();
        assert_eq!(gaps.next(), None);
        gap
    }

    /// What a scan up to the tail ends with.
    pub async fn error(&self, option: ScanOption) -> walx_core::Error {
        let mut scanner = self.reader.scan(option.until(End::Tail)).await.unwrap();
        loop {
            match within(scanner.next_batch(10)).await {
                Ok(batch) => assert!(!batch.is_empty(), "the scan ended well"),
                Err(error) => return error,
            }
        }
    }
}
