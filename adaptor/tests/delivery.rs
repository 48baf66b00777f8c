//! What an owner's transactions and large messages are to its scanners, and to readers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;

use common::hand::all_shown;
use common::raw::{check, records};
use common::{Rig, rest, scan_all, take, tiny, within};
use metrics_exporter_prometheus::PrometheusBuilder;
use proptest::prelude::*;
use walx_adaptor::adapt_opener;
use walx_core::{
    BackendName, Config, Delivery, End, Entry, Lsn, Message, Opener, Position, ResumeToken, RoWal,
    ScanMode, ScanOption, Scanner, Transaction, TransactionOption, VirtualChannel, Wal,
};
use walx_impls::OpenerBuilderImpls;
use walx_utility::metric;

/// A message that tells its own text.
fn message(text: &str) -> Message {
    Message::new(text.to_owned()).with_property("text", text.to_owned())
}

/// An opener of the rig's store whose records have at most so many bytes.
async fn small(rig: &Rig, most: usize) -> Arc<dyn Opener> {
    let config = Config::new().with("max_record", most.to_string());
    let opener = rig.store.builder().build(config).await.unwrap();
    adapt_opener(BackendName::constant("memory"), opener)
}

/// The payloads of an entry.
fn payloads(entry: &Entry) -> Vec<String> {
    let text = |message: &Message| String::from_utf8(message.payload.to_vec()).unwrap();
    match entry {
        Entry::Message(placed) => vec![text(&placed.message)],
        Entry::Transaction(it) => {
            let bodies = it.messages().map(|body| text(&body.unwrap().message));
            bodies.collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_follows_an_owner_gets_its_transactions_at_their_commits() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    wal.append(message("before")).await.unwrap();
    let first = wal.begin(TransactionOption::new()).unwrap();
    within(first.append(message("1"))).await.unwrap();
    // They start behind the Begin, and read back.
    let raw = ScanOption::latest().with_transactions(Delivery::Raw);
    let mut raw = wal.scan(raw).await.unwrap();
    let mut scanners = Vec::new();
    for wal in [wal.as_ref() as &dyn RoWal, reader.as_ref()] {
        scanners.push(wal.scan(ScanOption::latest()).await.unwrap());
    }
    let second = wal.begin(TransactionOption::new()).unwrap();
    let third = wal.begin(TransactionOption::new()).unwrap();
    within(second.append(message("2"))).await.unwrap();
    within(third.append(message("no"))).await.unwrap();
    within(first.append(message("3"))).await.unwrap();
    let commit = within(second.commit()).await.unwrap();
    drop(third);
    within(wal.append(message("plain"))).await.unwrap();
    within(first.commit()).await.unwrap();
    for scanner in &mut scanners {
        let seen = take(scanner, 3).await;
        assert_eq!(all_shown(&seen), ["3 [2]", "plain", "1 [1 3]"]);
        assert_eq!(seen[0].place(), Some(commit));
        assert_eq!(scanner.mode(), ScanMode::Tailing);
        assert_eq!(scanner.token(), seen[2].token());
    }
    let expected = [
        "begin 3",
        "begin 4",
        "2 in 3",
        "no in 4",
        "3 in 1",
        "commit of 1 3",
        "rollback 4",
        "plain",
        "commit of 2 1",
    ];
    assert_eq!(all_shown(&take(&mut raw, 9).await), expected);
    // Of what lies in between, the last message is known to be delivered.
    let described = rig.opener.describe(&rig.channel).await.unwrap();
    let lsns = described.scanners.iter().map(|it| (it.lsn, it.lag));
    assert!(lsns.eq([(Some(Lsn::new(5)), 0); 3]), "{described:?}");
}

#[test]
fn messages_of_transactions_are_counted_and_marks_are_not() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let rig = Rig::new();
            let wal = rig.open().await;
            let transaction = wal.begin(TransactionOption::new()).unwrap();
            for text in ["1", "22"] {
                within(transaction.append(Message::new(text)))
                    .await
                    .unwrap();
            }
            within(transaction.commit()).await.unwrap();
            scan_all(wal.as_ref(), ScanOption::earliest()).await;
            let raw = ScanOption::earliest().with_transactions(Delivery::Raw);
            scan_all(wal.as_ref(), raw).await;
        });
    });
    let text = told.render();
    let has = |name: &str, value: &str| text.lines().any(|it| it == format!("{name} {value}"));
    assert!(has(metric::SCAN_MESSAGES_TOTAL, "4"), "{text}");
    assert!(has(metric::SCAN_BYTES_TOTAL, "6"), "{text}");
}

