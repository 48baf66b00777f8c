//! Messages with keys: each is written once, and every append with its key gets the place of the first one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

#[path = "../common/mod.rs"]
mod common;
mod faults;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::raw::{check, kinds, records};
use common::{Rig, within};
use walx_adaptor::adapt_opener;
use walx_core::{
    Append, AppendContext, BackendName, Config, ErrorKind, Expected, IdempotencyOption,
    Interceptor, Kind, Lsn, Message, OpenOption, TransactionOption, VirtualChannel, Wal,
};
use walx_impls::OpenerBuilderImpls;
use walx_utility::clock;

const MIB: usize = 1 << 20;
const HOUR: Duration = Duration::from_secs(3_600);

fn option(rig: &Rig) -> OpenOption {
    rig.option()
        .with_idempotency(IdempotencyOption::new(MIB, HOUR))
}

async fn open(rig: &Rig) -> Arc<dyn Wal> {
    rig.opener.open(option(rig)).await.unwrap()
}

/// As another process that takes the channel over.
async fn open_anew(rig: &Rig) -> Arc<dyn Wal> {
    let option = option(rig).with_take_over(true);
    rig.other_opener().open(option).await.unwrap()
}

fn keyed(key: &'static str, payload: &'static str) -> Message {
    Message::new(payload).with_idempotency_key(key)
}

/// What counts in the log, in order.
async fn written(rig: &Rig) -> Vec<Vec<String>> {
    check(&records(&rig.store, &rig.channel).await)
}

async fn lsn(append: Append) -> u64 {
    within(append).await.unwrap().lsn.get()
}

async fn kind(append: Append) -> ErrorKind {
    within(append).await.unwrap_err().kind()
}

/// Whether it waits for its outcome.
fn waits(append: &mut Append) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(append).poll(&mut context).is_pending()
}

#[tokio::test]
async fn an_append_with_a_known_key_gets_the_place_of_the_first_one() {
    let rig = Rig::new();
    let wal = open(&rig).await;
    rig.faults().hold();
    let first = wal.append(keyed("k", "first"));
    let mut joined = wal.append(keyed("k", "again"));
    let other = wal.append(keyed("other", "other"));
    let in_stream =
        keyed("k", "in a stream").with_virtual_channel(VirtualChannel::new("v").unwrap());
    let in_stream = wal.append(in_stream);
    assert!(waits(&mut joined), "the first one is not durable yet");
    rig.faults().release_all();
    let place = within(first).await.unwrap();
    assert_eq!(within(joined).await.unwrap(), place);
    assert_eq!(within(wal.append(keyed("k", "late"))).await.unwrap(), place);
    assert_eq!([lsn(other).await, lsn(in_stream).await], [1, 2]);
    let in_time = wal.try_append(keyed("k", "tried")).unwrap();
    assert_eq!(within(in_time).await.unwrap(), place);
    let permit = wal.reserve(100).await.unwrap();
    assert_eq!(
        within(permit.append(keyed("k", "reserved"))).await.unwrap(),
        place
    );
    assert_eq!(written(&rig).await, [["first"], ["other"], ["in a stream"]]);
}

#[tokio::test]
async fn without_the_option_a_key_is_stored_and_nothing_more() {
    let rig = Rig::new();
    let wal = rig.open().await;
    assert_eq!(lsn(wal.append(keyed("k", "a"))).await, 0);
    assert_eq!(lsn(wal.append(keyed("k", "b"))).await, 1);
    assert_eq!(written(&rig).await, [["a"], ["b"]]);
}

#[tokio::test]
async fn of_a_batch_is_written_what_is_not_known() {
    let rig = Rig::new();
    let wal = open(&rig).await;
    let known = within(wal.append(keyed("known", "known"))).await.unwrap();
    rig.faults().hold();
    let on_its_way = wal.append(keyed("on its way", "on its way"));
    let batch = wal.append_batch(vec![
        keyed("a", "a"),
        keyed("known", "-"),
        keyed("a", "-"),
        Message::new("plain"),
        keyed("on its way", "-"),
        keyed("b", "b"),
    ]);
    let nothing_new = wal.append_batch(vec![keyed("b", "-"), keyed("known", "-")]);
    rig.faults().release_all();
    let places = within(batch).await.unwrap();
    let lsns: Vec<_> = places.iter().map(|it| it.lsn.get()).collect();
    assert_eq!(lsns, [2, 0, 2, 3, 1, 4]);
    assert_eq!(places[1], known);
    assert_eq!(places[4], within(on_its_way).await.unwrap());
    assert_eq!(within(nothing_new).await.unwrap(), [places[5], known]);
    let all_known = wal.append_batch(vec![keyed("a", "-"), keyed("b", "-")]);
    assert_eq!(within(all_known).await.unwrap(), [places[0], places[5]]);
    let expected = [["known"], ["on its way"], ["a"], ["plain"], ["b"]];
    assert_eq!(written(&rig).await, expected);
    // All room is given back.
    let room = rig.option().max_in_flight_bytes;
    drop(within(wal.reserve(room)).await.unwrap());
}

