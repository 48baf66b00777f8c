//! `walx append`: lines in, records out.
//!
//! ```text
//! reader thread ──batches──▶ run ──calls──▶ wal
//!                             ▲              │ acknowledgements, in order
//!                             └── in flight ◀┘ ──▶ ids on stdout
//! ```

mod feed;
mod flight;
mod json;
mod lines;
mod source;

use walx::{CacheOption, ChannelName, OpenOption, Opener};

use crate::args::AppendArgs;
use crate::exit::{self, Code, Failure};
use crate::progress::Progress;
use crate::signal::Signals;
use crate::sink::{self, Sink};
use crate::store;

use feed::Feed;
pub(crate) use feed::{MAX_BYTES, MAX_COUNT};
pub(crate) use flight::Flight;
pub(crate) use lines::{LineReader, TooLong};

/// Bytes of records that the wal takes at once. More would not be faster, only larger.
const IN_FLIGHT_BYTES: usize = 16 << 20;
/// Nobody scans through this handle, so its cache is as small as it can be.
const CACHE: CacheOption = CacheOption::new(0, std::time::Duration::ZERO);

pub(crate) async fn run(args: AppendArgs) -> Result<Code, Failure> {
    // The input comes first: a wrong file name must not make anybody owner of a channel. A named pipe is open once
    // somebody writes to it; until then a signal ends the program by itself.
    let input = source::open(&args.file)?;
    let mut signals = Signals::listen()?;
    let _metrics = args.metrics.serve().await?;
    let store = store::open(&args.at.store).await?;
    let outcome = append(&*store, input, &args, &mut signals).await;
    store::close(&*store, outcome).await
}

/// How a channel is opened that is only appended to.
pub(crate) fn option(channel: ChannelName, take_over: bool) -> OpenOption {
    OpenOption::new(channel)
        .with_take_over(take_over)
        .with_cache(CACHE)
        .with_max_in_flight_bytes(IN_FLIGHT_BYTES)
}

async fn append(
    store: &dyn Opener,
    input: source::Input,
    args: &AppendArgs,
    signals: &mut Signals,
) -> Result<Code, Failure> {
    let option = option(args.at.channel.clone(), args.take_over);
    // On a full disk an open waits for room.
    let wal = match signals.interrupt(store.open(option)).await {
        Ok(wal) => wal?,
        Err(code) => {
            exit::say("appended 0 records");
            return Ok(code);
        }
    };
    let max_record = store.capability().max_record_bytes;
    let batches = source::start(input, args.json, max_record)?;
    let ids = match args.print_ids {
        true => Some(Sink::stdout().map_err(|error| sink::refused(&error))?),
        false => None,
    };
    let mut feed = Feed::new(&*wal, batches, ids, Progress::start());
    let outcome = feed.run(signals).await;
    let report = feed.report();
    let closed = wal.close().await;
    exit::say(report);
    let code = outcome?;
    closed?;
    Ok(code)
}
