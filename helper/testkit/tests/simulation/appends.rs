//! Appends of every kind, whose futures are awaited at once, later, in any order, or not at all.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{Append, ErrorKind, Message, Place, Result, Wal};
use walx_utility::clock;
use walx_utility::sync::lock;

use crate::chance::{millis, percent, pick, up_to};
use crate::transactions::{append_if, stream, transact};
use crate::world::{MAX_RECORD, World};

/// One that the backend takes.
const LARGEST: usize = MAX_RECORD - 400;

/// Calls appends for a while.
pub(crate) async fn call_some(world: Arc<World>, wal: Arc<dyn Wal>, at: usize) {
    let pause = pick(&[0, 0, 3, 100]);
    for _ in 0..up_to(pick(&[3, 8, 20])) {
        if world.is_over() {
            return;
        }
        one(&world, &wal, at).await;
        if pause > 0 {
            clock::sleep(millis(pause)).await;
        }
    }
}

async fn one(world: &Arc<World>, wal: &Arc<dyn Wal>, at: usize) {
    match up_to(27) {
        20..=24 => {
            let transacting = transact(Arc::clone(world), Arc::clone(wal), at);
            match percent(80) {
                true => world.spawn("a transaction", transacting),
                false => transacting.await,
            }
        }
        25 | 26 => append_if(world, wal.as_ref(), at).await,
        27 => hear_mark(world, at, wal.advance_tick(stream())).await,
        0..=8 => hear_one(world, at, wal.append(message(world, at, LARGEST))).await,
        9..=11 => {
            let messages = (0..up_to(4)).map(|_| message(world, at, 500)).collect();
            hear(world, at, wal.append_batch(messages)).await;
        }
        12..=14 => match wal.try_append(message(world, at, 1_000)) {
            Ok(append) => hear_one(world, at, append).await,
            Err(refused) => {
                let kind = refused.error.kind();
                if matches!(kind, ErrorKind::Overloaded { .. }) {
                    world.trace.reach("an append that must not wait is refused");
                }
                world.trace.say(format_args!("refused: {kind:?}"));
            }
        },
        15..=17 => reserve(world, wal.as_ref(), at).await,
        // Several calls before any of them is heard of.
        18 => {
            let mut appends: Vec<_> = (0..=up_to(5))
                .map(|_| wal.append(message(world, at, 300)))
                .collect();
            while !appends.is_empty() {
                let next = up_to(appends.len() as u64 - 1) as usize;
                hear_one(world, at, appends.swap_remove(next)).await;
            }
        }
        _ => {
            // In several records, where that is switched on.
            let bytes = MAX_RECORD * pick(&[1, 2, 5]);
            hear_one(world, at, wal.append(Message::new(vec![0; bytes]))).await;
        }
    }
}

/// Waits for room, perhaps not long enough, and uses it, or not.
async fn reserve(world: &Arc<World>, wal: &dyn Wal, at: usize) {
    let bytes = up_to(1_200) as usize;
    let Ok(reserved) = clock::timeout(millis(300), wal.reserve(bytes)).await else {
        return world.trace.reach("a reservation is given up");
    };
    let Ok(permit) = reserved else { return };
    if percent(30) {
        clock::sleep(millis(50)).await;
    }
    if percent(80) {
        hear_one(world, at, permit.append(message(world, at, bytes + 200))).await;
    }
}

pub(crate) async fn hear_one(world: &Arc<World>, at: usize, append: Append) {
    let append = async { append.await.map(|place| vec![place]) };
    hear(world, at, Box::pin(append)).await;
}

/// The same of a mark, which has the lsn of the next message.
pub(crate) async fn hear_mark(world: &Arc<World>, at: usize, mark: Append) {
    let also = Arc::clone(world);
    let mark = async move {
        let place = mark.await?;
        lock(&also.channels[at].known).place(place);
        Ok(Vec::new())
    };
    hear(world, at, Box::pin(mark)).await;
}

/// Waits for the outcome now, later, or never.
async fn hear<A>(world: &Arc<World>, at: usize, append: A)
where
    A: Future<Output = Result<Vec<Place>>> + Send + Unpin + 'static,
{
    let mut append = append;
    match up_to(9) {
        0 => return world.trace.reach("an append is never polled"),
        1 => {
            if let Ok(outcome) = clock::timeout(millis(20), append).await {
                heard(world, at, outcome);
            }
            return;
        }
        2..=5 => {
            if let Ok(outcome) = clock::timeout(Duration::from_millis(50), &mut append).await {
                return heard(world, at, outcome);
            }
        }
        _ => {}
    }
    let later = Arc::clone(world);
    let hearing = async move {
        if let Some(outcome) = later.soon("an append", append).await {
            heard(&later, at, outcome);
        }
    };
    world.spawn("a caller", hearing);
}

fn heard(world: &World, at: usize, outcome: Result<Vec<Place>>) {
    match outcome {
        Ok(places) => world.channels[at].acknowledged(&places),
        Err(error) => world
            .trace
            .say(format_args!("an append ends: {:?}", error.kind())),
    }
}

pub(crate) fn message(world: &World, at: usize, most: usize) -> Message {
    let bytes = match up_to(9) {
        0 => 0,
        1 => most.min(LARGEST),
        2 | 3 => up_to(most as u64) as usize,
        _ => up_to(most.min(200) as u64) as usize,
    };
    let mut message = Message::new(vec![up_to(255) as u8; bytes]);
    message.virtual_channel = stream();
    if percent(15) {
        message = message.with_property("name", "value");
    }
    // Few enough that most come again: behind an unknown outcome, in transactions, from the next owner.
    if percent(world.channels[at].keyed) {
        message = message.with_idempotency_key(format!("key {}", up_to(7)));
    }
    if percent(2) {
        message = message.exclusive();
    }
    message
}
