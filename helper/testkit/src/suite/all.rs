//! Runs a suite on several threads.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use walx_core::{Error, ErrorKind, Result};
use walx_utility::{clock, spawn};

use super::{Stop, Suite, Tried};
use crate::Report;

impl Suite {
    /// Runs everything, so many cases at a time, and tells each as it has ended: always in the order of
    /// [`trials`](Self::trials). What the stores were made of is removed before it answers. Blocks; call it outside of
    /// async code.
    ///
    /// # Errors
    /// Why no store can be made or opened, or no thread started.
    pub fn run(
        self,
        jobs: NonZeroUsize,
        stop: &Stop,
        mut tell: impl FnMut(&Tried),
    ) -> Result<Report> {
        let begin = clock::now();
        let facts = self.facts()?.clone();
        let whole = self.words.is_empty();
        let (name, version) = (self.name.clone(), self.version.clone());
        let (faults, all) = (self.faults, self.trials().len());
        let mut tried = Vec::with_capacity(all);
        self.in_parallel(jobs, stop, |it| {
            tell(&it);
            tried.push(it);
        })?;
        let whole = whole && tried.len() == all;
        Ok(Report::new(name, version, facts, faults, whole, tried).with_time(begin.elapsed()))
    }

    fn in_parallel(
        self,
        jobs: NonZeroUsize,
        stop: &Stop,
        mut each: impl FnMut(Tried),
    ) -> Result<()> {
        let suite = Arc::new(self);
        let next = Arc::new(AtomicUsize::new(0));
        let (send, ended) = sync_channel(jobs.get());
        let mut threads = Vec::new();
        for _ in 0..jobs.get() {
            let (suite, next, send) = (Arc::clone(&suite), Arc::clone(&next), send.clone());
            let stop = stop.clone();
            match spawn::thread("conformance", move || suite.work(&next, &stop, &send)) {
                Ok(thread) => threads.push(thread),
                // Fewer do as well.
                Err(_) if !threads.is_empty() => break,
                Err(error) => {
                    let text = "the operating system gives no threads; raise the limit of threads";
                    return Err(Error::new(ErrorKind::Unavailable, text).with_source(error));
                }
            }
        }
        drop(send);
        in_order(&ended, &mut each);
        for thread in threads {
            // A case that panics is caught; the thread ends by itself.
            let _ = thread.join();
        }
        Ok(())
    }

    fn work(&self, next: &AtomicUsize, stop: &Stop, send: &SyncSender<(usize, Tried)>) {
        let trials = self.trials();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let trial = trials.get(number).filter(|_| !stop.is_stopped());
            let Some(tried) = trial.and_then(|trial| self.run_one(*trial, stop)) else {
                return;
            };
            if send.send((number, tried)).is_err() {
                return;
            }
        }
    }
}

/// Hands on what arrives in any order.
fn in_order(ended: &Receiver<(usize, Tried)>, each: &mut impl FnMut(Tried)) {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, tried) in ended {
        early.insert(number, tried);
        while let Some(tried) = early.remove(&next) {
            next += 1;
            each(tried);
        }
    }
    // What ended behind one that was stopped.
    early.into_values().for_each(each);
}