#[tokio::test]
async fn a_key_in_a_transaction_belongs_to_it_until_it_ends() {
    let rig = Rig::new();
    let wal = open(&rig).await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    let other = wal.begin(TransactionOption::new()).unwrap();
    let body = within(transaction.append(keyed("k", "body")))
        .await
        .unwrap();
    let again = transaction.append(keyed("k", "again"));
    assert_eq!(within(again).await.unwrap(), body);
    assert_eq!(kind(wal.append(keyed("k", "-"))).await, ErrorKind::Conflict);
    assert_eq!(
        kind(other.append(keyed("k", "-"))).await,
        ErrorKind::Conflict
    );
    let batch = wal.append_batch(vec![Message::new("not alone"), keyed("k", "-")]);
    let refused = within(batch).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("transaction"), "{refused}");

    // While the commit is on its way nobody knows whether it counts.
    rig.faults().hold();
    let commit = transaction.commit();
    let mut joined = wal.append(keyed("k", "-"));
    assert!(waits(&mut joined));
    rig.faults().release_all();
    within(commit).await.unwrap();
    assert_eq!(within(joined).await.unwrap(), body);
    assert_eq!(within(other.append(keyed("k", "-"))).await.unwrap(), body);
    within(other.commit()).await.unwrap();
    assert_eq!(written(&rig).await, [vec!["body"], vec![]]);
}

#[tokio::test]
async fn a_rollback_frees_the_keys_of_its_transaction() {
    let rig = Rig::new();
    let wal = open(&rig).await;
    let asked = wal.begin(TransactionOption::new()).unwrap();
    within(asked.append(keyed("a", "-"))).await.unwrap();
    drop(asked.rollback());
    assert_eq!(lsn(wal.append(keyed("a", "a"))).await, 1);
    let dropped = wal.begin(TransactionOption::new()).unwrap();
    within(dropped.append(keyed("b", "-"))).await.unwrap();
    drop(dropped);
    assert_eq!(lsn(wal.append(keyed("b", "b"))).await, 3);
    let excluded = wal.begin(TransactionOption::new()).unwrap();
    within(excluded.append(keyed("c", "-"))).await.unwrap();
    assert_eq!(lsn(wal.append(keyed("x", "x").exclusive())).await, 5);
    assert_eq!(lsn(wal.append(keyed("c", "c"))).await, 6);
    assert_eq!(written(&rig).await, [["a"], ["b"], ["x"], ["c"]]);
    // A known one ends nobody's transaction.
    let open = wal.begin(TransactionOption::new()).unwrap();
    assert_eq!(lsn(wal.append(keyed("x", "-").exclusive())).await, 5);
    within(open.commit()).await.unwrap();
}

#[tokio::test]
async fn a_known_key_is_told_whatever_else_is_expected() {
    let rig = Rig::new();
    let wal = open(&rig).await;
    let expected = Expected::new().with_lsn(Lsn::ZERO);
    assert_eq!(lsn(wal.append_if(keyed("k", "first"), expected)).await, 0);
    assert_eq!(lsn(wal.append_if(keyed("k", "-"), expected)).await, 0);
    assert_eq!(
        kind(wal.append_if(keyed("new", "-"), expected)).await,
        ErrorKind::Conflict
    );
    assert_eq!(lsn(wal.append(keyed("new", "new"))).await, 1);
}

