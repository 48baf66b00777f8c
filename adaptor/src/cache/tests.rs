use std::future::poll_fn;
use std::time::Duration;

use walx_core::{BackendName, ChannelName, Header, Kind, Message, Owner, Record, Term};
use walx_utility::clock;

use super::*;
use std::task::{Context, Poll};

fn records(seqs: std::ops::Range<u64>) -> Vec<StoredRecord> {
    seqs.map(|n| {
        let header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::new(10 * n))
            .numbered(Seq::new(n), Lsn::new(n));
        let id = MessageId::from_u64(BackendName::constant("memory"), n);
        StoredRecord {
            id,
            record: Record::data(header, Message::new(vec![0; 100])),
        }
    })
    .collect()
}

fn cache(capacity_bytes: usize, keep: Duration) -> Arc<Cache> {
    let tail = Tail::new(Lsn::ZERO, None, Tick::ZERO);
    let channel = ChannelInfo::read_only(ChannelName::new("orders").unwrap());
    Cache::new(
        &channel,
        CacheOption::new(capacity_bytes, keep),
        Limits::new(),
        Some(Seq::ZERO),
        tail,
    )
}

const LONG: Duration = Duration::from_secs(1000);

#[test]
fn the_oldest_blocks_go_when_the_bytes_are_too_many_but_the_last_one_stays() {
    let cache = cache(1, LONG);
    for block in 0..5 {
        cache.publish(records(block * 10..block * 10 + 10), clock::now());
        assert_eq!(
            cache.range(),
            Some((Seq::new(block * 10), Seq::new(block * 10 + 10)))
        );
    }
}

#[test]
fn a_block_that_a_slow_reader_holds_counts_until_it_lets_go() {
    let cache = cache(1, LONG);
    cache.publish(records(0..10), clock::now());
    let one = cache.live_bytes();
    let mut slow = Reader::attach(&cache, Seq::ZERO).unwrap();
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(matches!(
        slow.poll_fetch(&mut context),
        Poll::Ready(Fetch::Ready)
    ));
    cache.publish(records(10..20), clock::now());
    assert_eq!(cache.live_bytes(), 2 * one);
    assert_eq!(slow.records().len(), 10);
    slow.advance(10);
    assert!(matches!(
        slow.poll_fetch(&mut context),
        Poll::Ready(Fetch::Ready)
    ));
    assert_eq!(cache.live_bytes(), one);
}

#[tokio::test(start_paused = true)]
async fn entries_older_than_the_keep_are_swept_but_the_last_block_stays() {
    let cache = cache(1 << 30, Duration::from_secs(30));
    cache.publish(records(0..10), clock::now());
    cache.publish(records(10..20), clock::now());
    clock::sleep(Duration::from_secs(29)).await;
    cache.look(clock::now());
    assert_eq!(cache.range(), Some((Seq::new(0), Seq::new(20))));
    clock::sleep(Duration::from_secs(2)).await;
    cache.look(clock::now());
    assert_eq!(cache.range(), Some((Seq::new(10), Seq::new(20))));
}

#[tokio::test]
async fn a_reader_waits_at_the_end_is_told_of_eviction_and_of_the_end() {
    let cache = cache(1, LONG);
    cache.publish(records(0..1), clock::now());
    let mut reader = Reader::attach(&cache, Seq::new(1)).unwrap();
    let mut context = Context::from_waker(std::task::Waker::noop());
    for _ in 0..100 {
        assert!(reader.poll_fetch(&mut context).is_pending());
    }
    assert_eq!(
        lock(&cache.state).waiting.len(),
        1,
        "it waits once, however often it looks"
    );
    let publisher = Arc::clone(&cache);
    let publishing =
        walx_utility::spawn::task(async move { publisher.publish(records(1..3), clock::now()) });
    assert!(matches!(
        poll_fn(|context| reader.poll_fetch(context)).await,
        Fetch::Ready
    ));
    publishing.await.unwrap();
    assert_eq!(reader.records().len(), 2);
    reader.advance(1);
    cache.publish(records(3..4), clock::now());
    assert_eq!(reader.records().len(), 1, "what it holds, it can read");
    reader.advance(1);
    cache.publish(records(4..5), clock::now());
    assert!(matches!(
        poll_fn(|context| reader.poll_fetch(context)).await,
        Fetch::Evicted
    ));
    let mut reader = Reader::attach(&cache, Seq::new(5)).unwrap();
    cache.end(Error::new(walx_core::ErrorKind::Closed, "over"));
    assert!(matches!(
        poll_fn(|context| reader.poll_fetch(context)).await,
        Fetch::Ended(_)
    ));
}

