//! Readers: scans from everywhere to everywhere, slow and fast, dropped and resumed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use walx_core::{
    Bytes, Delivery, End, Entry, LostPolicy, Lsn, OpenOption, Opener, Position, Result, RoWal,
    ScanMode, ScanOption, Scanner, Tick, VirtualChannel,
};
use walx_utility::clock;
use walx_utility::sync::lock;

use crate::chance::{any, millis, percent, pick, up_to};
use crate::owner::cache;
use crate::transactions::ask_newest;
use crate::world::{Channel, PATIENCE, World};

/// The payload behind which nothing comes any more.
pub(crate) const LAST: &[u8] = b"the last one";

/// One life of a reader's wal.
pub(crate) async fn read(world: Arc<World>, opener: Arc<dyn Opener>, at: usize) {
    let option = OpenOption::new(world.channels[at].name.clone()).with_cache(cache());
    let opening = opener.open_read_only(option);
    let Some(Ok(wal)) = world.soon("open read-only", opening).await else {
        return;
    };
    for _ in 0..=up_to(2) {
        let scanning = scan(Arc::clone(&world), Arc::clone(&wal), at);
        match percent(60) {
            true => world.spawn("a scan of a reader", scanning),
            false => scanning.await,
        }
        clock::sleep(millis(100)).await;
    }
    if percent(30)
        && let Ok(stream) = VirtualChannel::new(pick(&["a", "b"]))
    {
        ask_newest(&world, wal.newest_tick(&stream)).await;
    }
    if percent(60) {
        let asked = clock::now();
        world.soon("close of a reader", wal.close()).await;
        let took = asked.elapsed();
        if took > Duration::from_millis(6_010) {
            let text = format_args!("close of a reader took {took:?}, and close_timeout is 3 s");
            world.trace.wrong(text);
        }
    }
}

/// One scan, from its start to wherever its reader loses interest.
pub(crate) async fn scan(world: Arc<World>, wal: Arc<dyn RoWal>, at: usize) {
    let option = option(&world, at);
    let told = format!("scan from {:?} until {:?}", option.from, option.until);
    let ends_at_the_tail = option.until == Some(End::Tail);
    let Some(started) = world.soon("start of a scan", wal.scan(option)).await else {
        return;
    };
    // The scanner lives on without it.
    drop(wal);
    let Ok(mut scanner) = started else { return };
    let (pause, most) = (pick(&[0, 0, 5, 200]), pick(&[1, 3, 20, 1_000]));
    let stream = percent(30);
    let mut mode = scanner.mode();
    let mut seen = 0;
    while seen < most && !world.is_over() {
        let patience = match ends_at_the_tail {
            true => PATIENCE,
            false => millis(pick(&[5, 500, 4_000])),
        };
        let next = next(scanner.as_mut(), stream, 1 + up_to(8) as usize);
        let Ok(next) = clock::timeout(patience, next).await else {
            if ends_at_the_tail {
                world
                    .trace
                    .wrong(format_args!("{told} does not end in {PATIENCE:?}"));
                return;
            }
            // Nothing is lost by it: often enough it goes on.
            if percent(50) {
                return;
            }
            continue;
        };
        let channel = &world.channels[at];
        match next {
            Ok(batch) if batch.is_empty() => return,
            Ok(batch) => {
                seen += batch.len();
                note(channel, scanner.as_ref(), &batch);
                let before = std::mem::replace(&mut mode, scanner.mode());
                tell_change(&world, before, mode);
            }
            Err(_) => return,
        }
        if pause > 0 {
            clock::sleep(millis(pause)).await;
        }
    }
}

