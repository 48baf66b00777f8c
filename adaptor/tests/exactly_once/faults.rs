//! Keys where appends fail: nobody gets a place that is none, and nothing is there twice.

use std::collections::HashMap;

use walx_adaptor::adapt_opener;
use walx_core::{
    BackendName, Config, Error, ErrorKind, Expected, Lsn, Message, Place, TransactionOption,
};
use walx_impls::OpenerBuilderImpls;
use walx_utility::random;

use crate::common::{Rig, within};
use crate::{MIB, keyed, kind, lsn, open, open_anew, option, waits, written};

#[tokio::test]
async fn a_first_one_that_is_not_written_leaves_its_key_free() {
    let rig = Rig::new();
    let option = option(&rig).with_max_in_flight_bytes(1_000);
    let wal = rig.opener.open(option).await.unwrap();
    // Given up in the queue.
    rig.faults().hold();
    let filler = wal.append(Message::new(vec![0; 900]));
    let mut queued = wal.append(keyed("queued", "-"));
    assert!(waits(&mut queued));
    let second = wal.append(keyed("queued", "second"));
    drop(queued);
    rig.faults().release_all();
    within(filler).await.unwrap();
    assert_eq!(lsn(second).await, 1);
    // Refused by the backend: who joined it gets the same, and the key is free.
    rig.faults().hold();
    let before = wal.append(Message::new("before"));
    rig.faults().fail_next(1, ErrorKind::TooLarge);
    let refused = wal.append(keyed("refused", "-"));
    let joined = wal.append(keyed("refused", "-"));
    rig.faults().release_all();
    within(before).await.unwrap();
    assert_eq!(kind(refused).await, ErrorKind::TooLarge);
    assert_eq!(kind(joined).await, ErrorKind::TooLarge);
    let later = within(wal.append(keyed("refused", "later"))).await.unwrap();
    assert_eq!(
        within(wal.append(keyed("refused", "-"))).await.unwrap(),
        later
    );
    let written = written(&rig).await;
    assert_eq!(written[1..], [["second"], ["before"], ["later"]]);
}

#[tokio::test]
async fn who_waits_for_what_loses_its_place_is_told_and_the_key_is_free() {
    let rig = Rig::new();
    let wal = open(&rig).await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    within(transaction.append(keyed("body", "-")))
        .await
        .unwrap();
    rig.faults().hold();
    let before = wal.append(Message::new("before"));
    rig.faults().fail_next(1, ErrorKind::TooLarge);
    // Without this message the transaction is not committed, and what comes behind it has another lsn.
    let refused = transaction.append(keyed("refused", "-"));
    let commit = transaction.commit();
    let joined = wal.append(keyed("body", "-"));
    let expected = Expected::new().with_lsn(Lsn::new(3));
    let conditional = wal.append_if(keyed("conditional", "-"), expected);
    let like_it = wal.append(keyed("conditional", "-"));
    rig.faults().release_all();
    within(before).await.unwrap();
    assert_eq!(kind(refused).await, ErrorKind::TooLarge);
    assert_eq!(kind(commit).await, ErrorKind::NotWritten);
    assert_eq!(kind(joined).await, ErrorKind::NotWritten);
    assert_eq!(kind(conditional).await, ErrorKind::Conflict);
    assert_eq!(kind(like_it).await, ErrorKind::Conflict);
    for key in ["body", "refused", "conditional"] {
        let place = within(wal.append(keyed(key, key))).await.unwrap();
        assert_eq!(within(wal.append(keyed(key, "-"))).await.unwrap(), place);
    }
    let expected = [["before"], ["body"], ["refused"], ["conditional"]];
    assert_eq!(written(&rig).await, expected);
}

