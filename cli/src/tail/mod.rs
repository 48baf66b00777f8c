//! `walx tail`: records out.

mod json;
mod output;
pub(crate) mod position;
mod print;
mod table;

use walx::{End, LostPolicy, OpenOption, Opener, Position, ScanOption};

use crate::args::TailArgs;
use crate::exit::{Code, Failure};
use crate::signal::Signals;
use crate::sink::Sink;
use crate::store;

use print::Print;

/// Bytes that are read ahead of stdout.
const READ_AHEAD_BYTES: usize = 4 << 20;
/// Bytes of the newest records that stay in memory for this one scanner.
const CACHE: walx::CacheOption = walx::CacheOption::new(8 << 20, std::time::Duration::from_secs(5));

pub(crate) async fn run(args: TailArgs) -> Result<Code, Failure> {
    let mut signals = Signals::listen()?;
    let store = store::open(&args.at.store).await?;
    let outcome = tail(&*store, args, &mut signals).await;
    store::close(&*store, outcome).await
}

async fn tail(store: &dyn Opener, args: TailArgs, signals: &mut Signals) -> Result<Code, Failure> {
    let wal = store
        .open_read_only(OpenOption::new(args.at.channel.clone()).with_cache(CACHE))
        .await?;
    let outcome = match wal.scan(scan_option(&args)).await {
        Ok(scanner) => {
            let sink = Sink::stdout()
                .map_err(|error| Failure::new(Code::Unexpected, format!("stdout: {error}")))?;
            Print::new(scanner, sink, args.output, args.count)
                .run(signals)
                .await
        }
        Err(error) => Err(error.into()),
    };
    let closed = wal.close().await;
    let code = outcome?;
    closed?;
    Ok(code)
}

fn scan_option(args: &TailArgs) -> ScanOption {
    // A time is approximate by nature: what is no longer kept at its start is a hole to report, not a reason to refuse.
    let on_lost = match args.from {
        Position::Tick(_) | Position::Time(_) => LostPolicy::Gap,
        _ => LostPolicy::Error,
    };
    let option = ScanOption::new(args.from)
        .on_lost(on_lost)
        .with_read_ahead_bytes(READ_AHEAD_BYTES);
    if args.follow {
        option
    } else {
        option.until(End::Tail)
    }
}
