//! What scans make of transactions and chunks that are not whole, or far apart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;

use common::hand::{Hand, stored, stream};
use common::scan_all;
use walx_core::{
    Chunk, Delivery, Entry, GapReason, Interceptor, Lsn, Message, PlacedMessage, Position, Result,
    ScanContext, ScanOption, Seq, Term,
};

#[tokio::test]
async fn a_transaction_is_delivered_whole_at_its_commit_and_what_is_rolled_back_or_open_is_not() {
    let mut hand = Hand::new();
    let (first, second) = (hand.begin(None), hand.begin(stream("a")));
    let (third, open) = (hand.begin(None), hand.begin(None));
    for (id, text) in [(first, "1"), (second, "2"), (third, "no"), (open, "no")] {
        hand.body(id, text);
    }
    hand.plain("plain", None);
    hand.chunks(Some(first), "long", None, 3, 3);
    hand.commit(second);
    hand.rollback(third);
    hand.commit(first);
    let empty = hand.begin(None);
    hand.commit(empty);
    hand.plain("last", None);
    let stored = stored(&hand).await;
    let seen = stored.shown(ScanOption::earliest()).await;
    assert_eq!(seen, ["plain", "1 [2]", "0 [1 long]", "15 []", "last"]);
    let other = ScanOption::earliest().with_virtual_channel(stream("b").unwrap());
    let seen = stored.shown(other).await;
    assert_eq!(seen, ["plain", "0 [1 long]", "15 []", "last"]);
}

#[tokio::test]
async fn a_transaction_whose_begin_was_truncated_is_a_gap_that_names_it() {
    let mut hand = Hand::new();
    let id = hand.begin(stream("a"));
    hand.body(id, "1");
    hand.body(id, "2");
    hand.plain("plain", None);
    hand.commit(id);
    let stored = stored(&hand).await;
    stored.writer.wal.truncate(stored.ids[2]).await.unwrap();
    for option in [
        ScanOption::earliest(),
        ScanOption::new(Position::At(stored.ids[4])),
        ScanOption::new(Position::Lsn(Lsn::new(2))),
    ] {
        let gap = stored.gap(option).await;
        assert_eq!(gap.reason, GapReason::Truncated);
        assert_eq!(gap.seqs, Some((Seq::new(0), Seq::new(5))));
        assert!(gap.detail.contains("transaction 0"), "{gap}");
    }
    // Nobody else misses it.
    let other = ScanOption::earliest().with_virtual_channel(stream("b").unwrap());
    assert_eq!(stored.shown(other).await, ["plain"]);
    let raw = ScanOption::earliest().with_transactions(Delivery::Raw);
    assert_eq!(
        stored.shown(raw).await,
        ["2 in 0", "plain", "commit of 2 0"]
    );
}

#[tokio::test]
async fn a_transaction_of_which_a_message_is_missing_is_a_gap_and_not_half_of_it() {
    let mut hand = Hand::new();
    let (lost, open) = (hand.begin(None), hand.begin(None));
    hand.body(lost, "1");
    hand.body(lost, "2");
    hand.commit(lost);
    let whole = hand.begin(None);
    hand.body(whole, "3");
    hand.commit(whole);
    hand.commit(open);
    hand.records.remove(4);
    let log = stored(&hand).await;
    let entries = scan_all(log.reader.as_ref(), ScanOption::earliest()).await;
    let reasons = entries.iter().map(|entry| match entry {
        Entry::Gap(gap) => (
            gap.reason,
            gap.seqs.map(|(from, to)| (from.get(), to.get())),
        ),
        Entry::Transaction(it) => (GapReason::Truncated, Some((it.id.0.get(), 0))),
        other => panic!("{other:?}"),
    });
    let expected = [
        (GapReason::Lost, Some((3, 4))),
        (GapReason::Lost, Some((0, 5))),
        (GapReason::Truncated, Some((5, 0))),
        (GapReason::Truncated, Some((1, 0))),
    ];
    assert_eq!(reasons.collect::<Vec<_>>(), expected);

    let mut hand = Hand::new();
    let id = hand.begin(None);
    hand.body(id, "1");
    hand.commit_with(id, 2);
    let gap = stored(&hand).await.gap(ScanOption::earliest()).await;
    assert_eq!(
        (gap.reason, gap.lsns),
        (GapReason::Lost, Some((Lsn::new(0), Lsn::new(1))))
    );
}