#[tokio::test]
async fn a_new_owner_knows_the_keys_of_the_log_and_none_of_what_it_rolls_back() {
    let rig = Rig::new();
    let wal = open(&rig).await;
    assert_eq!(lsn(wal.append(keyed("plain", "plain"))).await, 0);
    let open_one = wal.begin(TransactionOption::new()).unwrap();
    within(open_one.append(keyed("open", "-"))).await.unwrap();
    let committed = wal.begin(TransactionOption::new()).unwrap();
    within(committed.append(keyed("committed", "committed")))
        .await
        .unwrap();
    within(committed.commit()).await.unwrap();

    let wal = open_anew(&rig).await;
    assert_eq!(lsn(wal.append(keyed("plain", "-"))).await, 0);
    assert_eq!(lsn(wal.append(keyed("committed", "-"))).await, 2);
    assert_eq!(lsn(wal.append(keyed("open", "anew"))).await, 3);
    let expected = [["plain"], ["committed"], ["anew"]];
    assert_eq!(written(&rig).await, expected);
    drop(open_one);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_forgotten_behind_so_many_bytes_or_after_so_long() {
    let rig = Rig::new();
    let window = IdempotencyOption::new(10_000, Duration::from_secs(60));
    let source = Arc::new(PausedClock(clock::now()));
    let option = rig
        .option()
        .with_idempotency(window)
        .with_tick_source(source.clone());
    let wal = rig.opener.open(option).await.unwrap();
    let first = lsn(wal.append(keyed("k", "a"))).await;
    assert_eq!(lsn(wal.append(keyed("k", "-"))).await, first);
    within(wal.append(Message::new(vec![0; 9_000])))
        .await
        .unwrap();
    assert_eq!(lsn(wal.append(keyed("k", "-"))).await, first);
    within(wal.append(Message::new(vec![0; 1_000])))
        .await
        .unwrap();
    let second = lsn(wal.append(keyed("k", "b"))).await;
    assert_eq!(second, 3);
    clock::sleep(Duration::from_secs(59)).await;
    assert_eq!(lsn(wal.append(keyed("k", "-"))).await, second);
    clock::sleep(Duration::from_secs(2)).await;
    assert_eq!(lsn(wal.append(keyed("k", "c"))).await, 4);
    // The next owner has the same window.
    let option = rig.option().with_idempotency(window).with_take_over(true);
    let wal = rig
        .other_opener()
        .open(option.with_tick_source(source))
        .await
        .unwrap();
    assert_eq!(lsn(wal.append(keyed("k", "-"))).await, 4);
}

/// Ticks from the paused clock.
struct PausedClock(clock::Instant);

impl walx_core::TickSource for PausedClock {
    fn now(&self) -> walx_core::Tick {
        let elapsed = u64::try_from(self.0.elapsed().as_millis()).unwrap();
        walx_core::Tick::from_unix_ms(1_700_000_000_000 + elapsed)
    }
}

#[tokio::test]
async fn a_message_in_chunks_has_one_key_and_the_place_of_its_last_chunk() {
    let rig = Rig::new();
    let config = Config::new().with("max_record", "1000");
    let opener = rig.store.builder().build(config).await.unwrap();
    let opener = adapt_opener(BackendName::constant("memory"), opener);
    let option = option(&rig).with_max_chunked_bytes(10_000);
    let wal = opener.open(option.clone()).await.unwrap();
    let large = || Message::new(vec![b'x'; 5_000]).with_idempotency_key("large");
    rig.faults().hold();
    let first = wal.append(large());
    let joined = wal.append(large());
    let batch = wal.append_batch(vec![large(), keyed("small", "small"), large()]);
    rig.faults().release_all();
    let place = within(first).await.unwrap();
    assert_eq!(within(joined).await.unwrap(), place);
    let places = within(batch).await.unwrap();
    assert_eq!([places[0], places[2]], [place, place]);
    assert_eq!(places[1].lsn, place.lsn.next());
    let records = records(&rig.store, &rig.channel).await;
    let data = kinds(&records).into_iter().filter(|it| *it == Kind::Data);
    assert!(data.count() > 6);
    assert_eq!(check(&records).len(), 2);
    let wal = opener.open(option.with_take_over(true)).await.unwrap();
    assert_eq!(within(wal.append(large())).await.unwrap(), place);
}

#[tokio::test]
async fn an_open_reads_keys_from_the_last_checkpoint_on() {
    let rig = Rig::new();
    let window = IdempotencyOption::new(64 * MIB, HOUR);
    let option = rig.option().with_idempotency(window);
    let wal = rig.opener.open(option.clone()).await.unwrap();
    let old = lsn(wal.append(keyed("old", "old"))).await;
    for _ in 0..40 {
        within(wal.append(Message::new(vec![0; MIB])))
            .await
            .unwrap();
    }
    let new = lsn(wal.append(keyed("new", "new"))).await;
    let log = records(&rig.store, &rig.channel).await;
    assert_eq!(
        kinds(&log)
            .iter()
            .filter(|it| **it == Kind::Checkpoint)
            .count(),
        2
    );
    let wal = rig
        .other_opener()
        .open(option.with_take_over(true))
        .await
        .unwrap();
    assert_eq!(lsn(wal.append(keyed("old", "-"))).await, old);
    assert_eq!(lsn(wal.append(keyed("new", "-"))).await, new);
}

/// Counts what it sees of appends.
#[derive(Default)]
struct Pairs {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Interceptor for Pairs {
    fn name(&self) -> &'static str {
        "pairs"
    }

    fn before(&self, _: &AppendContext<'_>, _: &mut Message) -> walx_core::Result<()> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn after(&self, _: &AppendContext<'_>, _: &walx_core::Result<walx_core::Place>) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn hooks_see_the_end_of_each_append_also_of_those_that_are_not_written() {
    let rig = Rig::new();
    let pairs = Arc::new(Pairs::default());
    let wal = rig
        .opener
        .open(option(&rig).with_interceptor(pairs.clone()))
        .await
        .unwrap();
    let first = wal.append(keyed("a", "a"));
    let joined = wal.append(keyed("a", "-"));
    let batch = vec![
        keyed("a", "-"),
        keyed("b", "b"),
        keyed("b", "-"),
        keyed("b", "-"),
    ];
    let batch = wal.append_batch(batch);
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    let body = transaction.append(keyed("c", "c"));
    let conflict = wal.append(keyed("c", "-"));
    lsn(first).await;
    lsn(joined).await;
    within(batch).await.unwrap();
    lsn(body).await;
    assert_eq!(kind(conflict).await, ErrorKind::Conflict);
    lsn(wal.append(keyed("b", "-"))).await;
    within(wal.close()).await.unwrap();
    assert_eq!(pairs.begun.load(Ordering::Relaxed), 9);
    assert_eq!(pairs.ended.load(Ordering::Relaxed), 9);
}
