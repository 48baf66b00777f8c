use std::time::Duration;

use walx_core::Result;

use super::{FlowState, Pressure, Profile, Rate};
use crate::clock::Instant;

/// Slows down step by step while a source feels ill, rejects in the end, and recovers step by step. It has no clock and
/// no task: whoever has it asks at the time that [`due`](Self::due) names.
#[derive(Clone, Debug)]
pub struct Controller {
    profile: Profile,
    mode: Mode,
    pressure: Pressure,
    /// What the source says that it can bear.
    hint: Option<Rate>,
    due: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Normal,
    /// Ill, and still normal.
    Delayed,
    Slow(Rate),
    Reject,
    Recovery(Rate),
}

impl Controller {
    /// A normal one.
    ///
    /// # Errors
    /// `InvalidInput` for a profile that can't be followed.
    pub fn new(profile: Profile) -> Result<Self> {
        profile.check()?;
        Ok(Self {
            profile,
            mode: Mode::Normal,
            pressure: Pressure::None,
            hint: None,
            due: None,
        })
    }

    /// Follows another profile from now on; a rate outside of its bounds is moved to them.
    ///
    /// # Errors
    /// `InvalidInput` for one that can't be followed; then the former one stays.
    pub fn set_profile(&mut self, profile: Profile, now: Instant) -> Result<()> {
        profile.check()?;
        self.profile = profile;
        match self.mode {
            Mode::Slow(rate) => self.slow(rate, now),
            Mode::Recovery(rate) => self.recover(rate, now),
            Mode::Delayed => self.delay(now),
            Mode::Normal | Mode::Reject => {}
        }
        Ok(())
    }

    /// The profile that it follows.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What the source can bear now.
    pub const fn state(&self) -> FlowState {
        match self.mode {
            Mode::Normal | Mode::Delayed => FlowState::Normal,
            Mode::Slow(rate) | Mode::Recovery(rate) => FlowState::SlowDown(rate),
            Mode::Reject => FlowState::Reject {
                retry_after: self.profile.retry_after,
            },
        }
    }

    /// When it changes by itself; `None` where it does not.
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The source feels like this from now on; `hint` is the rate that it says it can bear, to start with.
    pub fn feel(&mut self, pressure: Pressure, hint: Option<Rate>, now: Instant) {
        self.advance(now);
        self.hint = hint;
        if std::mem::replace(&mut self.pressure, pressure) == pressure {
            return;
        }
        match (pressure, self.mode) {
            (Pressure::Critical, _) => self.reject(),
            (Pressure::Steady, _) => self.due = None,
            (Pressure::Rising, Mode::Normal | Mode::Delayed) => self.delay(now),
            (Pressure::Rising, Mode::Slow(rate) | Mode::Recovery(rate)) => self.slow(rate, now),
            (Pressure::None, Mode::Delayed) => self.set(Mode::Normal, None),
            (Pressure::None, Mode::Slow(rate) | Mode::Recovery(rate)) => self.recover(rate, now),
            (Pressure::None, Mode::Reject) => self.recover(self.profile.recovery_low, now),
            // Once it rejects, it does until it feels well.
            (Pressure::Rising, Mode::Reject) | (Pressure::None, Mode::Normal) => {}
        }
    }

    /// Does what was due until now.
    pub fn advance(&mut self, now: Instant) {
        while let Some(due) = self.due.filter(|due| *due <= now) {
            let profile = self.profile;
            match self.mode {
                Mode::Delayed => self.slow(profile.slow_high, due),
                Mode::Slow(rate) if rate > profile.slow_low => {
                    let lower = rate.get() as f64 * profile.slow_ratio;
                    self.slow(Rate::at_least_one(lower as u64), due);
                }
                Mode::Slow(_) => self.reject(),
                Mode::Recovery(rate) if rate < profile.recovery_high => {
                    let more = profile.recovery_increment.get();
                    let higher = rate.get().saturating_add(more);
                    let rate = Rate::at_least_one(higher).min(profile.recovery_high);
                    self.recover(rate, due);
                }
                Mode::Recovery(_) => self.set(Mode::Normal, None),
                Mode::Normal | Mode::Reject => self.due = None,
            }
        }
    }

    fn delay(&mut self, now: Instant) {
        if self.profile.start_delay.is_zero() {
            self.slow(self.profile.slow_high, now);
        } else {
            self.set(Mode::Delayed, after(now, self.profile.start_delay));
        }
    }

    fn slow(&mut self, rate: Rate, now: Instant) {
        let profile = &self.profile;
        let first = !matches!(self.mode, Mode::Slow(_));
        let hint = self.hint.filter(|_| first).unwrap_or(rate);
        let rate = rate.min(hint).min(profile.slow_high).max(profile.slow_low);
        let lasts = if rate > profile.slow_low {
            Some(profile.slow_interval)
        } else {
            profile.reject_delay
        };
        self.set(Mode::Slow(rate), lasts.and_then(|it| after(now, it)));
    }

    fn recover(&mut self, rate: Rate, now: Instant) {
        let profile = &self.profile;
        let rate = rate.max(profile.recovery_low);
        let lasts = if rate < profile.recovery_high {
            profile.recovery_interval
        } else {
            profile.normal_delay
        };
        self.set(Mode::Recovery(rate), after(now, lasts));
    }

    fn reject(&mut self) {
        self.set(Mode::Reject, None);
    }

    fn set(&mut self, mode: Mode, due: Option<Instant>) {
        self.mode = mode;
        self.due = due.filter(|_| self.pressure != Pressure::Steady);
    }
}

fn after(now: Instant, time: Duration) -> Option<Instant> {
    // Beyond what the clock can say is never.
    now.checked_add(time)
}
