//! `walx describe`: what is known of channels.

mod json;
mod state;

use walx::{ChannelName, Description, LastOwner, Opener, StoreProcess};

use crate::args::{Channels, Form, Report};
use crate::exit::{self, Code, Failure};
use crate::out::Out;
use crate::store;
use crate::text::{self, or_dash, size};

pub(crate) use json::Line;
#[cfg(feature = "conformance")]
pub(crate) use json::word;
pub(crate) use state::State;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Nothing is changed, and no ownership is needed: an owner may append meanwhile.
Without CHANNEL each channel of the store is described.

With json a line is an object a channel: channel, earliest_lsn, next_lsn,
earliest_id, newest_id, newest_tick, newest_time, owner {term, incarnation, who,
released}, records, bytes, retained_bytes, durability, fence, truncation,
atomic_batch, start_by_time, max_record_bytes, needs_server, processes [{pid,
name, writes}], scanners [{mode, lsn, lag}]. What isn't known is null.

Examples:
  walx describe file:./data orders
  walx describe file:./data --output json")]
pub(crate) struct Args {
    #[command(flatten)]
    at: Channels,
    #[command(flatten)]
    report: Report,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    store::run(&args.at.store, async |store, out| {
        let channels = match &args.at.channel {
            Some(channel) => vec![channel.clone()],
            None => store::channels(store).await?,
        };
        let form = args.report.output;
        let mut first = true;
        each(store, channels, out, async |description, out| match form {
            Form::Json => out.json(&Line::new(description)).await,
            Form::Table => {
                if !std::mem::take(&mut first) {
                    out.line("").await?;
                }
                print(description, out).await
            }
        })
        .await
    })
    .await
}

/// Describes channel after channel. One that can't be described doesn't hide the others: its error goes to stderr, and
/// the first such error decides the exit code.
pub(crate) async fn each(
    store: &dyn Opener,
    channels: Vec<ChannelName>,
    out: &mut Out,
    mut print: impl AsyncFnMut(&Description, &mut Out) -> Result<(), Failure>,
) -> Result<Code, Failure> {
    let mut code = Code::Ok;
    for channel in channels {
        if out.is_gone() {
            break;
        }
        match store.describe(&channel).await {
            Ok(description) => {
                print(&description, out).await?;
                // The next one may take long, and `head` may have seen enough.
                out.flush().await?;
            }
            Err(error) => {
                let failure = Failure::from(error);
                exit::say(&failure);
                if code == Code::Ok {
                    code = failure.code();
                }
            }
        }
    }
    Ok(code)
}

async fn print(it: &Description, out: &mut Out) -> Result<(), Failure> {
    let can = &it.capability;
    let durability = format!("{}: {}", can.durability, can.durability.in_words());
    let mut rows = vec![
        ("channel", it.channel.to_string()),
        ("earliest lsn", or_dash(it.earliest)),
        ("next lsn", it.tail.lsn.to_string()),
        ("earliest id", or_dash(it.bounds.earliest)),
        ("newest id", or_dash(it.bounds.newest)),
        ("newest time", or_dash(text::time(it.tail.tick))),
        ("owner", owner(it.owner.as_ref())),
        ("state", State::of(it).in_words()),
        ("records", or_dash(it.usage.records)),
        ("bytes", or_dash(it.usage.bytes.map(size))),
        ("retained bytes", or_dash(it.usage.retained_bytes.map(size))),
        ("durability", durability),
        ("fence", can.fence.in_words().to_owned()),
        ("truncation", can.truncation.in_words().to_owned()),
        ("largest record", size(can.max_record_bytes as u64)),
    ];
    rows.extend(it.processes.iter().map(|it| ("open in", process(it))));
    for (key, value) in rows {
        out.line(format_args!("{key:<14}  {value}")).await?;
    }
    Ok(())
}

fn owner(owner: Option<&LastOwner>) -> String {
    let Some(LastOwner { owner, who, .. }) = owner else {
        return "-".to_owned();
    };
    match who {
        Some(who) => format!("{owner}, {who}"),
        None => owner.to_string(),
    }
}

pub(crate) fn process(process: &StoreProcess) -> String {
    let StoreProcess { pid, name, .. } = process;
    let name = name.as_ref().map(|name| format!(" ({name})"));
    let does = if process.writes { "writes" } else { "reads" };
    format!("process {pid}{}, {does}", name.unwrap_or_default())
}
