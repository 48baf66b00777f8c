//! One task an opener that looks at its wals once a second: drops what is too old from the caches of idle ones, shows
//! how they stand in gauges, and finds appends that are stuck. Nothing of that is done on the path of a message.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use walx_utility::clock::{self, Instant};
use walx_utility::spawn::{self, Task};
use walx_utility::sync::lock;

use crate::gauge::show_limits;

const PERIOD: Duration = Duration::from_secs(1);

/// What is looked at.
pub(crate) trait Watched: Send + Sync {
    fn look(&self, now: Instant);
}

/// Looks at what it knows; has a task only while there is any of it.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    watched: Vec<Weak<dyn Watched>>,
    task: Option<Task<()>>,
}

impl Watch {
    pub(crate) fn add(&self, new: Weak<dyn Watched>) {
        let mut state = lock(&self.0);
        // The task may be on a runtime that nobody drives at present.
        state.watched.retain(|it| it.strong_count() > 0);
        // A cache comes once for each wal that shares it.
        if !state.watched.iter().any(|it| it.ptr_eq(&new)) {
            state.watched.push(new);
        }
        // The runtime of the first open may have ended, and the task with it.
        if state.task.as_ref().is_none_or(Task::is_finished) {
            let this = Arc::downgrade(&self.0);
            state.task = Some(spawn::task(async move {
                loop {
                    clock::sleep(PERIOD).await;
                    let Some(this) = this.upgrade() else { return };
                    if !look(&this) {
                        return;
                    }
                }
            }));
        }
    }
}

/// Looks once; `false` where nothing is left to look at.
fn look(this: &Mutex<State>) -> bool {
    let mut state = lock(this);
    state.watched.retain(|it| it.strong_count() > 0);
    if state.watched.is_empty() {
        // The task is ending by itself.
        if let Some(task) = state.task.take() {
            task.detach();
        }
        return false;
    }
    let watched: Vec<_> = state.watched.iter().filter_map(Weak::upgrade).collect();
    drop(state);
    let now = clock::now();
    watched.iter().for_each(|it| it.look(now));
    show_limits();
    true
}
