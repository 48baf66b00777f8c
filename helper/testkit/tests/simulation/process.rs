//! A process: openers one after the other, and in each owners, readers and operators at once.

use std::sync::Arc;

use walx_core::{ErrorKind, Opener, Progress};
use walx_utility::clock;
use walx_utility::spawn::{self, Task};
use walx_utility::sync::lock;

use crate::chance::{any, millis, percent, pick, up_to};
use crate::owner::own;
use crate::reader::read;
use crate::world::World;

pub(crate) async fn live(world: Arc<World>, number: usize) {
    let (lives, rest) = (up_to(1), pick(&[10, 400, 2_000]));
    for life in 0..=lives {
        let Ok(opener) = world.opener().await else {
            return world.trace.wrong("the store can't be opened");
        };
        world
            .trace
            .say(format_args!("process {number} begins life {life}"));
        let mut tasks = Vec::new();
        for _ in 0..=up_to(3) {
            let task = act(&world, &opener);
            match percent(60) {
                true => tasks.push(task),
                false => join(&world, vec![task]).await,
            }
            clock::sleep(millis(rest)).await;
        }
        if percent(60) {
            join(&world, std::mem::take(&mut tasks)).await;
        }
        // Else while they are busy.
        if percent(60) {
            let closed = world.soon("close of a store", opener.close()).await;
            if let Some(closed) = closed {
                let kind = closed.map_err(|error| error.kind());
                world
                    .trace
                    .say(format_args!("process {number} closes its store: {kind:?}"));
            }
        }
        drop(opener);
        join(&world, tasks).await;
    }
}

async fn join(world: &World, tasks: Vec<Task<()>>) {
    for task in tasks {
        // An owner's life is a chain of calls.
        let ended = clock::timeout(20 * crate::world::PATIENCE, task).await;
        if !matches!(ended, Ok(Ok(()))) {
            world.trace.wrong("a session has no end, or panicked");
        }
    }
}

fn act(world: &Arc<World>, opener: &Arc<dyn Opener>) -> Task<()> {
    let at = up_to(world.channels.len() as u64 - 1) as usize;
    let (world, opener) = (Arc::clone(world), Arc::clone(opener));
    match up_to(9) {
        0..=5 => spawn::task(own(world, opener, at)),
        6..=7 => spawn::task(read(world, opener, at)),
        8 => spawn::task(truncate(world, opener, at)),
        _ => spawn::task(look(world, opener, at)),
    }
}

async fn truncate(world: Arc<World>, opener: Arc<dyn Opener>, at: usize) {
    let channel = &world.channels[at];
    let Some(place) = any(&lock(&channel.known).places) else {
        return;
    };
    let truncating = opener.truncate(&channel.name, place.id);
    if let Some(truncated) = world.soon("truncate of a store", truncating).await {
        let kind = truncated.map_err(|error| error.kind());
        let (name, id) = (&channel.name, place.id);
        world.trace.say(format_args!(
            "truncate {name} to {id} from outside: {kind:?}"
        ));
    }
}

/// What an operator asks beside all of it.
async fn look(world: Arc<World>, opener: Arc<dyn Opener>, at: usize) {
    let name = &world.channels[at].name;
    let progress = Progress::default();
    let verifying = opener.verify(Some(name), &progress);
    match world.soon("verify", verifying).await {
        Some(Ok(verified)) if !verified.is_sound() => world.trace.wrong(format_args!(
            "verify finds damage in a sound store: {:?}",
            verified.findings
        )),
        Some(Err(error)) => world
            .trace
            .say(format_args!("verify of {name}: {:?}", error.kind())),
        _ => {}
    }
    match world.soon("describe", opener.describe(name)).await {
        Some(Err(error)) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Internal) => {
            world.trace.wrong(format_args!("describe: {error}"));
        }
        Some(Ok(described)) => {
            let tail = described.tail.lsn;
            world.trace.say(format_args!("{name} ends at lsn {tail}"));
        }
        _ => {}
    }
    world.soon("list", opener.list()).await;
}
