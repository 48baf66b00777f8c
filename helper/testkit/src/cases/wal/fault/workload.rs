//! Owners, readers and truncations under faults of all sorts.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{ErrorKind, OpenOption, Opener, RoWal, ScanOption, Wal};
use walx_utility::clock;
use walx_utility::random::Stream;
use walx_utility::spawn::{self, Task};

use super::bed::{Bed, is_open_failure, under};
use crate::faults::Plan;
use crate::log::{PATIENCE, message};
use crate::{Context, Failure, Outcome};

/// Plans that one run goes through.
const PLANS: u64 = 4;
const OWNERS: u64 = 4;
/// How often an open may fail in a row: with the odds of a plan it hardly ever does.
const TRIES: usize = 200;

pub(super) async fn any_faults_at_all_break_no_promise(context: Context) -> Outcome {
    let first = context.faults()?.plan().seed();
    for seed in (0..PLANS).map(|number| first.wrapping_add(number)) {
        let faulty = context.under(Plan::seeded(seed));
        let told = under(&faulty);
        run(&context, &faulty, seed).await.map_err(told)?;
    }
    Ok(())
}

async fn run(context: &Context, faulty: &Context, seed: u64) -> Outcome {
    let bed = Bed::new(faulty).await?;
    let mut chance = Stream::seeded(seed);
    let mut number = 0;
    for _ in 0..OWNERS {
        let wal = owner(&bed).await?;
        let reader = spawn::task(follow(Arc::clone(&bed.store), bed.option.clone()));
        work(&*wal, &mut chance, &mut number).await?;
        let closed = clock::timeout(PATIENCE, wal.close()).await;
        // What could not be ended cleanly is freed all the same.
        let _ = closed.map_err(|_| Failure::new("a close hangs"))?;
        finish(reader).await?;
    }
    let closed = clock::timeout(PATIENCE, bed.store.close()).await;
    let _ = closed.map_err(|_| Failure::new("the store's close hangs"))?;
    bed.reopened(context).await?.conclude().await.map(drop)
}

/// The next owner; an open meets faults as everything else does.
async fn owner(bed: &Bed) -> Outcome<Arc<dyn Wal>> {
    for _ in 0..TRIES {
        match bed.store.open(bed.option.clone()).await {
            Ok(wal) => return Ok(wal),
            Err(error) if is_open_failure(&error) => {}
            // A lock that an open without an answer took, and is about to let go.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                clock::sleep(Duration::from_millis(2)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::new(format!("of {TRIES} opens none succeeds")))
}

/// Appends in every way there is, and truncates now and then, until something fails or it is enough.
async fn work(wal: &dyn Wal, chance: &mut Stream, number: &mut u64) -> Outcome {
    let mut next = || {
        *number += 1;
        message(*number)
    };
    for _ in 0..chance.within(1..12) {
        let mut waiting = Vec::new();
        for _ in 0..chance.within(1..8) {
            match chance.within(0..8) {
                0 => drop(wal.append(next())),
                1 => waiting.extend(wal.try_append(next())),
                _ => waiting.push(wal.append(next())),
            }
        }
        let batch = wal.append_batch((0..chance.within(1..4)).map(|_| next()).collect());
        let mut newest = None;
        for append in waiting {
            let answer = clock::timeout(PATIENCE, append).await;
            let answer = answer.map_err(|_| Failure::new("an append is never answered"))?;
            newest = answer.ok().or(newest);
        }
        let answer = clock::timeout(PATIENCE, batch).await;
        let answer = answer.map_err(|_| Failure::new("a batch is never answered"))?;
        if answer.is_err() {
            return Ok(());
        }
        // With nothing on its way, the newest message that the owner knows is the newest there is.
        if let (0, Some(place)) = (chance.within(0..20), newest) {
            // It may fail like every call; the history knows.
            let _ = wal.truncate(place.id).await;
        }
    }
    Ok(())
}

/// Reads the log from its beginning, and follows it until its end comes or nothing more does.
async fn follow(store: Arc<dyn Opener>, option: OpenOption) {
    const QUIET: Duration = Duration::from_millis(150);
    let option = OpenOption::new(option.channel);
    let Ok(reader) = store.open_read_only(option).await else {
        return;
    };
    let Ok(mut scanner) = reader.scan(ScanOption::earliest()).await else {
        return;
    };
    while let Ok(Ok(batch)) = clock::timeout(QUIET, scanner.next_batch(10)).await
        && !batch.is_empty()
    {}
    drop(scanner);
    let _ = RoWal::close(&*reader).await;
}

async fn finish(reader: Task<()>) -> Outcome {
    let finished = clock::timeout(PATIENCE, reader).await;
    let finished = finished.map_err(|_| Failure::new("a reader hangs"))?;
    finished.map_err(|_| Failure::new("a reader panicked"))
}
