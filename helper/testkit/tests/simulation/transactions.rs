//! Transactions that stay open across everything, and what else is not a plain append.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{
    ErrorKind, Expected, Lsn, Result, Tick, Transaction, TransactionOption, VirtualChannel, Wal,
};
use walx_utility::clock;
use walx_utility::sync::lock;

use crate::appends::{hear_mark, hear_one, message};
use crate::chance::{any, millis, percent, pick, up_to};
use crate::world::World;

/// A stream, or what is meant for all.
pub(crate) fn stream() -> Option<VirtualChannel> {
    let name = pick(&[None, None, Some("a"), Some("b")]);
    name.and_then(|name| VirtualChannel::new(name).ok())
}

/// One transaction, which at times outlives its owner's wal, and at times nobody looks after.
pub(crate) async fn transact(world: Arc<World>, wal: Arc<dyn Wal>, at: usize) {
    let mut option = TransactionOption::new();
    option.keepalive = Duration::from_millis(pick(&[20, 1_000, 10_000, 60_000]));
    option.virtual_channel = stream();
    let begun = wal.begin(option.clone());
    // It holds what it needs.
    drop(wal);
    let transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => {
            let kind = error.kind();
            return world.trace.say(format_args!("a begin ends: {kind:?}"));
        }
    };
    let pause = pick(&[0, 0, 30, 1_500]);
    for _ in 0..up_to(5) {
        let mut message = message(&world, at, 600);
        message.virtual_channel.clone_from(&option.virtual_channel);
        hear_one(&world, at, transaction.append(message)).await;
        if pause > 0 {
            clock::sleep(millis(pause)).await;
        }
        if percent(20) {
            let kept = transaction.keep_alive().map_err(|error| error.kind());
            world.trace.say(format_args!("kept alive: {kept:?}"));
        }
    }
    // Over a recovery, a close, another owner.
    clock::sleep(millis(pick(&[0, 0, 500, 8_000]))).await;
    end(&world, at, transaction).await;
}

async fn end(world: &Arc<World>, at: usize, transaction: Transaction) {
    match up_to(9) {
        0 => drop(transaction),
        1 | 2 => hear_mark(world, at, transaction.rollback()).await,
        _ => hear_mark(world, at, transaction.commit()).await,
    }
}

/// An append that expects what may hold.
pub(crate) async fn append_if(world: &Arc<World>, wal: &dyn Wal, at: usize) {
    let place = any(&lock(&world.channels[at].known).places);
    let mut expected = Expected::new();
    if percent(70) {
        expected = match world.soon("tail", wal.tail()).await {
            Some(Ok(tail)) if percent(80) => expected.with_lsn(tail.lsn),
            _ => expected.with_lsn(place.map_or(Lsn::ZERO, |it| it.lsn.next())),
        };
    }
    if percent(50) {
        let term = wal.owner().term;
        expected = expected.with_term(
            match percent(80) {
                true => Some(term),
                false => term.next(),
            }
            .unwrap_or(term),
        );
    }
    let append = wal.append_if(message(world, at, 300), expected);
    hear_one(world, at, append).await;
}

/// What is told to be the newest tick of a stream is judged with the history.
pub(crate) async fn ask_newest(world: &World, asked: impl Future<Output = Result<Option<Tick>>>) {
    if let Some(Err(error)) = world.soon("newest_tick", asked).await
        && matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Internal)
    {
        world.trace.wrong(format_args!("newest_tick: {error}"));
    }
}
