//! Catch-up hands over to the cache and back, without loss and without repetition, whatever is evicted when.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::time::Duration;

use common::{Rig, filled, message, numbers, take, texts, tiny, within};
use proptest::prelude::*;
use walx_core::{
    CacheOption, End, Entry, ErrorKind, LostPolicy, Lsn, Position, RoWal, ScanOption, Scanner,
};
use walx_utility::clock;

#[derive(Clone, Debug)]
enum Step {
    /// So many appends, at once.
    Append(usize),
    /// A new scanner, from this share of what is there.
    Scan(u8),
    /// The scanner of this number takes at most so many.
    Take(usize, usize),
    /// Time passes, so that the cache is swept.
    Wait(u64),
    /// Drops everything up to this share of what is there.
    Truncate(u8),
    /// Reads of the backend fail for a while.
    Fail,
    /// The scanner of this number is dropped and resumed by its token.
    Resume(usize),
    /// A scan of its own, from one share of all there ever was to another.
    Bounded(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..40).prop_map(Step::Append),
        2 => (0_u8..=100).prop_map(Step::Scan),
        6 => (any::<usize>(), 1_usize..60).prop_map(|(scanner, most)| Step::Take(scanner, most)),
        1 => (1_u64..4000).prop_map(Step::Wait),
        1 => (0_u8..90).prop_map(Step::Truncate),
        1 => Just(Step::Fail),
        1 => any::<usize>().prop_map(Step::Resume),
        1 => (0_u8..=100, 0_u8..=110).prop_map(|(from, to)| Step::Bounded(from, to)),
    ]
}

/// A scanner, and the lsn that the model says comes next.
struct Reader {
    scanner: Box<dyn Scanner>,
    next: u64,
}

