//! Messages that scanners get whole, or not at all.

use std::time::Duration;

use walx_core::{
    Delivery, Entry, ErrorKind, Message, Position, RoWal, ScanOption, TransactionOption,
};

use super::text::{hands_out, next_word, overlapping, stream, word, words};
use crate::case::{case, ensure, refused};
use crate::faults::Plan;
use crate::log::{entries, new_log, open_once_free, same_channel};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_commit_delivers_it_whole_at_its_place,
            "Others may lie between its messages; scans get it at its commit, owner and reader alike."
        ),
        case!(
            a_rollback_is_seen_by_nobody,
            "Its messages keep their lsns, and no scan hands them out."
        ),
        case!(
            one_that_is_dropped_is_rolled_back,
            "Without a commit nobody sees it, and others go on."
        ),
        case!(
            one_without_a_call_expires_and_its_next_call_says_so,
            "The owner rolls it back once its keepalive is over; one that is kept alive goes on."
        ),
        case!(
            a_close_rolls_back_what_is_open,
            "The mark lies in the log before the next owner opens it, and the handle is of no use."
        ),
        case!(
            the_next_owner_rolls_back_what_it_finds,
            "What an owner that died left open is over before anything of the next one."
        ),
        case!(
            an_exclusive_message_ends_the_open_ones_of_its_stream,
            "Those of other streams go on; one that is meant for all ends them all."
        ),
        case!(
            a_token_within_open_ones_resumes_with_all_of_them,
            "Through its text, from each place of a log, exactly the rest is delivered, whole."
        ),
        case!(
            a_scan_from_amid_one_delivers_it_whole,
            "A start behind its first message and before its commit reads back what it needs."
        ),
        case!(
            raw_delivery_shows_messages_as_they_were_appended,
            "With a mark for each begin, commit and rollback, and of those that nobody commits too."
        ),
        case!(
            many_that_are_open_at_once_are_kept_apart,
            "Each is delivered with its own messages, in the order of the commits."
        ),
        case!(
            one_that_is_empty_is_delivered_as_such,
            "A commit without messages has a place as any other."
        ),
        case!(
            what_does_not_belong_into_it_is_refused,
            "A message of another stream, and a keepalive of nothing: `InvalidInput`, and nothing is written."
        ),
    ]
}

fn all() -> ScanOption {
    ScanOption::earliest()
}

fn raw() -> ScanOption {
    all().with_transactions(Delivery::Raw)
}

fn any() -> TransactionOption {
    TransactionOption::new().with_keepalive(Duration::from_secs(60))
}

async fn a_commit_delivers_it_whole_at_its_place(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    wal.append("a".into()).await?;
    let transaction = wal.begin(any())?;
    transaction.append("b".into()).await?;
    wal.append("c".into()).await?;
    let last = transaction.append("d".into()).await?;
    hands_out(&*wal, all(), "a c").await?;
    let place = transaction.commit().await?;
    wal.append("e".into()).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for wal in [&*wal as &dyn RoWal, &*reader] {
        hands_out(wal, all(), "a c [b d] e").await?;
        let found = entries(wal, all().until(walx_core::End::Tail)).await?;
        let Some(Entry::Transaction(whole)) = found.get(2) else {
            return Err(Failure::new("the third entry is no transaction"));
        };
        ensure!(
            whole.place == place,
            "it is delivered at {:?}, and its commit was answered with {place:?}",
            whole.place
        );
        let bodies: Vec<_> = whole.messages().collect::<walx_core::Result<_>>()?;
        ensure!(
            bodies[1].place == last && bodies.iter().all(|it| it.transaction == Some(whole.id)),
            "its messages are {bodies:?}, and the last one was answered with {last:?}"
        );
    }
    Ok(store.close().await?)
}

async fn a_rollback_is_seen_by_nobody(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let transaction = wal.begin(any())?;
    transaction.append("a".into()).await?;
    let second = transaction.append("b".into()).await?;
    let mark = transaction.rollback().await?;
    let next = wal.append("c".into()).await?;
    ensure!(
        next.lsn == second.lsn.next() && mark.id > second.id && mark.tick < next.tick,
        "behind {second:?} and a rollback at {mark:?} comes {next:?}"
    );
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    hands_out(&*wal, all(), "c").await?;
    hands_out(&*reader, all(), "c").await?;
    Ok(store.close().await?)
}

async fn one_that_is_dropped_is_rolled_back(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let (first, second) = (wal.begin(any())?, wal.begin(any())?);
    first.append("a".into()).await?;
    second.append("b".into()).await?;
    drop(first);
    second.commit().await?;
    wal.append("c".into()).await?;
    hands_out(&*wal, all(), "[b] c").await?;
    let found = words(&*wal, raw()).await?;
    let ends = found
        .iter()
        .filter(|it| it.contains("rol") || it.contains("exp"));
    ensure!(ends.count() == 1, "one was rolled back, in {found:?}");
    Ok(store.close().await?)
}

