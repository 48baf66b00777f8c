//! `walx ls`: the channels of a store.

use walx::{ChannelName, Description, Opener};

use crate::args::{Form, STORE};
use crate::describe::{self, Line, State};
use crate::exit::{Code, Failure};
use crate::out::Out;
use crate::store;
use crate::text::or_dash;

/// A longer name pushes its row's other columns to the right.
const MAX_NAME: usize = 40;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Prints a name a line, in order. With --long a row says the lsn of the first
message kept, the lsn of the next one, the owner (released, unreleased, unowned,
or the pid of the process that writes), records and bytes. With json a line is
the object that `walx describe --output json` prints.

Examples:
  walx ls file:./data
  walx ls file:./data --long
  walx ls file:./data --output json")]
pub(crate) struct Args {
    #[arg(help = STORE)]
    store: String,
    /// The same as --output table
    #[arg(long, short, conflicts_with = "output")]
    long: bool,
    /// table: more of each channel; json: an object a line [default: names]
    #[arg(long, short, value_enum, hide_possible_values = true)]
    output: Option<Form>,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    let form = args.output.or_else(|| args.long.then_some(Form::Table));
    store::run(&args.store, async |store, out| {
        let channels = store::channels(store).await?;
        match form {
            None => names(&channels, out).await,
            Some(Form::Table) => table(store, channels, out).await,
            Some(Form::Json) => {
                describe::each(store, channels, out, async |it, out| {
                    out.json(&Line::new(it)).await
                })
                .await
            }
        }
    })
    .await
}

async fn names(channels: &[ChannelName], out: &mut Out) -> Result<Code, Failure> {
    for channel in channels {
        out.line(channel).await?;
    }
    Ok(Code::Ok)
}

async fn table(
    store: &dyn Opener,
    channels: Vec<ChannelName>,
    out: &mut Out,
) -> Result<Code, Failure> {
    let widths = channels.iter().map(|it| it.as_str().len());
    let width = widths.max().unwrap_or(0).clamp("CHANNEL".len(), MAX_NAME);
    let head = ["CHANNEL", "EARLIEST", "NEXT", "OWNER", "RECORDS", "BYTES"];
    out.line(row(width, head)).await?;
    describe::each(store, channels, out, async |it, out| {
        out.line(describe_row(width, it)).await
    })
    .await
}

fn describe_row(width: usize, it: &Description) -> String {
    row(
        width,
        [
            it.channel.as_str(),
            &or_dash(it.earliest),
            &it.tail.lsn.to_string(),
            &State::of(it).to_string(),
            &or_dash(it.usage.records),
            &or_dash(it.usage.bytes),
        ],
    )
}

fn row(width: usize, [channel, earliest, next, owner, records, bytes]: [&str; 6]) -> String {
    format!(
        "{channel:<width$}  {earliest:>10}  {next:>10}  {owner:<10}  {records:>10}  {bytes:>12}"
    )
}