#[tokio::test]
async fn a_transaction_whose_end_is_lost_is_not_kept_for_ever() {
    let mut hand = Hand::new();
    let id = hand.begin(None);
    hand.body(id, &"x".repeat(1000));
    hand.rollback(id);
    hand.records.pop();
    let next = hand.begin(None);
    hand.body(next, &"y".repeat(1000));
    hand.commit(next);
    let stored = stored(&hand).await;
    let option = ScanOption::earliest().with_transaction_buffer_bytes(3000);
    assert_eq!(scan_all(stored.reader.as_ref(), option).await.len(), 2);
}

#[tokio::test]
async fn chunks_that_a_new_owner_did_not_finish_are_dropped_and_their_lsn_is_another_message() {
    let mut hand = Hand::new();
    hand.chunks(None, "half", None, 3, 2);
    hand.take_over();
    hand.plain("whole", None);
    assert_eq!(hand.lsn, 1);
    // The owner recovers in the middle of the next one, and writes the rest.
    for index in 0..3 {
        hand.chunk(None, "goes on", None, Chunk { index, total: 3 });
        if index < 2 {
            hand.barrier(Term::new(2), index + 1);
        }
    }
    let stored = stored(&hand).await;
    for delivery in [Delivery::Whole, Delivery::Raw] {
        let option = ScanOption::earliest().with_transactions(delivery);
        assert_eq!(stored.shown(option).await, ["whole", "goes on"]);
        // The message stands at its last chunk, wherever the scan meets it first.
        for id in &stored.ids[5..] {
            let option = ScanOption::new(Position::At(*id)).with_transactions(delivery);
            assert_eq!(stored.shown(option).await, ["goes on"], "from {id}");
        }
    }
}

#[tokio::test]
async fn a_message_whose_first_chunks_were_truncated_is_a_gap() {
    let mut hand = Hand::new();
    hand.plain("first", None);
    hand.chunks(None, "three", None, 3, 3);
    hand.plain("last", None);
    let stored = stored(&hand).await;
    stored.writer.wal.truncate(stored.ids[2]).await.unwrap();
    let gap = stored.gap(ScanOption::earliest()).await;
    assert_eq!(gap.reason, GapReason::Truncated);
    assert_eq!(gap.lsns, Some((Lsn::new(1), Lsn::new(2))));
    assert_eq!(
        stored.shown(ScanOption::new(Position::Last(1))).await,
        ["last"]
    );
}

#[tokio::test]
async fn reading_back_survives_failed_reads_and_many_barriers() {
    let mut hand = Hand::new();
    let id = hand.begin(None);
    hand.body(id, "1");
    for incarnation in 0..300 {
        hand.barrier(Term::FIRST, incarnation);
    }
    hand.body(id, "2");
    hand.plain("plain", None);
    hand.commit(id);
    let stored = stored(&hand).await;
    let late = stored.ids[hand.records.len() - 2];
    for failures in 0..4 {
        stored.rig.faults().fail_scan_next(failures);
        let option = ScanOption::new(Position::At(late));
        assert_eq!(stored.shown(option).await, ["plain", "0 [1 2]"]);
    }
}

/// Makes letters large.
struct Shouts;

impl Interceptor for Shouts {
    fn name(&self) -> &'static str {
        "shouts"
    }

    fn scan(&self, _: &ScanContext<'_>, placed: &mut PlacedMessage) -> Result<()> {
        assert_ne!(&placed.message.payload[..], b"given up");
        let large = placed.message.payload.to_ascii_uppercase();
        placed.message = Message::new(large).with_property("text", "");
        Ok(())
    }
}

#[tokio::test]
async fn hooks_see_each_message_that_is_delivered_also_where_it_was_spilled() {
    let mut hand = Hand::new();
    let (kept, given_up) = (hand.begin(None), hand.begin(None));
    hand.body(given_up, "given up");
    hand.body(kept, "a");
    hand.chunks(Some(kept), "bc", None, 2, 2);
    hand.rollback(given_up);
    hand.commit(kept);
    hand.plain("d", None);
    let stored = stored(&hand).await;
    let hooked = stored.rig.option().with_interceptor(Arc::new(Shouts));
    let reader = stored.rig.opener.open_read_only(hooked).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let spilled = ScanOption::earliest()
        .with_transaction_buffer_bytes(40)
        .with_spill(directory.path());
    for option in [ScanOption::earliest(), spilled] {
        let entries = scan_all(reader.as_ref(), option).await;
        let [Entry::Transaction(transaction), Entry::Message(last)] = &entries[..] else {
            panic!("{entries:?}")
        };
        let bodies = transaction.messages().map(|it| it.unwrap().message.payload);
        assert_eq!(bodies.collect::<Vec<_>>(), ["A", "BC"]);
        assert_eq!(last.message.payload, "D");
    }
}