/// Everything that was appended is delivered once, in order, or told as truncated.
fn check(reader: &mut Reader, entries: Vec<Entry>, appended: u64, truncated: u64) {
    for entry in entries {
        match entry {
            Entry::Message(placed) => {
                assert_eq!(placed.place.lsn.get(), reader.next, "in order, once");
                assert_eq!(placed.message.payload, reader.next.to_string());
                reader.next += 1;
            }
            Entry::Gap(gap) => {
                // With one owner and no markers, seqs are lsns; a resume knows the former, a start by lsn the latter.
                let lsns = gap.lsns.map(|(from, to)| (from.get(), to.get()));
                let (from, to) = lsns
                    .or_else(|| gap.seqs.map(|(from, to)| (from.get(), to.get())))
                    .expect("a range");
                assert_eq!(from, reader.next);
                assert!(
                    to <= truncated,
                    "only what was truncated is missing: {gap:?}, {truncated}"
                );
                reader.next = to;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(reader.next <= appended);
}

/// A start that meets a failing backend is told so, and may try again.
async fn scan(source: &dyn RoWal, option: ScanOption) -> Box<dyn Scanner> {
    loop {
        match source.scan(option.clone()).await {
            Ok(scanner) => return scanner,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
    }
}

async fn run(steps: Vec<Step>, capacity_bytes: usize, read_only: bool) {
    let rig = Rig::new();
    let cache = CacheOption::new(capacity_bytes, Duration::from_secs(3));
    let wal = rig
        .opener
        .open(rig.option().with_cache(cache))
        .await
        .unwrap();
    let source = match read_only {
        true => rig
            .other_opener()
            .open_read_only(rig.option().with_cache(cache))
            .await
            .unwrap(),
        false => wal.clone() as std::sync::Arc<dyn RoWal>,
    };
    let (mut appended, mut truncated) = (0_u64, 0_u64);
    let mut places = Vec::new();
    let mut readers: Vec<Reader> = Vec::new();
    let option = |position| {
        ScanOption::new(position)
            .on_lost(LostPolicy::Gap)
            .with_read_ahead_bytes(2000)
    };
    for step in steps {
        match step {
            Step::Append(count) => {
                let handles: Vec<_> = (0..count as u64)
                    .map(|i| wal.append(message(appended + i)))
                    .collect();
                for handle in handles {
                    places.push(within(handle).await.unwrap());
                }
                appended += count as u64;
            }
            Step::Scan(share) => {
                let next = truncated + (appended - truncated) * u64::from(share) / 100;
                let scanner = scan(source.as_ref(), option(Position::Lsn(Lsn::new(next)))).await;
                readers.push(Reader { scanner, next });
            }
            Step::Take(number, most) if !readers.is_empty() => {
                let count = readers.len();
                let reader = &mut readers[number % count];
                if reader.next < appended {
                    let entries = within(reader.scanner.next_batch(most)).await.unwrap();
                    assert!(!entries.is_empty() && entries.len() <= most);
                    check(reader, entries, appended, truncated);
                }
            }
            Step::Wait(ms) => clock::sleep(Duration::from_millis(ms)).await,
            Step::Truncate(share) if appended > 1 => {
                // The newest record always stays.
                let at = ((appended - 1) * u64::from(share) / 100).min(appended - 2);
                wal.truncate(places[at as usize].id).await.unwrap();
                truncated = truncated.max(at + 1);
            }
            Step::Fail => {
                rig.faults().fail_scan_next(1);
            }
            Step::Resume(number) if !readers.is_empty() => {
                let count = readers.len();
                let reader = &mut readers[number % count];
                if let Some(token) = reader
                    .scanner
                    .token()
                    .filter(|token| token.last().get() + 1 == reader.next)
                {
                    reader.scanner = scan(source.as_ref(), option(Position::Resume(token))).await;
                }
            }
            Step::Bounded(from, to) if appended > 0 => {
                let [first, last] = [from, to].map(|share| appended * u64::from(share) / 100);
                // Beyond the tail it would wait.
                let last = last.min(appended - 1);
                let end = End::Lsn(Lsn::new(last));
                let option = option(Position::Lsn(Lsn::new(first))).until(end);
                let scanner = scan(source.as_ref(), option).await;
                let mut reader = Reader {
                    scanner,
                    next: first,
                };
                loop {
                    let entries = within(reader.scanner.next_batch(7)).await.unwrap();
                    if entries.is_empty() {
                        break;
                    }
                    check(&mut reader, entries, appended, truncated);
                }
                assert!(
                    reader.next > last,
                    "it ends at {} of {first} to {last}",
                    reader.next
                );
            }
            Step::Bounded(..) | Step::Take(..) | Step::Truncate(_) | Step::Resume(_) => {}
        }
    }
    for reader in &mut readers {
        while reader.next < appended {
            let entries = within(reader.scanner.next_batch(64)).await.unwrap();
            check(reader, entries, appended, truncated);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn every_scanner_gets_everything_once_in_order(
        steps in prop::collection::vec(step(), 1..60),
        capacity_bytes in prop_oneof![Just(1_usize), 1000_usize..30_000],
        read_only: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(steps, capacity_bytes, read_only));
    }
}

#[tokio::test]
async fn a_scan_that_catches_up_goes_on_while_its_owner_opens_again() {
    let rig = Rig::new();
    let (wal, _) = filled(&rig, 1000, tiny()).await;
    let option = ScanOption::earliest().with_read_ahead_bytes(1);
    let mut scanner = wal.scan(option).await.unwrap();
    let mut seen = texts(&take(&mut scanner, 10).await);
    for i in 1000..1003 {
        // The handle that the scan reads from goes with the failure.
        rig.faults().unknown_next(true);
        wal.append(message(i)).await.unwrap();
        seen.extend(texts(&take(&mut scanner, 10).await));
    }
    seen.extend(texts(&take(&mut scanner, 1003 - seen.len()).await));
    assert_eq!(seen, numbers(0..1003));
    wal.close().await.unwrap();
    let end = within(scanner.next_batch(1)).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::Closed);
}
