//! One task an opener that drops what is too old from the caches of idle wals.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use walx_utility::clock;
use walx_utility::spawn::{self, Task};
use walx_utility::sync::lock;

use crate::cache::Cache;

const PERIOD: Duration = Duration::from_secs(1);

/// Sweeps the caches it knows; has a task only while there are any.
#[derive(Clone, Default)]
pub(crate) struct Sweeper(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    caches: Vec<Weak<Cache>>,
    task: Option<Task<()>>,
}

impl Sweeper {
    pub(crate) fn add(&self, cache: &Arc<Cache>) {
        let mut state = lock(&self.0);
        state.caches.push(Arc::downgrade(cache));
        // The runtime of the first open may have ended, and the task with it.
        if state.task.as_ref().is_none_or(Task::is_finished) {
            let this = Arc::downgrade(&self.0);
            state.task = Some(spawn::task(async move {
                loop {
                    clock::sleep(PERIOD).await;
                    let Some(this) = this.upgrade() else { return };
                    if !sweep(&this) {
                        return;
                    }
                }
            }));
        }
    }
}

/// Sweeps once; `false` where nothing is left to sweep.
fn sweep(this: &Mutex<State>) -> bool {
    let mut state = lock(this);
    state.caches.retain(|cache| cache.strong_count() > 0);
    if state.caches.is_empty() {
        // The task is ending by itself.
        if let Some(task) = state.task.take() {
            task.detach();
        }
        return false;
    }
    let caches: Vec<_> = state.caches.iter().filter_map(Weak::upgrade).collect();
    drop(state);
    let now = clock::now();
    caches.iter().for_each(|cache| cache.sweep(now));
    true
}
