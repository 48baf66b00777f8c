use std::io::{self, IsTerminal};

use walx::{ForeignRecord, Gap, Marker, MarkerKind, PlacedMessage};

use super::json;
use super::table::Table;
use crate::args::Output;
use crate::{exit, text};

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

    pub(super) fn foreign(&mut self, output: &mut Vec<u8>, record: &ForeignRecord) {
        match self {
            Self::Raw => {
                output.extend_from_slice(&record.payload);
                output.push(b'\n');
            }
            Self::Json => json::foreign(output, record),
            Self::Table(table) => table.foreign(output, record),
        }
    }

    /// A mark has a place on stdout where the format has more than payloads; else it goes to stderr.
    pub(super) fn marker(&mut self, output: &mut Vec<u8>, marker: &Marker) {
        match self {
            Self::Raw => exit::say(format_args!("lsn {}: {}", marker.place.lsn, marked(marker))),
            Self::Json => json::marker(output, marker),
            Self::Table(table) => table.mark(output, &marker.place, &marked(marker)),
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

/// What a mark says, for people.
fn marked(marker: &Marker) -> String {
    let name = marker
        .transaction
        .map_or_else(String::new, |id| format!("transaction {}", id.0));
    let text = match marker.kind {
        MarkerKind::Begin => format!("{name} begins"),
        MarkerKind::Commit { count } => {
            format!(
                "{name} is committed, with {}",
                text::count(count.into(), "record")
            )
        }
        MarkerKind::Rollback { expired: false } => format!("{name} is rolled back"),
        MarkerKind::Rollback { expired: true } => {
            format!("{name} is rolled back: its time was over, or its owner's")
        }
        MarkerKind::Tick => "a point in time".to_owned(),
        other => format!("a mark that this version doesn't know: {other:?}"),
    };
    match &marker.virtual_channel {
        Some(name) => format!("{text} (in {})", text::plain(name.as_str())),
        None => text,
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
