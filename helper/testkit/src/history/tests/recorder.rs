//! What the recorder puts down of a store that is used, and that its user notices nothing.

use std::io::Write;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt, StreamExt};
use walx_core::{
    Config, End, Entry, ErrorKind, LostPolicy, Message, OpenOption, Opener, Position, Result,
    RoWal, ScanOption, VirtualChannel,
};
use walx_memory::MemoryBuilder;
use walx_utility::spawn;
use walx_utility::sync::lock;

use crate::history::{Appended, Check, Checks, History, Recorder, What, check};

async fn store() -> Arc<dyn Opener> {
    let builder = walx_adaptor::adapt(Arc::new(MemoryBuilder::new()));
    builder.build(Config::new()).await.unwrap()
}

fn log() -> OpenOption {
    OpenOption::try_from("log").unwrap()
}

fn all() -> ScanOption {
    ScanOption::earliest().until(End::Tail)
}

async fn read(wal: &dyn RoWal, option: ScanOption) -> Result<Vec<Message>> {
    let scanner = wal.scan(option).await?;
    let entries: Vec<_> = scanner.collect().await;
    let entries: Result<Vec<Entry>> = entries.into_iter().collect();
    let messages = entries?;
    Ok(messages
        .iter()
        .filter_map(|it| Some(it.message()?.message.clone()))
        .collect())
}

fn message(number: u64) -> Message {
    Message::new(format!("message {number}"))
        .with_property("test.history", "the user's own")
        .with_idempotency_key("key")
        .with_virtual_channel(
            VirtualChannel::new(if number.is_multiple_of(2) {
                "even"
            } else {
                "odd"
            })
            .unwrap(),
        )
}

