//! `walx truncate`: the oldest records out.

mod plan;
mod until;

use walx::{Description, Opener};

use crate::args::Channel;
use crate::describe;
use crate::exit::{Code, Failure};
use crate::out::Out;
use crate::store;
use crate::text::{count, lsns, size};

use plan::Plan;
use until::Until;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Drops everything up to and including a place. Without --yes it says what would
go and what stays, and changes nothing. The newest record always stays, so that
the numbers go on from it; that can be one of walx's own. The bytes are those of
payloads and properties. Readers miss at once what is dropped; a file store
frees the space by whole segments.

No ownership is needed. A file store that another process has open for writing
refuses (4): its owner truncates.

Places:
  lsn:42         up to the message with this number
  id:file:00…2a  up to the record with this id
  tick:N         up to the last record whose tick is at most N
  time:2025-01-31T12:00:00Z   up to the last record of this time (UTC)

Examples:
  walx truncate file:./data orders --until lsn:41
  walx truncate file:./data orders --until lsn:41 --yes")]
pub(crate) struct Args {
    #[command(flatten)]
    at: Channel,
    /// The last place that goes
    #[arg(long, value_name = "PLACE", value_parser = until::parse)]
    until: Until,
    /// Drop, instead of saying what would go
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    store::run(&args.at.store, async |store, out| {
        let it = store.describe(&args.at.channel).await?;
        let plan = Plan::make(store, &it, args.until).await?;
        match (plan.id, args.yes) {
            (None, _) => out.line(nothing(&it, &plan)).await?,
            (Some(_), false) => preview(&it, &plan, out).await?,
            (Some(id), true) => {
                store.truncate(&args.at.channel, id).await?;
                out.line(format_args!("dropped {}", whole(&plan))).await?;
                report(store, &args.at.channel, out).await?;
            }
        }
        Ok(Code::Ok)
    })
    .await
}

fn nothing(it: &Description, plan: &Plan) -> String {
    let why = match (it.earliest, plan.stays) {
        (None, _) => "the channel keeps no message".to_owned(),
        (_, Some(lsn)) => format!("lsn {lsn} is the newest record, which always stays"),
        _ if plan.holes > 0 => "nothing up to that place can be read".to_owned(),
        (Some(lsn), None) => format!("the earliest message is lsn {lsn}, behind that place"),
    };
    format!("nothing to drop: {why}")
}

async fn preview(it: &Description, plan: &Plan, out: &mut Out) -> Result<(), Failure> {
    out.line(format_args!("would drop {}", whole(plan))).await?;
    let last = it.tail.lsn.get().saturating_sub(1);
    let stays = match plan.last.map_or(0, |lsn| lsn.get().saturating_add(1)) {
        first if first > last => format!("no message stays; the next one gets lsn {}", it.tail.lsn),
        first if first == last => format!("lsn {last} stays"),
        first => format!("lsn {first} to {last} stay"),
    };
    out.line(stays).await?;
    if let Some(lsn) = plan.stays {
        out.line(format_args!(
            "lsn {lsn} is the newest record, which always stays"
        ))
        .await?;
    }
    if let Some(writer) = it.processes.iter().find(|it| it.writes) {
        out.line(format_args!(
            "{}: until it ends, only its owners can truncate",
            describe::process(writer)
        ))
        .await?;
    }
    out.line("nothing is changed; add --yes to drop it").await
}

/// What goes.
fn whole(plan: &Plan) -> String {
    let lsns = lsns(plan.first, plan.last);
    let holes = match plan.holes {
        0 => String::new(),
        holes => format!(", and {} of damage", count(holes, "hole")),
    };
    let messages = count(plan.messages, "message");
    format!("{messages}{lsns}, {}{holes}", size(plan.bytes))
}

/// What is there afterwards.
async fn report(
    store: &dyn Opener,
    channel: &walx::ChannelName,
    out: &mut Out,
) -> Result<(), Failure> {
    let it = store.describe(channel).await?;
    match it.earliest {
        Some(lsn) => {
            out.line(format_args!("the earliest message is lsn {lsn}"))
                .await
        }
        None => {
            let next = it.tail.lsn;
            out.line(format_args!(
                "no message is kept; the next one gets lsn {next}"
            ))
            .await
        }
    }
}
