//! `walx completion`: what shells complete.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::{Code, Failure};
use crate::signal::Signals;
use crate::store;

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  source <(walx completion bash)
  walx completion zsh > ~/.zfunc/_walx
  walx completion fish > ~/.config/fish/completions/walx.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(), "walx", &mut script);
    store::print(&mut Signals::listen()?, async |out| {
        out.bytes(&script).await?;
        Ok(Code::Ok)
    })
    .await
}

/// The command line without what its help hides.
fn visible() -> Command {
    let cli = Cli::command();
    let commands = cli.get_subcommands().filter(|it| !it.is_hide_set());
    Command::new("walx")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommands(commands.cloned())
}
