//! What an owner writes of chunks, ticks and conditional appends, and of everything beside failures, read record by record.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;

use common::raw::{check, records};
use common::{Rig, message, within};
use walx_adaptor::adapt_opener;
use walx_core::{
    BackendName, Config, ErrorKind, Expected, Lsn, OpenOption, Opener, Term, TransactionOption,
    VirtualChannel, Wal,
};
use walx_impls::OpenerBuilderImpls;
use walx_utility::random;

async fn raw(rig: &Rig) -> Vec<walx_core::Record> {
    records(&rig.store, &rig.channel).await
}

async fn delivered(rig: &Rig) -> Vec<Vec<String>> {
    check(&raw(rig).await)
}

fn stream(name: &str) -> VirtualChannel {
    VirtualChannel::new(name).unwrap()
}

#[tokio::test]
async fn an_append_on_a_condition_is_written_where_it_holds_and_nowhere_else() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let expected = |lsn| {
        Expected::new()
            .with_lsn(Lsn::new(lsn))
            .with_term(Term::FIRST)
    };
    let first = wal.append_if(message(0), expected(0));
    let second = wal.append_if(message("no"), expected(0));
    let third = wal.append_if(message(1), expected(1));
    assert_eq!(within(first).await.unwrap().lsn, Lsn::ZERO);
    let error = within(second).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("next lsn: 1"), "{error}");
    assert_eq!(within(third).await.unwrap().lsn, Lsn::new(1));
    let other = Expected::new().with_term(Term::new(2));
    let error = within(wal.append_if(message("no"), other))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    // What it expected holds no more where the one before it was refused.
    rig.faults().fail_next(1, ErrorKind::TooLarge);
    let refused = wal.append(message("refused"));
    let behind = wal.append_if(message("no"), expected(3));
    let last = wal.append(message(2));
    assert_eq!(
        within(refused).await.unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    assert_eq!(
        within(behind).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    assert_eq!(within(last).await.unwrap().lsn, Lsn::new(2));
    assert_eq!(delivered(&rig).await, [["0"], ["1"], ["2"]]);
}

#[tokio::test]
async fn the_newest_tick_of_a_stream_is_that_of_what_its_readers_get() {
    let rig = Rig::new();
    let wal = rig.open().await;
    assert_eq!(wal.newest_tick(&stream("v")).await.unwrap(), None);
    let of = |name| message("x").with_virtual_channel(stream(name));
    let v = within(wal.append(of("v"))).await.unwrap();
    let w = within(wal.append(of("w"))).await.unwrap();
    let option = TransactionOption::new().with_virtual_channel(stream("v"));
    let transaction = wal.begin(option).unwrap();
    within(transaction.append(message("y"))).await.unwrap();
    let tick = within(wal.advance_tick(Some(stream("v")))).await.unwrap();
    assert!(tick.tick > w.tick);
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    for (name, newest) in [("v", v.tick), ("w", w.tick)] {
        assert_eq!(wal.newest_tick(&stream(name)).await.unwrap(), Some(newest));
        assert_eq!(
            reader.newest_tick(&stream(name)).await.unwrap(),
            Some(newest)
        );
    }
    let commit = within(transaction.commit()).await.unwrap();
    let all = within(wal.append(message("all"))).await.unwrap();
    for (name, newest) in [("v", all.tick), ("w", all.tick), ("new", all.tick)] {
        assert_eq!(wal.newest_tick(&stream(name)).await.unwrap(), Some(newest));
        assert_eq!(
            reader.newest_tick(&stream(name)).await.unwrap(),
            Some(newest)
        );
    }
    assert!(commit.tick < all.tick && check(&raw(&rig).await).len() == 4);
    // The next owner finds it in the log.
    for i in 0..2_000 {
        drop(wal.append(of(["p", "q"][i % 2])));
    }
    wal.close().await.unwrap();
    let next = rig.open().await;
    assert_eq!(
        next.newest_tick(&stream("v")).await.unwrap(),
        Some(all.tick)
    );
}

/// An opener of the rig's store whose records have at most so many bytes.
async fn small(rig: &Rig, most: usize) -> Arc<dyn Opener> {
    let config = Config::new().with("max_record", most.to_string());
    let opener = rig.store.builder().build(config).await.unwrap();
    adapt_opener(BackendName::constant("memory"), opener)
}

#[tokio::test]
async fn a_message_larger_than_a_record_is_stored_in_several_under_one_lsn() {
    let rig = Rig::new();
    let opener = small(&rig, 1_000).await;
    let option = OpenOption::new(rig.channel.clone()).with_max_chunked_bytes(10_000);
    let wal = opener.open(option).await.unwrap();
    let text = |length: usize| {
        (0..length)
            .map(|i| char::from(b'a' + (i % 26) as u8))
            .collect::<String>()
    };
    let one = within(wal.append(message(text(500)))).await.unwrap();
    let large = message(text(9_000))
        .with_property("p", "q")
        .with_idempotency_key("k");
    let large = wal.append(large);
    let batch = wal.append_batch(vec![message("x"), message(text(2_000)), message("y")]);
    let large = within(large).await.unwrap();
    let batch = within(batch).await.unwrap();
    assert_eq!(one.lsn, Lsn::ZERO);
    assert_eq!(large.lsn, Lsn::new(1));
    assert_eq!(
        batch.iter().map(|it| it.lsn.get()).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    let too_large = within(wal.append(message(text(10_001)))).await.unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::TooLarge);
    let raw = raw(&rig).await;
    let expected = [
        vec![text(500)],
        vec![text(9_000)],
        vec!["x".into()],
        vec![text(2_000)],
        vec!["y".into()],
    ];
    assert_eq!(check(&raw), expected);
    let of_large: Vec<_> = raw
        .iter()
        .filter(|it| it.header.lsn == Some(large.lsn))
        .collect();
    assert!(
        of_large.len() >= 9
            && of_large
                .iter()
                .all(|it| it.header.idempotency_key.is_some())
    );
    assert_eq!(
        of_large
            .iter()
            .filter(|it| !it.properties.is_empty())
            .count(),
        1
    );
}

#[tokio::test]
async fn a_truncation_up_to_a_message_in_chunks_keeps_all_of_them() {
    let rig = Rig::new();
    let opener = small(&rig, 1_000).await;
    let option = OpenOption::new(rig.channel.clone()).with_max_chunked_bytes(10_000);
    let wal = opener.open(option).await.unwrap();
    for through_store in [false, true] {
        within(wal.append(message("x"))).await.unwrap();
        let large = within(wal.append(message("y".repeat(5_000))))
            .await
            .unwrap();
        match through_store {
            false => wal.truncate(large.id).await.unwrap(),
            true => opener.truncate(&rig.channel, large.id).await.unwrap(),
        }
        let first = &raw(&rig).await[0];
        assert_eq!(first.header.chunk.map(|it| it.index), Some(0));
        assert_eq!(first.header.lsn, Some(large.lsn));
    }
}

/// Plain messages, batches, transactions, large messages, on a backend that fails now and then.
#[tokio::test(start_paused = true)]
async fn whatever_fails_and_is_written_again_the_log_stays_whole() {
    let mut recoveries = 0;
    for seed in 0..200 {
        random::seed(seed);
        let rig = Rig::new();
        let opener = small(&rig, 600).await;
        let option = OpenOption::new(rig.channel.clone())
            .with_max_chunked_bytes(4_000)
            .with_max_in_flight_bytes([1, 3_000, 1 << 20][random::within(0..3) as usize]);
        let wal = opener.open(option).await.unwrap();
        let expected = work(&rig, &wal).await;
        recoveries += wal.owner().incarnation;
        wal.close().await.unwrap();
        let delivered = delivered(&rig).await;
        assert!(
            delivered == expected,
            "seed {seed}: {} and {}",
            delivered.len(),
            expected.len()
        );
    }
    assert!(recoveries > 200, "{recoveries}");
}

/// What must be delivered in the end.
async fn work(rig: &Rig, wal: &Arc<dyn Wal>) -> Vec<Vec<String>> {
    let chance = |of: u64| random::within(0..of) == 0;
    let mut open = Vec::new();
    // In the order of the calls; bodies are kept, since one that waits for room is given up where it is dropped.
    let (mut asked, mut bodies) = (Vec::new(), Vec::new());
    for i in 0..60 {
        if chance(6) {
            rig.faults()
                .pass_next(random::within(0..4) as usize)
                .unknown_next(chance(2));
        }
        let text = format!(
            "{i}{}",
            "x".repeat([0, 0, 0, 700, 1_500][random::within(0..5) as usize])
        );
        match random::within(0..10) {
            0 | 1 => open.push((wal.begin(TransactionOption::new()).unwrap(), Vec::new())),
            2..=5 if !open.is_empty() => {
                let at = random::within(0..open.len() as u64) as usize;
                bodies.push(open[at].0.append(message(&text)));
                open[at].1.push(text);
            }
            6 if !open.is_empty() => {
                let at = random::within(0..open.len() as u64) as usize;
                let (transaction, texts) = open.swap_remove(at);
                match random::within(0..4) {
                    0 => drop(transaction),
                    1 => drop(transaction.rollback()),
                    _ => asked.push((Some(transaction.commit()), vec![texts])),
                }
            }
            7 => {
                let batch = wal.append_batch(vec![message(&text), message("b")]);
                assert_eq!(within(batch).await.unwrap().len(), 2);
                asked.push((None, vec![vec![text], vec!["b".to_owned()]]));
            }
            _ => asked.push((Some(wal.append(message(&text))), vec![vec![text]])),
        }
    }
    let mut all = Vec::new();
    for (append, entries) in asked {
        if let Some(append) = append {
            within(append).await.unwrap();
        }
        all.extend(entries);
    }
    for body in bodies {
        within(body).await.unwrap();
    }
    all
}
