//! The `walx` command: append records, print them, look after stores, and prove on the spot that nothing is lost.

mod append;
mod args;
mod completion;
mod conformance;
mod copy;
mod demo;
mod describe;
mod diff;
mod doctor;
mod exit;
#[cfg(test)]
#[path = "../../helper/fuzz/inputs.rs"]
mod inputs;
mod json;
mod log;
mod ls;
mod metrics;
mod out;
mod progress;
mod repair;
mod signal;
mod sink;
mod store;
mod tail;
mod text;
mod truncate;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use exit::{Code, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::install(&cli.command);
    match run(cli) {
        Ok(code) => code.into(),
        Err(failure) => {
            exit::say(&failure);
            failure.code().into()
        }
    }
}

fn run(cli: Cli) -> Result<Code, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Code::Unexpected,
                format!("the runtime does not start: {error}"),
            )
        })?;
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Append(args) => append::run(args).await,
            Command::Tail(args) => tail::run(args).await,
            Command::Ls(args) => ls::run(args).await,
            Command::Describe(args) => describe::run(args).await,
            Command::Verify(args) => verify::run(args).await,
            Command::Truncate(args) => truncate::run(args).await,
            Command::Copy(args) => copy::run(args).await,
            Command::Diff(args) => diff::run(args).await,
            Command::Repair(args) => repair::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Completion(args) => completion::run(args).await,
            Command::Conformance(args) => conformance::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::DemoWriter(args) => demo::writer::run(args).await,
        }
    });
    // Everything is closed by now; a thread that still reads standard input must not keep the program alive.
    runtime.shutdown_background();
    outcome
}
