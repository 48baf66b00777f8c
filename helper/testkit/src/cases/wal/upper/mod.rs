//! Everything at once, as applications do it: several channels, owner after owner, transactions of every kind, messages
//! of several records, keys, readers of streams, restarts from tokens; and a store that loses answers.

mod reader;
mod unit;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use walx_core::{Fence, IdempotencyOption, OpenOption, Opener, ScanOption, Wal};
use walx_utility::spawn;

use self::reader::{Found, follow, resume};
use self::unit::Unit;
use self::writer::{Book, Writer};
use super::text::stream;
use crate::case::{case, ensure, same};
use crate::faults::{Fault, Plan};
use crate::log::{open_once_free, option};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            readers_of_many_owners_get_everything_once_and_the_rest_from_any_token,
            "Three channels of three owners each, a mix of all that can be appended, two readers of different streams, \
             and restarts all along."
        ),
        case!(
            a_writer_whose_store_loses_one_answer_in_fifty_loses_and_repeats_nothing,
            "Every append is acknowledged, in the order of the calls, and delivered once; keys are written once."
        ),
    ]
}

const CHANNELS: u64 = 3;
const TERMS: u64 = 3;
/// What one owner does. Of three of them it is about 1000 messages a channel.
const STEPS: usize = 400;
/// The largest record: some messages need several.
const RECORD: usize = 4 << 10;
/// A reader starts again from so many of its tokens.
const RESTARTS: usize = 12;
/// The last message of a channel, which is meant for all.
const END: &str = "the end";

fn owned(option: OpenOption) -> OpenOption {
    option
        .with_take_over(true)
        .with_idempotency(IdempotencyOption::default())
        .with_max_chunked_bytes(16 * RECORD)
}

/// What the two readers want.
fn filters() -> Outcome<[ScanOption; 2]> {
    let all = ScanOption::earliest();
    let a = all.clone().with_virtual_channel(stream("a")?);
    Ok([
        a,
        all.with_virtual_channel(stream("b")?)
            .with_virtual_channel(stream("c")?),
    ])
}

async fn readers_of_many_owners_get_everything_once_and_the_rest_from_any_token(
    context: Context,
) -> Outcome {
    let context = context.with_largest_record(RECORD);
    let store = context.store().await?;
    let mut tasks = Vec::new();
    for number in 0..CHANNELS {
        let (context, store) = (context.clone(), Arc::clone(&store));
        let channel = option(&context)?;
        tasks.push(spawn::task(async move {
            let told = channel_of_many_owners(&context, store, channel, number).await;
            told.map_err(|failure| failure.during(format_args!("channel {number}")))
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        let ended = task.await;
        all.push(ended.map_err(|_| Failure::new("a channel's task panicked"))??);
    }
    store.close().await?;
    let store = context.store().await?;
    for (option, found) in all {
        for found in found {
            resume(&store, &option, &found).await?;
        }
    }
    Ok(store.close().await?)
}

async fn channel_of_many_owners(
    context: &Context,
    mut store: Arc<dyn Opener>,
    option: OpenOption,
    seed: u64,
) -> Outcome<(OpenOption, Vec<Found>)> {
    let mut book = Book::new(seed);
    let mut readers = Vec::new();
    // What an owner that was overtaken keeps, so that the next one finds it open.
    let mut overtaken = Vec::new();
    for term in 0..TERMS {
        let wal = open_once_free(&store, &owned(option.clone())).await?;
        if term == 0 {
            for filter in filters()? {
                let reading = follow(Arc::clone(&store), option.clone(), filter);
                readers.push(spawn::task(reading));
            }
        }
        let mut writer = Writer::new(&wal, &mut book);
        for _ in 0..STEPS {
            writer.step().await?;
        }
        writer.settle().await?;
        match term {
            0 => {
                writer.expire().await?;
                drop(writer);
                wal.close().await?;
            }
            1 if context.capability().fence != Fence::Lock => {
                overtaken.push(writer.leave());
                store = context.store().await?;
            }
            1 => drop(writer),
            _ => {
                drop(writer);
                book.end(wal.append(END.into()).await?);
                wal.close().await?;
            }
        }
    }
    for transaction in overtaken.into_iter().flatten() {
        let committed = transaction.commit().await;
        ensure!(
            committed.is_err(),
            "a transaction of an owner that was overtaken is committed"
        );
    }
    let expected = book.units();
    let mut all = Vec::new();
    for (reader, filter) in readers.into_iter().zip(filters()?) {
        let ended = reader.await;
        let found = ended.map_err(|_| Failure::new("a reader panicked"))??;
        let wanted = expected.iter().filter(|it| it.is_wanted(&filter));
        let wanted: Vec<Unit> = wanted.cloned().collect();
        same(&found.units, &wanted, "what a reader of streams got")?;
        all.push(found);
    }
    Ok((option, all))
}

async fn a_writer_whose_store_loses_one_answer_in_fifty_loses_and_repeats_nothing(
    context: Context,
) -> Outcome {
    let plan = Plan::quiet().with_seed(1).with(Fault::LoseAck, 20);
    let faulty = context
        .with_largest_record(RECORD)
        .under(plan.with_first_appends_spared());
    let store = faulty.store().await?;
    let option = option(&context)?;
    // The faults are dense: on a slow machine each one takes its time.
    let patient = owned(option.clone()).with_recovery_timeout(Duration::from_secs(60));
    let wal: Arc<dyn Wal> = store.open(patient).await?;
    let mut book = Book::new(7);
    let reader = spawn::task(follow(
        Arc::clone(&store),
        option.clone(),
        ScanOption::earliest(),
    ));
    let mut writer = Writer::new(&wal, &mut book);
    for _ in 0..STEPS * 2 {
        writer.step().await?;
    }
    writer.settle().await?;
    drop(writer);
    book.end(wal.append(END.into()).await?);
    ensure!(
        wal.owner().incarnation > 3,
        "the store lost hardly any answer: the owner is {}",
        wal.owner()
    );
    let found = reader.await;
    let found = found.map_err(|_| Failure::new("the reader panicked"))??;
    same(&found.units, &book.units(), "what a reader got")?;
    resume(&store, &option, &found).await?;
    wal.close().await?;
    Ok(store.close().await?)
}
