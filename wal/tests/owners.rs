//! Two owners in two processes, where the store itself keeps the older one out: it is stopped, a new one opens and appends,
//! and it goes on. This test program starts itself again.
#![cfg(feature = "kafka")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test ends with them"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use walx::{
    ChannelName, End, Entry, ErrorKind, Message, OpenOption, Opener, Owner, RoWal, ScanOption,
};
use walx_testkit::faults::process::Process;
use walx_testkit::server;
use walx_utility::{clock, random, spawn};

const STORE: &str = "WALX_TEST_STORE";
const CHANNEL: &str = "WALX_TEST_CHANNEL";
/// What the parent says once another owner's open has answered.
const OPENED: &str = "another owner has opened";
/// So many messages each owner gets acknowledged at least.
const ACKNOWLEDGED: usize = 50;
/// The last message of all.
const LAST: &str = "last";

/// The older owner: says what becomes of each append, until one fails for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other tests start it, in a process of its own"]
async fn a_child_owns_and_appends() {
    let store = std::env::var(STORE).expect("started by another test");
    let channel = std::env::var(CHANNEL).expect("started by another test");
    let store = walx::store(&store).await.unwrap();
    let wal = store.open(option(&channel)).await.unwrap();
    let opened = Arc::<AtomicBool>::default();
    let heard = Arc::clone(&opened);
    spawn::thread("input", move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            heard.fetch_or(line == OPENED, Ordering::SeqCst);
        }
    })
    .unwrap();
    println!("\nready {}", wal.owner());
    for number in 0.. {
        let late = opened.load(Ordering::SeqCst);
        let append = wal.append(Message::new(format!("old {number}")));
        match append.await {
            Ok(place) if late => println!("late {number} {}", place.lsn),
            Ok(place) => println!("acknowledged {number} {}", place.lsn),
            Err(error) => {
                let kind = match error.kind() {
                    ErrorKind::Fenced => "fenced",
                    _ => "failed",
                };
                println!("{kind} {number} {error}");
                return;
            }
        }
    }
}

