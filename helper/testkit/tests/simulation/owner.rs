//! An owner: opens a channel, appends, scans and truncates beside it, and ends in one way or another.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{
    AppendContext, CacheOption, Error, ErrorKind, Interceptor, Message, OpenOption, Opener, Result,
    Term, VirtualChannel, Wal,
};
use walx_utility::clock;
use walx_utility::sync::lock;

use crate::appends::call_some;
use crate::chance::{any, millis, percent, pick, up_to};
use crate::reader::scan;
use crate::transactions::ask_newest;
use crate::world::{MAX_RECORD, PATIENCE, World};

/// One life of an owner, from open to end.
pub(crate) async fn own(world: Arc<World>, opener: Arc<dyn Opener>, at: usize) {
    let option = option(&world, at);
    let close_timeout = option.close_timeout;
    let name = &world.channels[at].name;
    let opening = opener.open(option);
    // The future is dropped half-way, or because the acknowledgement of its Barrier got lost.
    let patience = match percent(10) {
        true => millis(30),
        false => PATIENCE,
    };
    let opened = clock::timeout(patience, opening).await.ok();
    let Some(opened) = opened else {
        return world.trace.reach("an open is given up");
    };
    let wal = match opened {
        Ok(wal) => wal,
        Err(error) => {
            world
                .trace
                .say(format_args!("open of {name}: {:?}", error.kind()));
            return;
        }
    };
    let owner = wal.owner();
    world.trace.say(format_args!("{owner} owns {name}"));
    {
        let mut known = lock(&world.channels[at].known);
        known.term = known.term.max(owner.term.get());
    }
    for _ in 0..up_to(2) {
        let scanning = scan(Arc::clone(&world), wal.clone(), at);
        world.spawn("a scan of an owner", scanning);
    }
    if percent(30) {
        let calls = call_some(Arc::clone(&world), Arc::clone(&wal), at);
        world.spawn("a second caller", calls);
    }
    if percent(20) {
        let wal = Arc::clone(&wal);
        // It holds the wal meanwhile, which is then not dropped.
        let until = clock::timeout(millis(4_000), async move { drop(wal.unavailable().await) });
        let until = async move { drop(until.await) };
        world.spawn("a wait for the end of an owner", until);
    }
    call_some(Arc::clone(&world), Arc::clone(&wal), at).await;
    if percent(40) {
        truncate(&world, wal.as_ref(), at).await;
        if percent(70) {
            scan(Arc::clone(&world), wal.clone(), at).await;
        }
    }
    if percent(20) {
        call_some(Arc::clone(&world), Arc::clone(&wal), at).await;
    }
    if percent(20) {
        ask(&world, wal.as_ref(), at).await;
    }
    clock::sleep(millis(pick(&[0, 50, 3_000]))).await;
    end(&world, wal, close_timeout).await;
}

fn option(world: &World, at: usize) -> OpenOption {
    let channel = &world.channels[at];
    let term = lock(&channel.known).term;
    let mut option = OpenOption::new(channel.name.clone())
        .with_take_over(percent(80))
        .with_max_in_flight_bytes(pick(&[1, 600, 1_500, 5_000, 1 << 20]))
        .with_cache(cache())
        .with_close_timeout(Duration::from_millis(pick(&[50, 500, 3_000])))
        .with_recovery_timeout(Duration::from_millis(pick(&[0, 200, 30_000, 30_000])))
        .with_append_timeout(pick(&[None, None, Some(1), Some(5)]).map(Duration::from_secs))
        .with_idempotency(channel.keys.filter(|_| percent(channel.remembers)))
        .with_max_chunked_bytes(pick(&[None, Some(6 * MAX_RECORD)]))
        .with_tick_source(match up_to(19) {
            0..=11 => world.ticks(0, false),
            12..=18 => world.ticks(20_000, percent(50)),
            // Further than those behind it allow.
            _ => world.ticks(100_000, false),
        });
    if percent(50) {
        option = option.with_max_clock_ahead(Duration::from_secs(3_600));
    }
    if percent(20) {
        option = option.with_interceptor(Arc::new(Picky));
    }
    if percent(25) {
        world.trace.reach("an open has a term of a coordinator");
        // At times one that is too small.
        option = option.with_term(Term::new((term + up_to(5)).max(1)));
    }
    option
}

