use std::fmt;
use std::time::Duration;

use crate::{Failure, Outcome};

/// What a load came to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadReport {
    /// Messages whose append was called.
    pub appended: u64,
    /// Those that were acknowledged.
    pub acknowledged: u64,
    /// Those that may be in the log: walx could not find it out in time, or another owner came.
    pub unknown: u64,
    /// Those that are not in the log, as their callers were told.
    pub not_written: u64,
    /// Those that a fresh reader found in the end.
    pub in_the_log: u64,
    /// Acknowledged, and not found at their places.
    pub lost: u64,
    /// Found more than once.
    pub doubled: u64,
    /// Found behind a later one.
    pub out_of_order: u64,
    /// How often the channel was opened for appending.
    pub owners: u64,
    /// How often a scan was started again.
    pub scanned_again: u64,
    /// The longest time without an acknowledgement in each disturbance.
    pub pauses: Vec<Duration>,
}

impl LoadReport {
    /// Whether everything is there, once, in order.
    pub(super) fn verdict(&self) -> Outcome {
        if self.acknowledged == 0 {
            return Err(Failure::new(
                "nothing was acknowledged, so nothing is proved",
            ));
        }
        let may_be = self.acknowledged..=self.acknowledged + self.unknown;
        match (self.lost, self.doubled, self.out_of_order) {
            (0, 0, 0) if may_be.contains(&self.in_the_log) => Ok(()),
            _ => Err(Failure::new("the log is not what was acknowledged")),
        }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} appended, {} acknowledged, {} in the log; {} of unknown outcome, {} not written",
            self.appended, self.acknowledged, self.in_the_log, self.unknown, self.not_written
        )?;
        write!(
            f,
            "{} lost, {} doubled, {} out of order; {} owners, scans started again {} times",
            self.lost, self.doubled, self.out_of_order, self.owners, self.scanned_again
        )?;
        for (number, pause) in (1..).zip(&self.pauses) {
            let ms = pause.as_millis();
            write!(f, "\ndisturbance {number}: the longest pause is {ms} ms")?;
        }
        Ok(())
    }
}