fn option(channel: &str) -> OpenOption {
    OpenOption::new(ChannelName::new(channel).unwrap()).with_take_over(true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_was_stopped_while_another_one_came_is_never_acknowledged_again() {
    let Some(brokers) = server("WALX_KAFKA") else {
        return;
    };
    for round in 1..=3 {
        two_owners(&format!("kafka://{brokers}/owners-"), round).await;
    }
}

/// The same where nothing but reading back keeps the older one out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_reads_back_finds_that_another_one_came_while_it_was_stopped() {
    let Some(brokers) = server("WALX_KAFKA") else {
        return;
    };
    for round in 1..=3 {
        two_owners(&format!("kafka://{brokers}/owners-?fence=readback"), round).await;
    }
}

/// One round, on any store whose fence is native: prints what it saw.
async fn two_owners(store: &str, round: usize) {
    let channel = format!("round-{:016x}", random::number());
    let child = Process::test("a_child_owns_and_appends").env(STORE, store);
    let mut child = child.env(CHANNEL, &channel).start().unwrap();
    let mut told = Told::default();
    while told.acknowledged.len() < ACKNOWLEDGED {
        told.hear(&child.line().await.unwrap().expect("the child goes on"));
    }
    let ours = walx::store(store).await.unwrap();
    let theirs = walx::store(store).await.unwrap();
    let reader = spawn::task(follow(theirs, channel.clone()));
    // Anywhere between two appends, or within one.
    clock::sleep(Duration::from_micros(random::within(0..=50_000))).await;
    child.stop().unwrap();
    let stopped = clock::now();

    let wal = ours.open(option(&channel)).await.unwrap();
    let opened = stopped.elapsed();
    let mut first = None;
    for number in 0..ACKNOWLEDGED {
        let place = wal.append(Message::new(format!("new {number}"))).await;
        let lsn = place.unwrap().lsn.get();
        first.get_or_insert(lsn);
    }
    child.send(OPENED).unwrap();
    child.resume().unwrap();
    while let Some(line) = child.line().await.unwrap() {
        told.hear(&line);
    }
    wal.append(Message::new(LAST)).await.unwrap();

    let all = whole(&*wal).await;
    let read = reader.await.unwrap();
    assert_eq!(read, all, "a reader that followed saw another order");
    let (old, new): (Vec<_>, Vec<_>) = all.iter().partition(|it| it.1.starts_with("old"));
    let (old_owner, new_owner) = (told.owner.clone().unwrap(), wal.owner());
    assert!(
        old.iter()
            .all(|it| it.2.to_string().starts_with(&old_owner))
    );
    assert!(new.iter().all(|it| it.2 == new_owner));
    let (first, newest) = (first.unwrap(), old.last().unwrap().0);
    assert!(
        newest < first,
        "of the old owner's, lsn {newest} lies behind {first}"
    );
    for (number, lsn) in &told.acknowledged {
        let there = old.iter().find(|it| it.0 == *lsn).map(|it| it.1.as_str());
        assert_eq!(there, Some(format!("old {number}").as_str()), "at {lsn}");
    }
    assert!(
        told.late.is_empty(),
        "{:?} are acknowledged, called after the new owner's open",
        told.late
    );
    let (kind, error) = told.end.expect("the old owner is told");
    assert_eq!(kind, "fenced", "{error}");
    let names = format!("owner: {new_owner}");
    assert!(error.contains(&names), "{error} does not name {names}");
    println!(
        "round {round}: the old owner {old_owner} got {} appends acknowledged and has {} messages in the log; stopped, \
         the new owner {new_owner} was open after {opened:?} and appended from lsn {first} on; gone on, the old one was \
         told: {error}",
        told.acknowledged.len(),
        old.len()
    );
    wal.close().await.unwrap();
    ours.close().await.unwrap();
}

/// What the older owner said.
#[derive(Default)]
struct Told {
    owner: Option<String>,
    /// Numbers of messages, and their lsns.
    acknowledged: BTreeMap<u64, u64>,
    /// Of appends that were called after the new owner's open had answered.
    late: Vec<u64>,
    end: Option<(String, String)>,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let words: Vec<_> = line.splitn(3, ' ').collect();
        match words[..] {
            ["ready", owner] => self.owner = Some(owner.to_owned()),
            ["acknowledged", number, lsn] => {
                let (number, lsn) = (number.parse().unwrap(), lsn.parse().unwrap());
                self.acknowledged.insert(number, lsn);
            }
            ["late", number, _] => self.late.push(number.parse().unwrap()),
            [kind @ ("fenced" | "failed"), _, error] => {
                self.end = Some((kind.to_owned(), error.to_owned()));
            }
            // What the test harness says.
            _ => {}
        }
    }
}

/// Lsn, payload and owner of a message.
type Seen = (u64, String, Owner);

fn seen(entry: &Entry) -> Seen {
    let Entry::Message(it) = entry else {
        panic!("{entry:?}")
    };
    let payload = String::from_utf8(it.message.payload.to_vec()).unwrap();
    (it.place.lsn.get(), payload, it.place.owner)
}

/// What a reader sees that follows from the beginning to the last message.
async fn follow(store: Arc<dyn Opener>, channel: String) -> Vec<Seen> {
    let option = OpenOption::new(ChannelName::new(channel).unwrap());
    let wal = store.open_read_only(option).await.unwrap();
    let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
    let mut all = Vec::new();
    while all.last().is_none_or(|it: &Seen| it.1 != LAST) {
        all.extend(scanner.next_batch(100).await.unwrap().iter().map(seen));
    }
    wal.close().await.unwrap();
    store.close().await.unwrap();
    all
}

/// What a scan of everything finds.
async fn whole(wal: &dyn RoWal) -> Vec<Seen> {
    let option = ScanOption::earliest().until(End::Tail);
    let mut scanner = wal.scan(option).await.unwrap();
    let mut all = Vec::new();
    loop {
        let batch = scanner.next_batch(100).await.unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch.iter().map(seen));
    }
}
