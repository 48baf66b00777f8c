use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

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

/// Runs something long, and shows how far it is, how fast, and when it will be done.
pub(crate) async fn watch<T>(
    verb: &str,
    progress: &walx::Progress,
    work: impl Future<Output = T>,
) -> T {
    let mut line = Progress::start();
    let begin = clock::now();
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(outcome) = clock::timeout(PERIOD, work.as_mut()).await {
            line.clear();
            return outcome;
        }
        line.show(|| {
            let so_far = describe(progress.done(), progress.total(), begin.elapsed());
            format!("{verb} {so_far}")
        });
    }
}

fn describe(done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let speed = format!("{}/s", BinaryBytes(rate as u64));
    // The whole is not known before the first part of it is looked at, and an owner may add to it.
    if total <= done || rate < 1.0 {
        return format!("{}, {speed}", BinaryBytes(done));
    }
    let left = Duration::from_secs(((total - done) as f64 / rate).ceil() as u64);
    format!(
        "{} of {}, {speed}, {} left",
        BinaryBytes(done),
        BinaryBytes(total),
        humantime::format_duration(left)
    )
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_how_far_how_fast_and_how_long_still() {
        let two = Duration::from_secs(2);
        assert_eq!(
            describe(2 << 20, 10 << 20, two),
            "2.00 MiB of 10.00 MiB, 1.00 MiB/s, 8s left"
        );
        assert_eq!(describe(2 << 20, 0, two), "2.00 MiB, 1.00 MiB/s");
        assert_eq!(describe(0, 1 << 20, two), "0 B, 0 B/s");
        assert_eq!(describe(0, 0, Duration::ZERO), "0 B, 0 B/s");
    }
}