/// Everything that the traits offer: tasks side by side, batches, permits, drops, truncations, two owners.
async fn workload(recorder: &Recorder) -> Result<History> {
    let store = recorder.opener(store().await);
    let wal = store.open(log()).await?;
    let mut latest = wal.scan(ScanOption::latest()).await?;
    let tasks = (0..4).map(|task| {
        let wal = Arc::clone(&wal);
        spawn::task(async move {
            for number in 0..20 {
                let appends = [(); 3].map(|()| wal.append(message(100 * task + number)));
                drop(wal.append(message(7)));
                for append in appends.into_iter().rev() {
                    append.await?;
                }
            }
            Ok::<_, walx_core::Error>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap()?;
    }
    wal.append_batch((0..5).map(message).collect()).await?;
    wal.append_batch(Vec::new()).await.unwrap_err();
    let exact = message(1).bytes();
    let place = wal.reserve(exact).await?.append(message(1)).await?;
    drop(wal.reserve(100).await?);
    wal.reserve(1).await?.append(message(1)).await.unwrap_err();
    wal.try_append(message(2)).unwrap().await?;
    while latest.token().is_none_or(|it| it.id() < place.id) {
        latest.next_batch(7).await?;
    }
    drop(latest);
    let reader = store.open_read_only(log()).await?;
    let everything = read(&*reader, all()).await?;
    assert_eq!(everything.last(), Some(&message(2)));
    assert_eq!(everything.len(), 4 * 20 * 4 + 5 + 2);
    let odd = all().with_virtual_channel(VirtualChannel::new("odd").unwrap());
    assert!(
        read(&*reader, odd)
            .await?
            .iter()
            .all(|it| it.virtual_channel == message(1).virtual_channel)
    );
    wal.truncate(place.id).await?;
    let gap = ScanOption::new(Position::Lsn(walx_core::Lsn::ZERO)).until(End::Tail);
    read(&*wal, gap.clone()).await.unwrap_err();
    assert_eq!(read(&*wal, gap.on_lost(LostPolicy::Gap)).await?.len(), 1);
    let next = store.open(log().with_take_over(true)).await?;
    wal.append(message(3)).await.unwrap_err();
    next.append(message(4)).await?;
    read(&*next, all()).await?;
    next.close().await?;
    next.append(message(5)).await.unwrap_err();
    store.close().await?;
    Ok(recorder.history())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_keeps_its_promises_is_found_to_keep_them_all() {
    let recorder = Recorder::new(0);
    let history = workload(&recorder).await.unwrap();
    let violations = check(&history, &Checks::all());
    assert!(violations.is_empty(), "{}", violations[0]);
    let back: History = history.to_string().parse().unwrap();
    assert_eq!(back.events(), history.events());
    let count = |wanted: fn(&What) -> bool| {
        history
            .events()
            .iter()
            .filter(|it| wanted(&it.what))
            .count()
    };
    assert_eq!(
        count(|it| matches!(
            it,
            What::AppendAnswered {
                answer: Appended::Dropped,
                ..
            }
        )),
        80
    );
    assert!(count(|it| matches!(it, What::Delivered { key: Some(_), .. })) > 700);
    assert_eq!(
        count(|it| matches!(it, What::Delivered { key: None, .. })),
        0
    );
    assert_eq!(count(|it| matches!(it, What::Gap { .. })), 1);
}

#[tokio::test]
async fn what_is_changed_in_a_recorded_history_is_found() {
    let history = workload(&Recorder::new(0)).await.unwrap();
    let text = history.to_string();
    let lines: Vec<_> = text.lines().collect();
    let full = lines
        .iter()
        .position(|line| line.contains("scan-called") && line.contains("until=tail"));
    let delivered = full.unwrap() + 50;
    assert!(lines[delivered].contains("delivered"));
    let without: Vec<_> = lines
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != delivered)
        .map(|(_, line)| *line)
        .collect();
    let broken: History = format!("{}\n", without.join("\n")).parse().unwrap();
    let violations = check(&broken, &Checks::all());
    assert!(
        violations
            .iter()
            .all(|it| matches!(it.check, Check::Lost | Check::Gap)),
        "{violations:#?}"
    );
    assert_eq!(violations.len(), 1);
}

#[tokio::test]
async fn a_scanner_that_is_given_up_and_one_that_is_polled_hand_out_the_users_own_messages() {
    let recorder = Recorder::new(0);
    let store = recorder.opener(store().await);
    let wal = store.open(log()).await.unwrap();
    let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
    assert!(scanner.next_batch(10).now_or_never().is_none());
    wal.append(message(1)).await.unwrap();
    let batch = scanner.next_batch(10).await.unwrap();
    assert_eq!(batch[0].message().unwrap().message, message(1));
    let refused = wal
        .try_append(Message::new(vec![0; 100 << 20]))
        .unwrap_err();
    assert_eq!(refused.message, Message::new(vec![0; 100 << 20]));
    store.close().await.unwrap();
    assert_eq!(
        scanner.next_batch(10).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(check(&recorder.history(), &Checks::all()), []);
}

#[tokio::test]
async fn a_full_history_refuses_further_calls() {
    let recorder = Recorder::new(0).with_max_events(20);
    let store = recorder.opener(store().await);
    let wal = store.open(log()).await.unwrap();
    let mut error = None;
    for _ in 0..20 {
        error = wal.append(message(1)).await.err();
    }
    let error = error.unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::Overloaded { .. }),
        "{error}"
    );
    assert!(recorder.history().events().len() <= 22);
    assert_eq!(check(&recorder.history(), &Checks::all()), []);
}

#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Vec<u8>>>, Arc<Mutex<bool>>);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if *lock(&self.1) {
            return Err(std::io::Error::other("no space is left"));
        }
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn events_are_written_at_once_and_a_disk_that_refuses_them_ends_the_workload() {
    let disk = Disk::default();
    let recorder = Recorder::writing(4, disk.clone());
    let store = recorder.opener(store().await);
    let wal = store.open(log()).await.unwrap();
    let written = || String::from_utf8(lock(&disk.0).clone()).unwrap();
    drop(wal.append(message(1)));
    let history: History = written().parse().unwrap();
    assert_eq!(history.events().len(), 5, "{history}");
    assert_eq!(history.events().last().map(|it| it.id), recorder.point());
    assert_eq!(recorder.history().events(), []);
    *lock(&disk.1) = true;
    drop(wal.append(message(2)));
    let error = wal.append(message(3)).await.unwrap_err();
    assert!(error.to_string().contains("no space is left"), "{error}");
}

#[tokio::test]
async fn what_a_test_says_is_put_down() {
    let parent = Recorder::new(0);
    let child = Recorder::new(1);
    child.damaged();
    parent.after(child.point().unwrap());
    parent.ended(1);
    parent.power_lost();
    let merged = History::merge([parent.history(), child.history()]).unwrap();
    assert_eq!(
        merged.to_string(),
        "1.0 damaged\n0.0 after point=1.0\n0.1 ended process=1\n0.2 power-lost\n"
    );
}