async fn one_without_a_call_expires_and_its_next_call_says_so(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let short = any().with_keepalive(Duration::from_millis(50));
    let (left, kept) = (wal.begin(short.clone())?, wal.begin(any())?);
    left.append("a".into()).await?;
    kept.append("b".into()).await?;
    let mut scanner = wal.scan(raw()).await?;
    let mut found = Vec::new();
    while found.last().map(String::as_str) != Some("<expired>") {
        kept.keep_alive()?;
        found.push(next_word(&mut *scanner).await?);
    }
    let rolled_back = [ErrorKind::NotWritten];
    refused(left.append("c".into()).await, &rolled_back, "an append")?;
    refused(left.keep_alive(), &rolled_back, "a keep_alive")?;
    refused(left.commit().await, &rolled_back, "a commit")?;
    kept.commit().await?;
    hands_out(&*wal, all(), "[b]").await?;
    Ok(store.close().await?)
}

async fn a_close_rolls_back_what_is_open(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let transaction = wal.begin(any())?;
    transaction.append("a".into()).await?;
    wal.append("b".into()).await?;
    wal.close().await?;
    let over = [ErrorKind::Closed, ErrorKind::NotWritten];
    refused(transaction.append("c".into()).await, &over, "an append")?;
    refused(transaction.commit().await, &over, "a commit")?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    hands_out(&*reader, all(), "b").await?;
    hands_out(&*reader, raw(), "<begin> a b <expired>").await?;
    let next = store.open(same_channel(&*wal)).await?;
    next.append("d".into()).await?;
    hands_out(&*next, raw(), "<begin> a b <expired> d").await?;
    Ok(store.close().await?)
}

async fn the_next_owner_rolls_back_what_it_finds(context: Context) -> Outcome {
    let broken = context.under(Plan::quiet());
    let store = broken.store().await?;
    let option = crate::log::option(&broken)?.with_recovery_timeout(Duration::ZERO);
    let wal = store.open(option).await?;
    let option = same_channel(&*wal).with_take_over(true);
    let first = wal.begin(any())?;
    first.append("a".into()).await?;
    let second = wal.begin(any())?;
    second.append("b".into()).await?;
    let third = wal.begin(any())?;
    third.append("c".into()).await?;
    third.commit().await?;
    // From now on nothing of it reaches the store, as of a process that is gone.
    broken.faults()?.cut();
    drop((first, second, wal));
    let _ = store.close().await;
    drop(store);

    let store = context.store().await?;
    let wal = open_once_free(&store, &option).await?;
    wal.append("d".into()).await?;
    hands_out(&*wal, all(), "[c] d").await?;
    hands_out(
        &*wal,
        raw(),
        "<begin> a <begin> b <begin> c <commit 1> <expired> <expired> d",
    )
    .await?;
    Ok(store.close().await?)
}

async fn an_exclusive_message_ends_the_open_ones_of_its_stream(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let of = |name| Ok::<_, Failure>(any().with_virtual_channel(stream(name)?));
    let (first, other) = (wal.begin(of("a")?)?, wal.begin(of("b")?)?);
    first.append("1".into()).await?;
    other.append("2".into()).await?;
    let exclusive = Message::new("x").with_virtual_channel(stream("a")?);
    wal.append(exclusive.exclusive()).await?;
    let rolled_back = [ErrorKind::NotWritten];
    refused(first.append("3".into()).await, &rolled_back, "an append")?;
    other.append("4".into()).await?;
    other.commit().await?;
    hands_out(&*wal, all(), "x [2 4]").await?;
    let all_of_them = [
        wal.begin(of("a")?)?,
        wal.begin(of("b")?)?,
        wal.begin(any())?,
    ];
    wal.append(Message::new("y").exclusive()).await?;
    for transaction in all_of_them {
        refused(transaction.commit().await, &rolled_back, "a commit")?;
    }
    hands_out(&*wal, all(), "x [2 4] y").await?;
    Ok(store.close().await?)
}

const OVERLAPPING: [&str; 7] = ["a", "b", "[2]", "c", "d", "[1 3 5]", "e"];
const OVERLAPPING_RAW: &str =
    "<begin> a 1 <begin> 2 b <begin> 3 4 <commit 1> c <rollback> d 5 <commit 3> e";

