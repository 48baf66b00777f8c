//! The `walx` command: append records, print them, and prove on the spot that none is lost.

mod append;
mod args;
mod demo;
mod exit;
mod json;
mod log;
mod progress;
mod signal;
mod sink;
mod store;
mod tail;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use exit::{Code, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::install();
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
            Command::Demo(args) => demo::run(args).await,
            Command::DemoWriter(args) => demo::writer::run(args).await,
        }
    });
    // Everything is closed by now; a thread that still reads standard input must not keep the program alive.
    runtime.shutdown_background();
    outcome
}