#[test]
fn a_hole_in_the_feed_drops_what_was_before_it() {
    let cache = cache(1 << 30, LONG);
    cache.publish(records(0..10), clock::now());
    cache.publish(records(15..20), clock::now());
    assert_eq!(cache.range(), Some((Seq::new(15), Seq::new(20))));
    assert!(Reader::attach(&cache, Seq::new(12)).is_none());
    cache.reset();
    assert_eq!(cache.range(), None);
}

#[test]
fn lsns_and_ticks_are_found_only_where_everything_from_them_on_is_here() {
    let cache = cache(1 << 30, LONG);
    cache.publish(records(5..10), clock::now());
    cache.publish(records(10..20), clock::now());
    assert_eq!(cache.find_lsn(Lsn::new(4)), None);
    assert_eq!(
        cache.find_lsn(Lsn::new(12)),
        Some(Found::Here(Seq::new(12)))
    );
    assert_eq!(
        cache.find_lsn(Lsn::new(99)),
        Some(Found::NotBefore(Seq::new(20)))
    );
    assert_eq!(
        cache.find_tick(Tick::new(121)),
        Some(Found::Here(Seq::new(13)))
    );
    assert_eq!(
        cache.find_tick(Tick::new(190)),
        Some(Found::Here(Seq::new(19)))
    );
    assert_eq!(
        cache.find_tick(Tick::new(191)),
        Some(Found::NotBefore(Seq::new(20)))
    );
}

#[test]
fn what_was_truncated_before_it_came_in_is_not_handed_out() {
    let cache = cache(1 << 30, LONG);
    cache.publish(records(0..5), clock::now());
    let id = |seq: usize| records(seq as u64..seq as u64 + 1)[0].id;
    // The backend had them already.
    cache.truncate(id(7));
    cache.publish(records(5..7), clock::now());
    assert_eq!(cache.range(), Some((Seq::new(7), Seq::new(7))));
    cache.publish(records(7..10), clock::now());
    assert_eq!(cache.range(), Some((Seq::new(8), Seq::new(10))));
    assert!(Reader::attach(&cache, Seq::new(7)).is_none());
}

#[test]
fn a_cache_keeps_less_where_those_of_other_wals_need_the_room() {
    let cache = cache(1 << 30, LONG);
    cache.publish(records(0..10), clock::now());
    let one = cache.live_bytes();
    cache.limits.set_limit(Category::Cache, 4 * one);
    cache.publish(records(10..20), clock::now());
    let others = cache.limits.charge(Category::Cache, one);
    cache.publish(records(20..30), clock::now());
    assert_eq!(cache.range(), Some((Seq::new(0), Seq::new(30))));
    cache.publish(records(30..40), clock::now());
    assert_eq!(cache.range(), Some((Seq::new(10), Seq::new(40))));
    assert_eq!(cache.limits.used(Category::Cache), 4 * one);
    others.grow(9 * one);
    cache.look(clock::now());
    assert_eq!(
        cache.range(),
        Some((Seq::new(30), Seq::new(40))),
        "the last one stays"
    );
    let limits = cache.limits.clone();
    drop((cache, others));
    assert_eq!(limits.used(Category::Cache), 0);
}
