//! `walx conformance`: a store is put to the test of every promise that backends make.

#[cfg(feature = "conformance")]
mod json;
#[cfg(feature = "conformance")]
mod list;
#[cfg(feature = "conformance")]
mod print;
#[cfg(feature = "conformance")]
mod run;
#[cfg(feature = "conformance")]
mod suites;
#[cfg(feature = "conformance")]
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;

use clap::ValueEnum;

#[cfg(feature = "conformance")]
pub(crate) use run::run;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Each case is one promise. It runs plain, and once more under faults that must
not change its outcome, on a store of its own: for file:DIR in a new directory
below DIR, which must be empty or missing, and which is removed in the end; for
memory: in this process; on a server in channels that nobody else has, which
stay. What the store says that it can't do is left out, with the reason.

A run is a line: ok, FAIL or out, what ran, and its promise where it failed,
with the way to run it again. With json a line is {\"run\":{…}}, and
{\"summary\":{…}} behind the runs of a store. markdown prints the compatibility
table alone.

The exit code is 11 where a promise is broken. This command needs a walx that is
built with the feature conformance.

Examples:
  walx conformance memory: file:./scratch
  walx conformance file:./scratch --only backend::fence --seed 7
  walx conformance --list --only truncate")]
pub(crate) struct Args {
    #[arg(value_name = "STORE", required_unless_present = "list", help = STORES)]
    stores: Vec<String>,
    /// Only cases whose name contains this; may be given several times
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// Print the cases and their promises, and run nothing
    #[arg(long, conflicts_with_all = ["stores", "plain", "seed", "jobs"])]
    list: bool,
    /// Leave out the runs under faults, and cases about faults
    #[arg(long)]
    plain: bool,
    /// The number that the faults go by [default: another one for each run]
    #[arg(long, value_name = "N", conflicts_with = "plain")]
    seed: Option<u64>,
    /// How many cases run at a time [default: one a processor, 8 on a server]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// table: for people; json: an object a line; markdown: a row a store
    #[arg(long, short, value_enum, default_value_t, hide_possible_values = true)]
    output: Output,
}

const STORES: &str = "Store URIs, such as memory: or file:./scratch";

/// How the command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
    Markdown,
}

/// Says how to get the suite.
#[cfg(not(feature = "conformance"))]
pub(crate) async fn run(_: Args) -> Result<crate::exit::Code, crate::exit::Failure> {
    let text = "this walx is built without the conformance suite; build one that has it: \
                cargo build --release -p walx-cli --features conformance";
    Err(crate::exit::Failure::new(
        crate::exit::Code::Unsupported,
        text,
    ))
}