#[tokio::test(start_paused = true)]
async fn who_joins_an_append_without_an_answer_gets_its_one_place() {
    for landed in [true, false] {
        let rig = Rig::new();
        let wal = open(&rig).await;
        let transaction = wal.begin(TransactionOption::new()).unwrap();
        within(transaction.append(keyed("body", "body")))
            .await
            .unwrap();
        rig.faults().unknown_next(landed);
        let first = wal.append(keyed("k", "first"));
        let joined = wal.append(keyed("k", "-"));
        let behind = wal.append(keyed("behind", "behind"));
        let commit = transaction.commit();
        let of_body = wal.append(keyed("body", "-"));
        let place = within(first).await.unwrap();
        assert_eq!(within(joined).await.unwrap(), place, "{landed}");
        let late = wal.append(keyed("k", "-"));
        assert_eq!(within(late).await.unwrap(), place, "{landed}");
        within(commit).await.unwrap();
        assert_eq!([lsn(of_body).await, lsn(behind).await], [0, 2]);
        assert_eq!(written(&rig).await, [["first"], ["behind"], ["body"]]);
        assert_eq!(lsn(wal.append(keyed("body", "-"))).await, 0);
        // The next owner sees it in the same way.
        let wal = open_anew(&rig).await;
        for (key, of) in [("k", 1), ("behind", 2), ("body", 0)] {
            assert_eq!(lsn(wal.append(keyed(key, "-"))).await, of, "{key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_when_the_wal_ends_without_an_answer() {
    let rig = Rig::new();
    let wal = open(&rig).await;
    rig.faults().hold();
    let first = wal.append(keyed("k", "first"));
    let joined = wal.append(keyed("k", "-"));
    let batch = wal.append_batch(vec![keyed("k", "-"), keyed("new", "new")]);
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    let body = transaction.append(keyed("body", "body"));
    let commit = transaction.commit();
    let of_body = wal.append(keyed("body", "-"));
    let _ = within(wal.close()).await;
    for append in [first, joined, body, commit, of_body] {
        assert_eq!(kind(append).await, ErrorKind::OutcomeUnknown);
    }
    assert_eq!(
        within(batch).await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    // What became of it the log tells.
    rig.faults().release_all();
    let wal = open_anew(&rig).await;
    assert_eq!(lsn(wal.append(keyed("k", "-"))).await, 0);
    assert_eq!(lsn(wal.append(keyed("new", "-"))).await, 1);
}

/// Plain messages, batches, transactions and large messages under few keys, on a backend that fails now and then, under
/// owners that come and go.
#[tokio::test(start_paused = true)]
async fn whatever_fails_no_key_is_there_twice_and_each_has_one_place() {
    let mut recoveries = 0;
    for seed in 0..150 {
        random::seed(seed);
        let rig = Rig::new();
        let mut places = HashMap::new();
        for _ in 0..3 {
            recoveries += one_owner(&rig, seed, &mut places).await;
        }
        let mut delivered: Vec<_> = written(&rig).await.into_iter().flatten().collect();
        delivered.sort();
        let mut keys: Vec<_> = places
            .keys()
            .map(|key| format!("{key}{}", rest(key)))
            .collect();
        keys.sort();
        assert!(delivered == keys, "seed {seed}: {delivered:?} and {keys:?}");
    }
    assert!(recoveries > 200, "{recoveries}");
}

/// Some keys are those of large messages.
fn rest(key: &str) -> String {
    "x".repeat(if key.ends_with('7') { 1_500 } else { 0 })
}

/// Adds the places of the keys that count.
async fn one_owner(rig: &Rig, seed: u64, places: &mut HashMap<String, Place>) -> u32 {
    let config = Config::new().with("max_record", "600");
    let opener = rig.store.builder().build(config).await.unwrap();
    let opener = adapt_opener(BackendName::constant("memory"), opener);
    let room = [1, 3_000, MIB][random::within(0..3) as usize];
    let option = option(rig)
        .with_take_over(true)
        .with_max_chunked_bytes(4_000)
        .with_max_in_flight_bytes(room);
    let wal = opener.open(option).await.unwrap();
    let chance = |of: u64| random::within(0..of) == 0;
    let pick = || {
        let key = format!("key {}", random::within(0..20));
        let message = Message::new(format!("{key}{}", rest(&key)));
        (key.clone(), message.with_idempotency_key(key))
    };
    let (mut plain, mut batches, mut open, mut ended) = (vec![], vec![], vec![], vec![]);
    for _ in 0..40 {
        if chance(5) {
            let faults = rig.faults();
            faults
                .pass_next(random::within(0..4) as usize)
                .unknown_next(chance(2));
        }
        let (key, message) = pick();
        match random::within(0..8) {
            0 => open.push((wal.begin(TransactionOption::new()).unwrap(), vec![])),
            1..=3 if !open.is_empty() => {
                let at = random::within(0..open.len() as u64) as usize;
                let body = open[at].0.append(message);
                open[at].1.push((key, body));
            }
            4 if !open.is_empty() => {
                let at = random::within(0..open.len() as u64) as usize;
                let (transaction, bodies) = open.swap_remove(at);
                match chance(3) {
                    true => drop(transaction.rollback()),
                    false => ended.push((transaction.commit(), bodies)),
                }
            }
            5 => {
                let (other, second) = pick();
                let batch = wal.append_batch(vec![message, second]);
                batches.push((vec![key, other], batch));
            }
            _ => plain.push((key, wal.append(message))),
        }
    }
    let mut note = |key: String, place: Place| {
        let first = *places.entry(key.clone()).or_insert(place);
        assert_eq!(first, place, "seed {seed}, {key}");
    };
    let in_transaction = |error: Error| assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    for (commit, bodies) in ended {
        within(commit).await.unwrap();
        for (key, body) in bodies {
            match within(body).await {
                Ok(place) => note(key, place),
                Err(error) => in_transaction(error),
            }
        }
    }
    for (key, append) in plain {
        match within(append).await {
            Ok(place) => note(key, place),
            Err(error) => in_transaction(error),
        }
    }
    for (keys, batch) in batches {
        match within(batch).await {
            Ok(places) => keys
                .into_iter()
                .zip(places)
                .for_each(|(key, place)| note(key, place)),
            Err(error) => in_transaction(error),
        }
    }
    rig.faults().clear();
    let recoveries = wal.owner().incarnation;
    if chance(2) {
        within(wal.close()).await.unwrap();
    }
    recoveries
}
