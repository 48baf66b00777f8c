use std::io::{self, IsTerminal};

use walx::{Gap, PlacedMessage};

use super::json;
use super::table::Table;
use crate::args::Output;
use crate::exit;

/// How entries become bytes.
pub(super) enum Format {
    Raw,
    Json,
    Table(Table),
}

impl Format {
    pub(super) fn new(output: Output) -> Self {
        match output {
            Output::Raw => Self::Raw,
            Output::Json => Self::Json,
            Output::Table => Self::Table(Table::new(width())),
        }
    }

    pub(super) fn message(&mut self, output: &mut Vec<u8>, message: &PlacedMessage) {
        match self {
            Self::Raw => {
                output.extend_from_slice(&message.message.payload);
                output.push(b'\n');
            }
            Self::Json => json::message(output, message),
            Self::Table(table) => table.row(output, message),
        }
    }

    /// A hole stands on stdout only where the format has a place for it; else it goes to stderr.
    pub(super) fn gap(&mut self, output: &mut Vec<u8>, gap: &Gap) {
        match self {
            Self::Json => json::gap(output, gap),
            Self::Raw | Self::Table(_) => exit::say(gap),
        }
    }
}

/// Columns of the terminal, or of `COLUMNS` where stdout is none.
fn width() -> usize {
    let stdout = io::stdout();
    let terminal = stdout
        .is_terminal()
        .then(|| rustix::termios::tcgetwinsize(&stdout).ok())
        .flatten();
    terminal
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
        .or_else(|| std::env::var("COLUMNS").ok()?.parse().ok())
        .unwrap_or(120)
}
