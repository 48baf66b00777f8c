//! `walx append`: lines in, records out.
//!
//! ```text
//! reader thread ──batches──▶ run ──calls──▶ wal
//!                             ▲              │ acknowledgements, in order
//!                             └── in flight ◀┘ ──▶ ids on stdout
//! ```

mod feed;
mod flight;
mod into;
mod json;
mod lines;
mod source;

use walx::config::{ByteSize, HumanDuration};
use walx::{CacheOption, ChannelName, IdempotencyOption, OpenOption, Opener};

use crate::args::AppendArgs;
use crate::exit::{self, Code, Failure};
use crate::progress::Progress;
use crate::signal::Signals;
use crate::sink::{self, Sink};
use crate::store;

use feed::Feed;
pub(crate) use feed::{MAX_BYTES, MAX_COUNT};
pub(crate) use flight::Flight;
use into::Into;
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

/// The window that a text such as `16MiB,10m` means.
pub(crate) fn window(text: &str) -> Result<IdempotencyOption, String> {
    let wrong = |error: walx::Error| error.message().to_owned();
    let (bytes, keep) = text
        .split_once(',')
        .ok_or("use bytes and a time, such as 64MiB,1h")?;
    let ByteSize(bytes) = bytes.parse().map_err(wrong)?;
    let HumanDuration(keep) = keep.parse().map_err(wrong)?;
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    Ok(IdempotencyOption::new(bytes, keep))
}

async fn append(
    store: &dyn Opener,
    input: source::Input,
    args: &AppendArgs,
    signals: &mut Signals,
) -> Result<Code, Failure> {
    let option = option(args.at.channel.clone(), args.take_over).with_idempotency(args.idempotency);
    let largest = store.max_message_bytes(&option);
    // On a full disk an open waits for room.
    let wal = match signals.interrupt(store.open(option)).await {
        Ok(wal) => wal?,
        Err(code) => {
            exit::say("appended 0 records");
            return Ok(code);
        }
    };
    let batches = source::start(input, args.json, largest)?;
    let ids = match args.print_ids {
        true => Some(Sink::stdout().map_err(|error| sink::refused(&error))?),
        false => None,
    };
    let next = wal.tail().await?.lsn;
    let into = Into::new(&*wal, args.transaction);
    let mut feed = Feed::new(into, batches, ids, next, Progress::start());
    let outcome = feed.run(signals).await;
    let report = feed.report();
    let closed = wal.close().await;
    exit::say(report);
    let code = outcome?;
    closed?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_window_is_bytes_and_a_time() {
        let hour = IdempotencyOption::new(64 << 20, Duration::from_secs(3600));
        assert_eq!(window("64MiB,1h"), Ok(hour));
        assert_eq!(window("16MiB,10m"), Ok(IdempotencyOption::default()));
        for (text, why) in [
            ("", "use bytes and a time"),
            ("1h", "use bytes and a time"),
            ("1h,1h", "\"1h\" is no size"),
            ("1MiB,1MiB", "\"1MiB\" is no duration"),
        ] {
            let error = window(text).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }
}
