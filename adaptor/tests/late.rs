//! A record of an older owner that lands between the new owner's look and its Barrier.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::{Rig, message, scan_all, texts};
use walx_adaptor::adapt_opener;
use walx_core::{
    BackendName, Bounds, Capability, ChannelName, Header, Kind, Lsn, Message, MessageId, Owner,
    Position, Record, Result, ScanOption, Seq, Term, Tick,
};
use walx_impls::{
    Appending, Batch, Claim, FenceToken, OpenerImpls, RoWalImpls, ScanOptions, ScannerImpls, Start,
    WalImpls,
};

/// A backend in which a record lands right before the next Barrier, and somebody truncates right behind that.
struct Late {
    inner: Arc<dyn OpenerImpls>,
    record: Arc<Mutex<Option<Record>>>,
    truncate: Arc<Mutex<Option<MessageId>>>,
}

struct LateWal {
    inner: Arc<dyn WalImpls>,
    record: Arc<Mutex<Option<Record>>>,
    truncate: Arc<Mutex<Option<MessageId>>>,
}

impl Late {
    fn new(inner: Arc<dyn OpenerImpls>, record: Record, truncate: Option<MessageId>) -> Self {
        Self {
            inner,
            record: Arc::new(Mutex::new(Some(record))),
            truncate: Arc::new(Mutex::new(truncate)),
        }
    }
}

#[async_trait]
impl OpenerImpls for Late {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        let inner = self.inner.open(channel, claim).await?;
        let record = Arc::clone(&self.record);
        let truncate = Arc::clone(&self.truncate);
        Ok(Arc::new(LateWal {
            inner,
            record,
            truncate,
        }))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        self.inner.open_read_only(channel).await
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.inner.truncate(channel, id).await
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.inner.bounds(channel).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.inner.list().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[async_trait]
impl RoWalImpls for LateWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let landed = self.record.lock().unwrap().is_none();
        let truncate = self.truncate.lock().unwrap().take_if(|_| landed);
        if let Some(id) = truncate {
            self.inner.truncate(id).await?;
        }
        self.inner.scan(start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.inner.bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[async_trait]
impl WalImpls for LateWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        if batch.as_slice()[0].header.kind == Kind::Barrier
            && let Some(late) = self.record.lock().unwrap().take()
        {
            // Nobody waits for it: its owner is gone.
            drop(self.inner.append(Batch::One(late)));
        }
        self.inner.append(batch)
    }

    fn fence_token(&self) -> FenceToken {
        self.inner.fence_token()
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        self.inner.truncate(id).await
    }
}

#[tokio::test]
async fn it_is_delivered_and_the_numbers_go_on_behind_it() {
    let rig = Rig::new();
    let old = rig.open().await;
    let last = old.append(message("0")).await.unwrap();
    drop(old);

    let tick = Tick::new(last.tick.get() + 1_000);
    let header = Header::new(Kind::Data, Owner::new(Term::FIRST), tick);
    let late = Record::data(
        header.numbered(Seq::new(1), Lsn::new(1)),
        Message::new("late"),
    );
    let late = Late::new(rig.store.opener(), late, None);
    let opener = adapt_opener(BackendName::constant("memory"), Arc::new(late));
    let new = opener
        .open(rig.option().with_take_over(true))
        .await
        .unwrap();
    let next = new.append(message("2")).await.unwrap();
    assert_eq!(next.lsn.get(), 2);
    assert!(next.tick > tick);
    let all = scan_all(new.as_ref(), ScanOption::earliest()).await;
    assert_eq!(texts(&all), ["0", "late", "2"]);
    // The Barrier's tick is smaller than that of the record before it.
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    for (from, expected) in [(tick, ["late", "2"]), (last.tick.next(), ["late", "2"])] {
        let all = scan_all(reader.as_ref(), ScanOption::new(Position::Tick(from))).await;
        assert_eq!(texts(&all), expected, "from {from}");
    }
}

#[tokio::test]
async fn a_truncation_up_to_what_landed_late_does_not_disturb_the_open() {
    let rig = Rig::new();
    let old = rig.open().await;
    let last = old.append(message("0")).await.unwrap();
    drop(old);
    let header = Header::new(Kind::Data, Owner::new(Term::FIRST), last.tick.next());
    let late = Record::data(
        header.numbered(Seq::new(1), Lsn::new(1)),
        Message::new("late"),
    );
    let late = Late::new(rig.store.opener(), late, Some(last.id));
    let opener = adapt_opener(BackendName::constant("memory"), Arc::new(late));
    let option = rig.option().with_take_over(true);
    let new = opener.open(option).await.unwrap();
    assert_eq!(new.append(message("2")).await.unwrap().lsn.get(), 2);
    let all = scan_all(new.as_ref(), ScanOption::earliest()).await;
    assert_eq!(texts(&all), ["late", "2"]);
}

/// The Barrier of an open that was overtaken on its way.
fn late_barrier(term: u64) -> (Rig, Arc<dyn walx_core::Opener>) {
    let rig = Rig::new();
    let header = Header::new(Kind::Barrier, Owner::new(Term::new(term)), Tick::new(7));
    let late = Late::new(rig.store.opener(), Record::marker(header), None);
    let opener = adapt_opener(BackendName::constant("memory"), Arc::new(late));
    (rig, opener)
}

#[tokio::test]
async fn behind_a_barrier_with_a_larger_term_that_came_late_the_owner_takes_a_larger_one() {
    for term in [1, 4] {
        let (rig, opener) = late_barrier(term);
        let wal = opener.open(rig.option()).await.unwrap();
        assert_eq!(wal.owner(), Owner::new(Term::new(term + 1)));
        wal.append(message("0")).await.unwrap();
        let all = scan_all(wal.as_ref(), ScanOption::earliest()).await;
        assert_eq!(texts(&all), ["0"], "and no gap");
        let progress = walx_core::Progress::default();
        let verified = rig.opener.verify(None, &progress).await.unwrap();
        assert!(verified.is_sound(), "{verified:?}");
    }
}

#[tokio::test]
async fn a_term_of_a_coordinator_that_is_not_larger_than_that_of_a_late_barrier_is_refused() {
    let (rig, opener) = late_barrier(4);
    let open = opener.open(rig.option().with_term(Term::new(4)));
    let error = open.await.err().unwrap();
    assert_eq!(error.kind(), walx_core::ErrorKind::Fenced, "{error}");
    let (rig, opener) = late_barrier(4);
    let open = opener.open(rig.option().with_term(Term::new(5)));
    assert_eq!(open.await.unwrap().owner(), Owner::new(Term::new(5)));
}
