use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use walx::{ChannelName, IdempotencyOption, Position, VirtualChannel};

use crate::{
    append, completion, conformance, copy, demo, describe, diff, doctor, exit, ls, metrics, repair,
    tail, truncate, verify,
};

/// One write-ahead log over any message system.
#[derive(Debug, Parser)]
#[command(
    name = "walx",
    version,
    max_term_width = 80,
    disable_help_subcommand = true,
    help_template = "{about}\n\n{usage-heading} {usage}\n\nCommands:\n{subcommands}{after-help}",
    after_help = concat_help()
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn concat_help() -> String {
    format!(
        "Example: walx tail file:./data orders --follow; more: walx COMMAND --help.\n\
         stdout carries data only. RUST_LOG=info shows what walx does, on stderr.\n{}",
        exit::HELP
    )
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Append one record a line
    Append(AppendArgs),
    /// Print the records of a channel
    Tail(TailArgs),
    /// List the channels of a store
    Ls(ls::Args),
    /// Tell what is known of channels: bounds, owner, bytes, promises
    Describe(describe::Args),
    /// Read everything and check it
    Verify(verify::Args),
    /// Drop the oldest records of a channel
    Truncate(truncate::Args),
    /// Copy the messages of a channel to another one
    Copy(copy::Args),
    /// Compare the messages of two channels
    Diff(diff::Args),
    /// Make a damaged store usable again
    Repair(repair::Args),
    /// Check what a store needs to work
    Doctor(doctor::Args),
    /// Put a store to the test of all that walx promises
    Conformance(conformance::Args),
    /// Kill writers for a while and prove that nothing is lost
    Demo(DemoArgs),
    /// Print what a shell needs to complete walx
    Completion(completion::Args),
    #[command(hide = true)]
    DemoWriter(WriterArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "\
A record is the bytes of a line as they are, without the newline. They need not
be UTF-8; an empty line is a record, and so is a last line without newline.

With --json a line is {\"payload\":TEXT,\"properties\":{NAME:TEXT,…}}; for bytes
that are no text use \"payload_base64\":BASE64 and {NAME:{\"base64\":BASE64}}.
A record may have \"virtual_channel\":TEXT and \"idempotency_key\":TEXT as well.
What `walx tail --output json` prints can be appended again.

With --idempotency a record whose \"idempotency_key\":TEXT is in the newest bytes
of the channel, and not too old, is not written again: the same input can be
appended again after an error. stderr says how many were there already.

With --transaction nothing is appended unless all is; its records have one
virtual channel.

At the end stderr says how many records were appended: also after an error (the
records before the bad line are appended) and after Ctrl-C (130) or SIGTERM
(143), which stop reading and wait for the records on their way. A second one
ends without waiting. The exit code is 141 where the reader of --print-ids went
away before all input was appended.

Examples:
  walx append 'file:./data?durability=each' orders lines.txt
  producer | walx append file:./data orders --print-ids
  walx append file:./data orders --json < records.jsonl
  walx append file:./data orders --json --idempotency=64MiB,1h records.jsonl")]
pub(crate) struct AppendArgs {
    #[command(flatten)]
    pub(crate) at: Channel,
    /// File to read; - is standard input
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    /// Read JSON lines: payload and properties
    #[arg(long)]
    pub(crate) json: bool,
    /// Append all in one transaction: readers get it whole, at its end
    #[arg(long, conflicts_with = "print_ids")]
    pub(crate) transaction: bool,
    /// Append no record whose key is known [default WINDOW: 16MiB,10m]
    #[arg(
        long,
        value_name = "WINDOW",
        requires = "json",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "16MiB,10m",
        value_parser = append::window
    )]
    pub(crate) idempotency: Option<IdempotencyOption>,
    /// Write {"lsn":N,"id":ID,"tick":N} to stdout for each durable record
    #[arg(long)]
    pub(crate) print_ids: bool,
    /// Take the channel from an owner that did not release it
    #[arg(long)]
    pub(crate) take_over: bool,
    #[command(flatten)]
    pub(crate) metrics: metrics::Args,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Positions:
  earliest, latest   the first record kept; behind the last one
  lsn:42             the record with this number, or the next one
  id:file:00…2a      the record with this id
  tick:N             the first record whose tick is at least N
  time:2025-01-31T12:00:00Z   the first record of this time (UTC) or later
  last:100           so many records before the end
  after:ID           behind the record with this id

A transaction is printed where it was committed, message by message; one that
was rolled back is not. With --raw its messages stand where they were appended,
with a mark where it begins and ends. Marks go to stderr, with json to stdout as
{\"marker\":{…}}, with table as a row.

A hole in the log is a line on stderr, with json an object {\"gap\":{…}} on
stdout. Where records were lost or are damaged the exit code is 9. What others
wrote into the storage, as other programs can into a topic, is told as a gap
(foreign) too, though nothing is missing. With --foreign it is printed instead:
the payload, with json {\"foreign\":{…}}, with table a row.

json prints one object a line: lsn, id, tick, term, properties, payload, and, if
a record has them, virtual_channel, idempotency_key, transaction. What is not
UTF-8 stands in payload_base64, or as {\"base64\":…} in properties.

Examples:
  walx tail file:./data orders --from last:10 --output table
  walx tail file:./data orders --from lsn:42 --count 1
  walx tail file:./data orders --follow --output json")]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) at: Channel,
    /// Where to start
    #[arg(long, value_name = "POSITION", default_value = "earliest", value_parser = tail::position::parse)]
    pub(crate) from: Position,
    /// Wait for new records instead of ending at the present tail
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only records of this virtual channel, and those for all; may be repeated
    #[arg(long, value_name = "NAME", value_parser = |name: &str| VirtualChannel::new(name))]
    pub(crate) virtual_channel: Vec<VirtualChannel>,
    /// Print the records of transactions where they were appended, with marks
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print marks of points in time too
    #[arg(long)]
    pub(crate) ticks: bool,
    /// Print what others wrote into the channel's storage, as it is
    #[arg(long)]
    pub(crate) foreign: bool,
    /// End after this many records
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// raw: payload and a newline; json: an object a line; table: for people
    #[arg(long, short, value_enum, default_value_t, hide_possible_values = true)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) metrics: metrics::Args,
}

/// How `tail` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    #[default]
    Raw,
    Json,
    Table,
}

/// How a command prints what it found.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Report {
    /// table: for people; json: an object a line
    #[arg(long, short, value_enum, default_value_t, hide_possible_values = true)]
    pub(crate) output: Form,
}

/// For whom a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    #[default]
    Table,
    Json,
}

#[derive(Args, Debug)]
#[command(after_help = "\
A writer process appends real lines to two channels of a file store in a new
temporary folder. Three scanners in this process follow them. The writer is
killed with SIGKILL at random moments and started again. In the end every
acknowledged record must have reached every scanner: with its bytes, once, in
order. The verdict goes to stdout; the exit code is 9 unless it is clean.

With --store the two channels are in that store, whatever its kind, under names
that nobody else has; they stay there.

Examples:
  walx demo --seconds 60 --kills 10
  walx demo --store file:./data")]
pub(crate) struct DemoArgs {
    /// Store URI to use instead of a temporary file store
    #[arg(long, value_name = "STORE", conflicts_with = "keep")]
    pub(crate) store: Option<String>,
    /// How long the writers append
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) seconds: u32,
    /// How often a writer is killed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub(crate) kills: u32,
    /// File whose lines are appended, again and again [default: texts of this system]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Keep the temporary folder, and name it
    #[arg(long)]
    pub(crate) keep: bool,
}

/// The writer of a demo. Its parent starts it.
#[derive(Args, Debug)]
pub(crate) struct WriterArgs {
    pub(crate) store: String,
    /// What stands before the names of the channels.
    #[arg(long, default_value = "")]
    pub(crate) prefix: String,
    #[arg(long)]
    pub(crate) input: Option<PathBuf>,
    #[arg(long, default_value_t = demo::RATE)]
    pub(crate) rate: u32,
}

/// Which log.
#[derive(Args, Debug)]
pub(crate) struct Channel {
    #[arg(help = STORE)]
    pub(crate) store: String,
    /// Name of the channel
    #[arg(value_parser = |name: &str| ChannelName::new(name))]
    pub(crate) channel: ChannelName,
}

/// Which logs.
#[derive(Args, Debug)]
pub(crate) struct Channels {
    #[arg(help = STORE)]
    pub(crate) store: String,
    /// Name of the channel [default: all of them]
    #[arg(value_parser = |name: &str| ChannelName::new(name))]
    pub(crate) channel: Option<ChannelName>,
}

/// What the help says of an argument that is a store.
pub(crate) const STORE: &str = "Store URI, such as file:./data or 'file:./data?durability=each'";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_fits_one_screen() {
        let help = Cli::command().render_help().to_string();
        assert!(help.lines().count() <= 24, "{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 80),
            "{help}"
        );
    }
}
