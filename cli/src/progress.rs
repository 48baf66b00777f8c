use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use walx_utility::clock;

/// A short run shows nothing.
const QUIET: Duration = Duration::from_millis(500);
/// How often the line changes.
const PERIOD: Duration = Duration::from_millis(200);

/// A line on stderr that changes, only where somebody looks at a terminal and only after half a second.
pub(crate) struct Progress {
    terminal: bool,
    next: clock::Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn start() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            next: clock::now() + QUIET,
            bar: None,
        }
    }

    /// Shows what `text` says, if it is time for it.
    pub(crate) fn show<T: fmt::Display>(&mut self, text: impl FnOnce() -> T) {
        if !self.terminal || clock::now() < self.next {
            return;
        }
        self.next = clock::now() + PERIOD;
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.with_style(
                ProgressStyle::with_template("{msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            )
        });
        bar.set_message(text().to_string());
        bar.tick();
    }

    /// Takes the line away, so that something else can be said.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