/// Reads a whole channel, from the first that it gets to the very last message, whatever happens.
pub(crate) async fn watch(world: Arc<World>, at: usize) {
    let Ok(opener) = world.opener().await else {
        return;
    };
    let channel = &world.channels[at];
    let wal = loop {
        clock::sleep(Duration::from_millis(100)).await;
        let option = OpenOption::new(channel.name.clone()).with_cache(cache());
        if let Ok(wal) = opener.open_read_only(option).await {
            break wal;
        }
    };
    let from = pick(&[Position::Earliest, Position::Latest]);
    let mut option = ScanOption::new(from)
        .on_lost(LostPolicy::Gap)
        .with_read_ahead_bytes(pick(&[1, 1_000, 4 << 20]));
    part(&mut option);
    let mut scanner = loop {
        if world.is_over() {
            // The last message may be there.
            option.from = Position::Earliest;
        }
        // The network may lose the call.
        match wal.scan(option.clone()).await {
            Ok(scanner) => break scanner,
            Err(_) => clock::sleep(Duration::from_millis(100)).await,
        }
    };
    let pause = pick(&[0, 0, 50]);
    let mut mode = scanner.mode();
    loop {
        let batch = match scanner.next_batch(1 + up_to(20) as usize).await {
            Ok(batch) => batch,
            Err(error) => {
                world
                    .trace
                    .wrong(format_args!("a scan that follows the log ends: {error}"));
                break;
            }
        };
        note(channel, scanner.as_ref(), &batch);
        let before = std::mem::replace(&mut mode, scanner.mode());
        tell_change(&world, before, mode);
        if batch.iter().any(is_last) || batch.is_empty() {
            break;
        }
        if pause > 0 {
            clock::sleep(millis(pause)).await;
        }
    }
    drop(scanner);
    world.soon("close of a watcher", wal.close()).await;
    world.soon("close of its store", opener.close()).await;
}

fn tell_change(world: &World, before: ScanMode, now: ScanMode) {
    match (before, now) {
        (ScanMode::CatchUp, ScanMode::Tailing) => world.trace.reach("a scan reaches the cache"),
        (ScanMode::Tailing, ScanMode::CatchUp) => {
            world.trace.reach("a scan falls out of the cache");
        }
        _ => {}
    }
}

fn is_last(entry: &Entry) -> bool {
    let payload = entry.message().map(|it| &it.message.payload);
    payload.map(Bytes::as_ref) == Some(LAST)
}

async fn next(scanner: &mut dyn Scanner, stream: bool, max: usize) -> Result<Vec<Entry>> {
    if !stream {
        return scanner.next_batch(max).await;
    }
    let next = std::future::poll_fn(|context| Pin::new(&mut *scanner).poll_next(context));
    next.await.transpose().map(|it| it.into_iter().collect())
}

fn note(channel: &Channel, scanner: &dyn Scanner, batch: &[Entry]) {
    channel.met(batch);
    if percent(20)
        && let Some(token) = scanner.token()
    {
        lock(&channel.known).token(token);
    }
}

fn option(world: &World, at: usize) -> ScanOption {
    let known = lock(&world.channels[at].known);
    let place = any(&known.places);
    let other = any(&known.places);
    let token = any(&known.tokens);
    drop(known);
    let lsn = |it: u64| Lsn::new(it.saturating_sub(1) + up_to(3));
    let here = || place.map_or(Position::Earliest, |it| Position::Lsn(lsn(it.lsn.get())));
    let from = match up_to(9) {
        0 | 1 => Position::Earliest,
        2 => Position::Latest,
        3 => place.map_or(Position::Earliest, |it| Position::At(it.id)),
        4 => place.map_or(Position::Earliest, |it| Position::After(it.id)),
        5 => here(),
        6 => {
            let near = |it: Tick| Tick::new(it.get() - 1 + up_to(2));
            place.map_or(Position::Earliest, |it| Position::Tick(near(it.tick)))
        }
        7 => Position::Time(UNIX_EPOCH + world.unix_time().saturating_sub(millis(2_000))),
        8 => Position::Last(up_to(10)),
        _ => token.map_or_else(here, Position::Resume),
    };
    let mut option = ScanOption::new(from)
        .on_lost(pick(&[LostPolicy::Error, LostPolicy::Gap]))
        .with_read_ahead_bytes(pick(&[1, 500, 4_000, 4 << 20]));
    option.until = match (up_to(9), other) {
        (0..=2, _) => Some(End::Tail),
        (3, Some(it)) => Some(End::Id(it.id)),
        (4, Some(it)) => Some(End::Lsn(lsn(it.lsn.get()))),
        (5, Some(it)) => Some(End::Tick(it.tick)),
        _ => None,
    };
    part(&mut option);
    // At times a transaction, or a message of several records, is more than it may keep.
    option.with_transaction_buffer_bytes(pick(&[64 << 20, 64 << 20, 64 << 20, 700]))
}

/// Of which streams, and what of them.
fn part(option: &mut ScanOption) {
    for name in ["a", "b"] {
        if percent(15) {
            option.virtual_channels.extend(VirtualChannel::new(name));
        }
    }
    if percent(25) {
        option.transactions = Delivery::Raw;
    }
    option.ticks = percent(30);
}
