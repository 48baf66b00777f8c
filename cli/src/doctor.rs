//! `walx doctor`: what a store needs to work, check by check.

use serde::Serialize;

use walx::{Check, ErrorKind, Health};

use crate::args::{Form, Report, STORE};
use crate::exit::{Code, Failure};
use crate::out::Out;
use crate::signal::Signals;
use crate::store;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
A line is ok, warn or FAIL, what was looked at, and what was found. Nothing is
changed. With json a line is {\"check\":NAME,\"health\":\"good\", \"warning\" or
\"problem\",\"text\":TEXT}.

The exit code is 10 where a check fails; warnings don't count.

Examples:
  walx doctor file:./data
  walx doctor file:./data --output json")]
pub(crate) struct Args {
    #[arg(help = STORE)]
    store: String,
    #[command(flatten)]
    report: Report,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    store::print(&mut Signals::listen()?, async |out| {
        // What can't be looked at is a check; an error says that there is no such store at all.
        let checks = walx::doctor(&args.store)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidInput | ErrorKind::NotFound => {
                    Failure::new(Code::Configuration, error)
                }
                _ => error.into(),
            })?;
        print(&checks, args.report.output, out).await?;
        let sick = checks.iter().any(|it| it.health == Health::Problem);
        Ok(if sick { Code::Configuration } else { Code::Ok })
    })
    .await
}

async fn print(checks: &[Check], form: Form, out: &mut Out) -> Result<(), Failure> {
    let width = checks.iter().map(|it| it.name.len()).max().unwrap_or(0);
    for Check {
        name, health, text, ..
    } in checks
    {
        match form {
            Form::Table => {
                let word = match health {
                    Health::Good => "ok",
                    Health::Warning => "warn",
                    Health::Problem => "FAIL",
                };
                out.line(format_args!("{word:<4}  {name:<width$}  {text}"))
                    .await?;
            }
            Form::Json => {
                let health = match health {
                    Health::Good => "good",
                    Health::Warning => "warning",
                    Health::Problem => "problem",
                };
                out.json(&Line {
                    check: name,
                    health,
                    text,
                })
                .await?;
            }
        }
    }
    Ok(())
}

/// A check. The names are stable.
#[derive(Serialize)]
struct Line<'a> {
    check: &'a str,
    health: &'a str,
    text: &'a str,
}
