//! `walx repair`: what is to be done about damage, and doing it.

use walx::{Progress, RepairMode, RepairStep, Repaired};

use crate::args::STORE;
use crate::exit::{Code, Failure};
use crate::out::Out;
use crate::progress;
use crate::store;
use crate::text::count;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Prints each step: what is damaged, and what is done about it. Without --yes
nothing is changed. With --yes what is damaged is copied first, and the copy
stays; nothing is given up that can be read. What is lost becomes a gap that
scans tell, and `walx verify` calls it known. Nobody may have the store open for
writing. A repair that was interrupted is completed by the next one.

The exit code is 9 without --yes where there is something to repair, and 0 where
there is nothing, or where it was done.

Examples:
  walx repair file:./data
  walx repair file:./data --yes")]
pub(crate) struct Args {
    #[arg(help = STORE)]
    store: String,
    /// Repair, instead of saying what would be done
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    let mode = match args.yes {
        true => RepairMode::Apply,
        false => RepairMode::DryRun,
    };
    store::run(&args.store, async |store, out| {
        let progress = Progress::default();
        let work = store.repair(mode, &progress);
        let repaired = progress::watch("read", &progress, work).await?;
        if repaired.steps.is_empty() {
            store::channels(store).await?;
        }
        print(&repaired, mode, out).await?;
        Ok(if repaired.steps.is_empty() || args.yes {
            Code::Ok
        } else {
            Code::Damage
        })
    })
    .await
}

async fn print(repaired: &Repaired, mode: RepairMode, out: &mut Out) -> Result<(), Failure> {
    for RepairStep {
        finding, action, ..
    } in &repaired.steps
    {
        out.line(format_args!("damage: {finding}")).await?;
        out.line(format_args!("  {action}")).await?;
    }
    let steps = count(repaired.steps.len() as u64, "step");
    let copy = repaired.copy.as_deref();
    match (repaired.steps.is_empty(), mode) {
        (true, _) => out.line("nothing to repair").await,
        (false, RepairMode::DryRun) => {
            if let Some(copy) = copy {
                out.line(format_args!("what is damaged would be copied to {copy}"))
                    .await?;
            }
            out.line(format_args!(
                "nothing is changed; add --yes to do the {steps}"
            ))
            .await
        }
        (false, RepairMode::Apply) => {
            if let Some(copy) = copy {
                out.line(format_args!("what was damaged is copied to {copy}"))
                    .await?;
            }
            out.line(format_args!("repaired, in {steps}")).await
        }
    }
}
