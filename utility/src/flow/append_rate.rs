use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use walx_core::{Error, ErrorKind, Result};

use super::{FlowControl, Profile, Rate, Watermarks};
use crate::clock;
use crate::spawn::{self, Task};
use crate::sync::lock;

/// When the measured rate of appends slows them down.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AppendRate {
    /// From this on they are slowed down.
    pub high: Rate,
    /// Below this they recover.
    pub low: Rate,
    /// How long each measurement takes.
    pub interval: Duration,
    /// How they are slowed down.
    pub profile: Profile,
}

impl Default for AppendRate {
    /// 32 and 28 MiB a second, measured over 2 s.
    fn default() -> Self {
        Self {
            high: Rate::mib(32),
            low: Rate::mib(28),
            interval: Duration::from_secs(2),
            profile: Profile::append_rate(),
        }
    }
}

/// Counts what passes, while anybody wants to know.
#[derive(Default)]
pub(super) struct Measure {
    on: AtomicBool,
    bytes: AtomicU64,
    task: Mutex<Option<Task<()>>>,
}

impl Measure {
    pub(super) fn count(&self, bytes: u64) {
        if self.on.load(Relaxed) {
            self.bytes.fetch_add(bytes, Relaxed);
        }
    }
}

impl FlowControl {
    /// Measures the appends that pass, and slows them down where they are too many; `None` stops it. Off unless it is
    /// asked for.
    ///
    /// # Errors
    /// `InvalidInput` for marks that don't ascend, an interval of zero or a profile that can't be followed; then it stays
    /// as it was.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn measure_appends(&self, option: Option<AppendRate>) -> Result<()> {
        let task = option.map(|option| self.measuring(option)).transpose()?;
        let measure = &self.0.measure;
        measure.on.store(task.is_some(), Relaxed);
        // The former one, if any, ends here, and its source with it.
        let former = std::mem::replace(&mut *lock(&measure.task), task);
        drop(former);
        Ok(())
    }

    fn measuring(&self, option: AppendRate) -> Result<Task<()>> {
        let AppendRate {
            high,
            low,
            interval,
            profile,
        } = option;
        if interval.is_zero() {
            let text = "a measurement of the append rate takes some time; zero is none";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let marks = Watermarks::new(low.get() as f64, high.get() as f64, f64::INFINITY)?;
        let source = self.adaptive("append rate", profile)?;
        let control = Arc::downgrade(&self.0);
        self.0.measure.bytes.store(0, Relaxed);
        Ok(spawn::task(async move {
            loop {
                let began = clock::now();
                clock::sleep(interval).await;
                let Some(control) = control.upgrade() else {
                    return;
                };
                let bytes = control.measure.bytes.swap(0, Relaxed);
                let rate = bytes as f64 / began.elapsed().as_secs_f64();
                source.feel(marks.pressure(rate));
            }
        }))
    }
}