/// Whatever an owner does, by numbers; each time it begins anew it takes over.
async fn work(rig: &Rig, steps: &[(u8, u8)]) -> Vec<ResumeToken> {
    let opener = small(rig, 300).await;
    let open = async || {
        let option = rig.option().with_take_over(true).with_cache(tiny());
        let option = option.with_max_chunked_bytes(10_000);
        opener.open(option).await.unwrap()
    };
    let mut wal: Arc<dyn Wal> = open().await;
    let mut scanner: Box<dyn Scanner> = wal.scan(ScanOption::earliest()).await.unwrap();
    let mut open_ones: Vec<Transaction> = Vec::new();
    let mut tokens = Vec::new();
    for (i, (what, which)) in steps.iter().enumerate() {
        let which = usize::from(*which);
        let length = if which % 5 == 0 { 1_000 } else { 10 };
        let message = Message::new(format!("{i:0length$}"));
        let at = which % open_ones.len().max(1);
        match what % 12 {
            0..=2 => drop(within(wal.append(message)).await.unwrap()),
            3..=4 => {
                let stream = VirtualChannel::new("v").unwrap();
                open_ones.push(
                    wal.begin(TransactionOption::new().with_virtual_channel(stream))
                        .unwrap(),
                );
            }
            5..=7 if at < open_ones.len() => drop(open_ones[at].append(message)),
            8 if at < open_ones.len() => drop(within(open_ones.remove(at).commit()).await.unwrap()),
            9 if at < open_ones.len() => drop(open_ones.remove(at)),
            10 => {
                let batch = clock_batch(&mut scanner).await;
                tokens.extend(batch.iter().filter_map(Entry::token));
            }
            11 => {
                open_ones.clear();
                wal = open().await;
                scanner = match tokens.last() {
                    Some(token) => wal.scan(ScanOption::new(Position::Resume(*token))).await,
                    None => wal.scan(ScanOption::earliest()).await,
                }
                .unwrap();
            }
            _ => {}
        }
    }
    drop(open_ones);
    wal.close().await.unwrap();
    tokens.extend(until_closed(scanner).await);
    tokens
}

/// What is there at once.
async fn clock_batch(scanner: &mut Box<dyn Scanner>) -> Vec<Entry> {
    let soon = std::time::Duration::from_millis(1);
    let batch = walx_utility::clock::timeout(soon, scanner.next_batch(3)).await;
    batch.map_or_else(|_| Vec::new(), Result::unwrap)
}

/// The tokens of what a scanner still has.
async fn until_closed(mut scanner: Box<dyn Scanner>) -> Vec<ResumeToken> {
    let mut tokens = Vec::new();
    while let Ok(batch) = within(scanner.next_batch(7)).await {
        tokens.extend(batch.iter().filter_map(Entry::token));
    }
    tokens
}

async fn restarts(steps: Vec<(u8, u8)>) {
    let rig = Rig::new();
    let followed = work(&rig, &steps).await;
    let expected = check(&records(&rig.store, &rig.channel).await);
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let all = scan_all(reader.as_ref(), ScanOption::earliest()).await;
    let seen: Vec<_> = all.iter().map(payloads).collect();
    assert_eq!(seen, expected);
    let tokens: Vec<_> = all.iter().filter_map(Entry::token).collect();
    // The owner's scanner, which went from one owner to the next, saw the same; its wal's end may have cut it short.
    assert_eq!(followed, tokens[..followed.len()]);
    for (i, token) in tokens.iter().enumerate() {
        let option = ScanOption::new(Position::Resume(*token)).until(End::Tail);
        let rest = rest(reader.scan(option).await.unwrap()).await;
        let rest: Vec<_> = rest.iter().map(payloads).collect();
        assert_eq!(rest, expected[i + 1..], "from the token of entry {i}");
    }
    let progress = walx_core::Progress::default();
    let verified = rig.opener.verify(None, &progress).await.unwrap();
    assert!(verified.is_sound(), "{verified:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn from_every_token_of_what_an_owner_wrote_exactly_the_rest_follows(
        steps in prop::collection::vec(any::<(u8, u8)>(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(restarts(steps));
    }
}