/// Refuses messages now and then, before they take a place.
struct Picky;

impl Interceptor for Picky {
    fn name(&self) -> &'static str {
        "picky"
    }

    fn before(&self, _: &AppendContext<'_>, _: &mut Message) -> Result<()> {
        match percent(10) {
            true => Err(Error::new(ErrorKind::Denied, "an interceptor refuses it")),
            false => Ok(()),
        }
    }
}

pub(crate) fn cache() -> CacheOption {
    let keep = Duration::from_millis(pick(&[0, 20, 2_000, 30_000]));
    CacheOption::new(pick(&[0, 700, 4_000, 64 << 20]), keep)
}

/// What an owner is told of its channel covers what it was told before.
async fn ask(world: &Arc<World>, wal: &dyn Wal, at: usize) {
    let newest = lock(&world.channels[at].known).acknowledged(wal.owner());
    match world.soon("tail", wal.tail()).await {
        Some(Ok(tail)) if newest.is_some_and(|newest| tail.lsn <= newest) => {
            let text = format_args!("the tail is at lsn {}, and {newest:?} was there", tail.lsn);
            world.trace.wrong(text);
        }
        Some(Ok(_)) if newest.is_some() => world.trace.reach("an owner is asked for its tail"),
        _ => {}
    }
    let _ = world.soon("bounds", wal.bounds()).await;
    if let Ok(stream) = VirtualChannel::new(pick(&["a", "b", "c"])) {
        ask_newest(world, wal.newest_tick(&stream)).await;
    }
}

async fn truncate(world: &Arc<World>, wal: &dyn Wal, at: usize) {
    let place = any(&lock(&world.channels[at].known).places);
    if let Some(place) = place {
        let truncating = wal.truncate(place.id);
        if let Some(truncated) = world.soon("truncate", truncating).await {
            let kind = truncated.map_err(|error| error.kind());
            world
                .trace
                .say(format_args!("truncate to {}: {kind:?}", place.id));
        }
    }
}

async fn end(world: &Arc<World>, wal: Arc<dyn Wal>, close_timeout: Duration) {
    let owner = wal.owner();
    match up_to(9) {
        // As if the process were gone. Whoever else uses the wal keeps it a little.
        0..=3 => {
            world.trace.say(format_args!("{owner} is dropped"));
            drop(wal);
        }
        4 => {
            // Dropping the future does not stop the close.
            let _ = clock::timeout(millis(20), wal.close()).await;
            world.trace.say(format_args!("{owner} closes unheard"));
        }
        way => {
            if way == 5 {
                let also = Arc::clone(&wal);
                let closing = async move { drop(also.close().await) };
                world.spawn("a second close", closing);
            }
            let asked = clock::now();
            let Some(closed) = world.soon("close", wal.close()).await else {
                return;
            };
            let took = asked.elapsed();
            let kind = closed.map_err(|error| error.kind());
            world
                .trace
                .say(format_args!("{owner} closes: {kind:?} in {took:?}"));
            // Appends on their way, calls that run, the backend: each may take that long.
            if took > 3 * close_timeout + Duration::from_millis(10) {
                let text =
                    format_args!("close took {took:?}, and close_timeout is {close_timeout:?}");
                world.trace.wrong(text);
            }
            let late = world.soon("an append after close", wal.append(Message::new("late")));
            match late.await.map(|it| it.map_err(|error| error.kind())) {
                // A hook looks first, and may refuse.
                None | Some(Err(ErrorKind::Closed | ErrorKind::Denied)) => {}
                Some(other) => world
                    .trace
                    .wrong(format_args!("an append after close ends with {other:?}")),
            }
        }
    }
}
