use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use walx_core::Result;

use super::{Controller, FlowControl, FlowSource, FlowState, Pressure, Profile, Rate};
use crate::clock;
use crate::spawn::{self, Task};
use crate::sync::lock;

/// A source that is told how it feels and does the rest by its [`Profile`]: it slows down step by step, rejects, and
/// recovers step by step. It has one task, which sleeps while nothing changes.
#[must_use = "a source that is dropped has no say any more"]
pub struct AdaptiveSource {
    shared: Arc<Shared>,
    _task: Task<()>,
}

struct Shared {
    controller: Mutex<Controller>,
    source: FlowSource,
    changed: Notify,
}

impl FlowControl {
    /// A source of this name that does what its profile says.
    ///
    /// # Errors
    /// `InvalidInput` for a profile that can't be followed.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn adaptive(&self, name: impl Into<String>, profile: Profile) -> Result<AdaptiveSource> {
        let shared = Arc::new(Shared {
            controller: Mutex::new(Controller::new(profile)?),
            source: self.source(name),
            changed: Notify::new(),
        });
        let driven = Arc::clone(&shared);
        Ok(AdaptiveSource {
            shared,
            _task: spawn::task(async move { driven.drive().await }),
        })
    }
}

impl AdaptiveSource {
    /// From now on the source feels like this.
    pub fn feel(&self, pressure: Pressure) {
        self.shared
            .change(|controller| controller.feel(pressure, None, clock::now()));
    }

    /// As [`feel`](Self::feel), where the source knows what it can bear: slowing down starts with that.
    pub fn feel_with_hint(&self, pressure: Pressure, hint: Rate) {
        self.shared
            .change(|controller| controller.feel(pressure, Some(hint), clock::now()));
    }

    /// Follows another profile from now on.
    ///
    /// # Errors
    /// `InvalidInput` for one that can't be followed; then the former one stays.
    pub fn set_profile(&self, profile: Profile) -> Result<()> {
        self.shared
            .change(|controller| controller.set_profile(profile, clock::now()))
    }

    /// What the source can bear now.
    pub fn state(&self) -> FlowState {
        lock(&self.shared.controller).state()
    }
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Controller) -> T) -> T {
        let mut controller = lock(&self.controller);
        let due = controller.due();
        let result = change(&mut controller);
        // Under the lock, so that the last change is the one that stays.
        self.source.report(controller.state());
        let moved = controller.due() != due;
        drop(controller);
        if moved {
            self.changed.notify_one();
        }
        result
    }

    async fn drive(&self) {
        loop {
            let due = lock(&self.controller).due();
            let changed = self.changed.notified();
            match due.map(|due| due.saturating_duration_since(clock::now())) {
                None => changed.await,
                Some(time) => {
                    if clock::timeout(time, changed).await.is_err() {
                        let mut controller = lock(&self.controller);
                        controller.advance(clock::now());
                        self.source.report(controller.state());
                    }
                }
            }
        }
    }
}

impl Drop for AdaptiveSource {
    /// At once: the task may end later.
    fn drop(&mut self) {
        self.shared.source.withdraw();
    }
}

impl fmt::Debug for AdaptiveSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdaptiveSource {{ {} }}", self.state())
    }
}