async fn a_token_within_open_ones_resumes_with_all_of_them(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    overlapping(&*wal).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    wal.close().await?;
    let next = store.open(same_channel(&*wal)).await?;
    for option in [all(), raw()] {
        let expected = words(&*reader, option.clone()).await?;
        for wal in [&*next as &dyn RoWal, &*reader] {
            let mut scanner = wal.scan(option.clone()).await?;
            for read in 1..=expected.len() {
                next_word(&mut *scanner).await?;
                let token = scanner.token();
                let token = token.ok_or_else(|| Failure::new("a scanner has no token"))?;
                let from = Position::Resume(token.to_string().parse()?);
                let mut rest = option.clone();
                rest.from = from;
                let what = format!("{read} entries and the token behind them: then");
                let rest = hands_out(wal, rest, &expected[read..].join(" ")).await;
                rest.map_err(|failure| failure.during(what))?;
            }
        }
    }
    Ok(store.close().await?)
}

async fn a_scan_from_amid_one_delivers_it_whole(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    overlapping(&*wal).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    hands_out(&*reader, all(), &OVERLAPPING.join(" ")).await?;
    let found = entries(&*reader, all().until(walx_core::End::Tail)).await?;
    for wal in [&*wal as &dyn RoWal, &*reader] {
        for (at, entry) in found.iter().enumerate() {
            let place = entry.place();
            let place = place.ok_or_else(|| Failure::new(format!("{entry:?} has no place")))?;
            let rest = OVERLAPPING[at..].join(" ");
            hands_out(wal, ScanOption::new(Position::At(place.id)), &rest).await?;
            hands_out(wal, ScanOption::new(Position::Tick(place.tick)), &rest).await?;
            let rest = OVERLAPPING[at + 1..].join(" ");
            hands_out(wal, ScanOption::new(Position::After(place.id)), &rest).await?;
        }
    }
    Ok(store.close().await?)
}

async fn raw_delivery_shows_messages_as_they_were_appended(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    overlapping(&*wal).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    hands_out(&*wal, raw(), OVERLAPPING_RAW).await?;
    hands_out(&*reader, raw(), OVERLAPPING_RAW).await?;
    let mut ids = std::collections::BTreeMap::<_, Vec<String>>::new();
    for entry in entries(&*reader, raw().until(walx_core::End::Tail)).await? {
        let id = match &entry {
            Entry::Message(it) => it.transaction,
            Entry::Marker(it) => it.transaction,
            _ => None,
        };
        if let Some(id) = id {
            ids.entry(id).or_default().push(word(&entry)?);
        }
    }
    let found: Vec<_> = ids.into_values().map(|it| it.join(" ")).collect();
    let expected = [
        "<begin> 1 3 5 <commit 3>",
        "<begin> 2 <commit 1>",
        "<begin> 4 <rollback>",
    ];
    ensure!(found == expected, "by their numbers they are {found:?}");
    Ok(store.close().await?)
}

async fn many_that_are_open_at_once_are_kept_apart(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let mut open = Vec::new();
    for number in 0..20 {
        open.push((number, wal.begin(any())?));
    }
    let mut appends = Vec::new();
    for round in 0..3 {
        for (number, transaction) in &open {
            appends.push(transaction.append(format!("{number}.{round}").into()));
        }
    }
    for append in appends {
        append.await?;
    }
    let mut expected = Vec::new();
    // From the middle on, and one in four is given up.
    while !open.is_empty() {
        let (number, transaction) = open.remove(open.len() / 2);
        if open.len() % 4 == 3 {
            drop(transaction);
        } else {
            transaction.commit().await?;
            expected.push(format!("[{number}.0 {number}.1 {number}.2]"));
        }
    }
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    hands_out(&*wal, all(), &expected.join(" ")).await?;
    hands_out(&*reader, all(), &expected.join(" ")).await?;
    Ok(store.close().await?)
}

async fn one_that_is_empty_is_delivered_as_such(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let place = wal.begin(any())?.commit().await?;
    let next = wal.append("a".into()).await?;
    ensure!(
        next.lsn == place.lsn && next.id > place.id,
        "a commit lies at {place:?}, and the message behind it at {next:?}"
    );
    hands_out(&*wal, all(), "[] a").await?;
    hands_out(&*wal, raw(), "<begin> <commit 0> a").await?;
    Ok(store.close().await?)
}

async fn what_does_not_belong_into_it_is_refused(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let invalid = [ErrorKind::InvalidInput];
    let nothing = any().with_keepalive(Duration::ZERO);
    refused(wal.begin(nothing), &invalid, "a begin without a keepalive")?;
    let transaction = wal.begin(any().with_virtual_channel(stream("a")?))?;
    let other = Message::new("x").with_virtual_channel(stream("b")?);
    refused(
        transaction.append(other).await,
        &invalid,
        "an append of another stream",
    )?;
    transaction.append("1".into()).await?;
    transaction.commit().await?;
    hands_out(&*wal, raw(), "<begin> 1 <commit 1>").await?;
    Ok(store.close().await?)
}
