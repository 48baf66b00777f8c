//! `walx diff`: whether two channels have the same messages.

mod difference;
mod side;

use walx::{ChannelName, Opener, Position};

use crate::args::STORE;
use crate::exit::{Code, Failure};
use crate::out::Out;
use crate::progress::Progress;
use crate::signal::Signals;
use crate::{store, tail, text};

use side::{Found, Side};

/// So many messages are counted behind the end of the shorter side, no more.
const MAX_REST: u64 = 1_000_000;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Compares the messages that both have when diff starts, in order: payload,
properties, virtual channel, idempotency key, and what was committed together.
Ids, lsns, times and owners belong to a log and may differ.

The first difference goes to stdout, with the lsn on each side, and the exit
code is 7. Where one side ends before the other one, that is the difference, and
the messages that it lacks are counted, up to a million. A hole ends the
comparison with exit code 9.

Examples:
  walx diff file:./data orders file:/backup/data orders
  walx diff file:./a orders file:./b orders --from lsn:42 --from-b lsn:0")]
pub(crate) struct Args {
    #[arg(value_name = "A", help = STORE)]
    a: String,
    /// Name of A's channel
    #[arg(value_name = "CHANNEL", value_parser = |name: &str| ChannelName::new(name))]
    a_channel: ChannelName,
    /// Store URI of the other side
    #[arg(value_name = "B")]
    b: String,
    /// Name of B's channel
    #[arg(value_name = "CHANNEL", value_parser = |name: &str| ChannelName::new(name))]
    b_channel: ChannelName,
    /// Where to start: as in `walx tail`
    #[arg(long, value_name = "POSITION", default_value = "earliest", value_parser = tail::position::parse)]
    from: Position,
    /// Where to start in B [default: as --from]
    #[arg(long, value_name = "POSITION", value_parser = tail::position::parse)]
    from_b: Option<Position>,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    let mut signals = Signals::listen()?;
    let a = store::open(&args.a)
        .await
        .map_err(|failure| failure.at("A"))?;
    let outcome = match store::open(&args.b).await {
        Ok(b) => {
            let outcome = store::print(&mut signals, async |out| diff(&*a, &*b, &args, out).await);
            let outcome = outcome.await;
            store::close(&*b, outcome).await
        }
        Err(failure) => Err(failure.at("B")),
    };
    store::close(&*a, outcome).await
}

async fn diff(a: &dyn Opener, b: &dyn Opener, args: &Args, out: &mut Out) -> Result<Code, Failure> {
    let mut a = Side::open("A", a, &args.a_channel, args.from).await?;
    let mut b = Side::open("B", b, &args.b_channel, args.from_b.unwrap_or(args.from)).await?;
    let mut progress = Progress::start();
    let mut equal = 0;
    let verdict = loop {
        // Both sides read at the same time.
        let (left, right) = tokio::join!(a.next(), b.next());
        match (left?, right?) {
            (Some(left), Some(right)) if left.message == right.message && left.of == right.of => {
                equal += 1
            }
            (Some(left), Some(right)) => break different(&left, &right),
            (Some(_), None) => break rest("B", "A", equal, &mut a).await?,
            (None, Some(_)) => break rest("A", "B", equal, &mut b).await?,
            (None, None) => {
                progress.clear();
                let verb = if equal == 1 { "is" } else { "are" };
                out.line(format_args!(
                    "{} {verb} equal",
                    text::count(equal, "message")
                ))
                .await?;
                return Ok(Code::Ok);
            }
        }
        progress.show(|| format!("{} messages are equal so far", equal));
    };
    progress.clear();
    out.line(verdict).await?;
    Ok(Code::Differ)
}

fn different(a: &Found, b: &Found) -> String {
    let what = match a.message == b.message {
        true => difference::of_transactions(a.of, b.of),
        false => difference::between(&a.message, &b.message),
    };
    format!("A at lsn {} and B at lsn {} differ: {what}", a.lsn, b.lsn)
}

/// The longer side is one message ahead.
async fn rest(short: &str, long: &str, equal: u64, side: &mut Side) -> Result<String, Failure> {
    let first = side.last_lsn();
    let mut more = 1;
    while more <= MAX_REST && side.next().await?.is_some() {
        more += 1;
    }
    let more = match more {
        more if more > MAX_REST => format!("more than {MAX_REST} more messages"),
        more => format!(
            "{more} more {}",
            if more == 1 { "message" } else { "messages" }
        ),
    };
    Ok(format!(
        "{short} ends after {}; {long} has {more}, from lsn {first} on",
        text::count(equal, "equal message")
    ))
}
