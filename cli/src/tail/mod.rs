//! `walx tail`: records out.

mod json;
mod output;
pub(crate) mod position;
mod print;
mod table;

use walx::{Delivery, End, LostPolicy, OpenOption, Opener, Position, ScanOption};

use crate::args::TailArgs;
use crate::exit::{Code, Failure};
use crate::signal::Signals;
use crate::sink::{self, Sink};
use crate::store;

use print::Print;

pub(crate) async fn run(args: TailArgs) -> Result<Code, Failure> {
    let mut signals = Signals::listen()?;
    let _metrics = args.metrics.serve().await?;
    let store = store::open(&args.at.store).await?;
    let outcome = tail(&*store, args, &mut signals).await;
    store::close(&*store, outcome).await
}

async fn tail(store: &dyn Opener, args: TailArgs, signals: &mut Signals) -> Result<Code, Failure> {
    let wal = store
        .open_read_only(OpenOption::new(args.at.channel.clone()).with_cache(store::CACHE))
        .await?;
    let outcome = match wal.scan(scan_option(&args)).await {
        Ok(scanner) => {
            let sink = Sink::stdout().map_err(|error| sink::refused(&error))?;
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
    let mut option = ScanOption::new(args.from)
        .on_lost(on_lost)
        .with_ticks(args.ticks)
        .with_foreign(args.foreign)
        .with_read_ahead_bytes(store::READ_AHEAD_BYTES);
    option.virtual_channels.clone_from(&args.virtual_channel);
    if args.raw {
        option = option.with_transactions(Delivery::Raw);
    }
    if args.follow {
        option
    } else {
        option.until(End::Tail)
    }
}
