//! `walx copy`: the messages of one channel to another one, in any store.

mod pump;
mod same;
mod transaction;

use clap::ValueEnum;

use walx::{ChannelName, End, ErrorKind, LostPolicy, Opener, Position, RoWal, ScanOption};

use crate::append;
use crate::args::STORE;
use crate::exit::{self, Code, Failure};
use crate::metrics;
use crate::signal::Signals;
use crate::store::{self, CACHE, READ_AHEAD_BYTES};
use crate::tail;

use pump::Pump;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Copies the messages that SRC has when copy starts, in order, with payload,
properties, virtual channel and idempotency key, and transactions as such. In
DST they get places of their own. The owner of SRC may go on; nobody else may own DST's channel.

However a copy ends (also by an error, Ctrl-C or SIGTERM), stderr says how many
messages are safe in DST, and from where a next copy goes on so that nothing
comes twice. A second signal ends it without waiting for what is on its way.
`walx diff` compares the two; where a copy was killed it says from which lsn on
messages are missing, which is where --from goes on.

A hole in SRC ends the copy with exit code 9, unless it is skipped.

Examples:
  walx copy file:./data orders file:/backup/data orders
  walx copy file:./data orders file:/backup/data orders --from lsn:42 --append")]
pub(crate) struct Args {
    #[arg(value_name = "SRC", help = STORE)]
    source: String,
    /// Name of the channel to copy
    #[arg(value_name = "CHANNEL", value_parser = |name: &str| ChannelName::new(name))]
    source_channel: ChannelName,
    /// Store URI of the copy
    #[arg(value_name = "DST")]
    target: String,
    /// Name of the copy
    #[arg(value_name = "CHANNEL", value_parser = |name: &str| ChannelName::new(name))]
    target_channel: ChannelName,
    /// Where to start: as in `walx tail`
    #[arg(long, value_name = "POSITION", default_value = "earliest", value_parser = tail::position::parse)]
    from: Position,
    /// Copy to the end of a channel that has messages already
    #[arg(long)]
    append: bool,
    /// stop: end at a hole in SRC; skip: tell it, and go on behind it
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    on_gap: OnGap,
    /// Take DST's channel from an owner that did not release it
    #[arg(long)]
    take_over: bool,
    #[command(flatten)]
    metrics: metrics::Args,
}

/// What to do at a hole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnGap {
    #[default]
    Stop,
    Skip,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    let mut signals = Signals::listen()?;
    if args.source_channel == args.target_channel && same::stores(&args.source, &args.target) {
        let text = "SRC and DST are the same channel: a copy of a channel into itself never ends";
        return Err(Failure::new(Code::Usage, text));
    }
    let _metrics = args.metrics.serve().await?;
    let source = store::open(&args.source).await?;
    let outcome = from(&*source, &args, &mut signals).await;
    store::close(&*source, outcome).await
}

/// Opens the source first: a name that is wrong must not make anybody owner of anything.
async fn from(source: &dyn Opener, args: &Args, signals: &mut Signals) -> Result<Code, Failure> {
    let option = walx::OpenOption::new(args.source_channel.clone()).with_cache(CACHE);
    let reader = source.open_read_only(option).await?;
    let outcome = match store::open(&args.target).await {
        Ok(target) => {
            let outcome = to(&*target, &*reader, args, signals).await;
            store::close(&*target, outcome).await
        }
        Err(failure) => Err(failure),
    };
    let closed = reader.close().await;
    let code = outcome?;
    closed?;
    Ok(code)
}

async fn to(
    target: &dyn Opener,
    reader: &dyn RoWal,
    args: &Args,
    signals: &mut Signals,
) -> Result<Code, Failure> {
    // Asked before anything is written, and again by the owner, whom nobody can get in the way of.
    let messages = match target.describe(&args.target_channel).await {
        Ok(description) => description.tail.lsn.get(),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    empty_or_meant(messages, args)?;
    // All that can be wrong with the position is known before DST is touched.
    let end = reader.tail().await?.lsn;
    let scanner = reader.scan(scan_option(args)).await?;
    let option = append::option(args.target_channel.clone(), args.take_over);
    // On a full disk an open waits for room.
    let wal = match signals.interrupt(target.open(option)).await {
        Ok(wal) => wal?,
        Err(code) => {
            exit::say("copied 0 messages");
            return Ok(code);
        }
    };
    let outcome = match wal.tail().await.map_err(Failure::from) {
        Ok(tail) => match empty_or_meant(tail.lsn.get(), args) {
            Ok(()) => {
                let mut pump = Pump::new(scanner, &*wal, args.on_gap, end, tail.lsn);
                let outcome = pump.run(signals).await;
                exit::say(pump.report());
                outcome
            }
            Err(failure) => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    let closed = wal.close().await;
    let code = outcome?;
    closed?;
    Ok(code)
}

fn empty_or_meant(messages: u64, args: &Args) -> Result<(), Failure> {
    if messages == 0 || args.append {
        return Ok(());
    }
    let text = format!(
        "the channel '{}' of DST has messages already: use another name, or --append to copy \
         behind them; `walx diff` says from where on a copy that was killed lacks messages",
        args.target_channel
    );
    Err(Failure::new(Code::Conflict, text))
}

fn scan_option(args: &Args) -> ScanOption {
    // A time is approximate by nature: what is no longer kept at its start is a hole like any other.
    let on_lost = match (args.on_gap, args.from) {
        (OnGap::Skip, _) | (_, Position::Tick(_) | Position::Time(_)) => LostPolicy::Gap,
        _ => LostPolicy::Error,
    };
    ScanOption::new(args.from)
        .on_lost(on_lost)
        .until(End::Tail)
        .with_read_ahead_bytes(READ_AHEAD_BYTES)
}
