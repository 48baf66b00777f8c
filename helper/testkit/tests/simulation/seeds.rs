//! Many seeds, on all processors: each run has a runtime of its own, and stays on one thread.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use walx_utility::sync::lock;

use crate::run::{Run, run};

/// Tells the seed whose run panicked.
struct Named(u64);

impl Drop for Named {
    #[expect(clippy::print_stdout, reason = "the panic itself can't name it")]
    fn drop(&mut self) {
        if thread::panicking() {
            println!("it panicked in the run of WALX_SEED={}", self.0);
        }
    }
}

/// The runs that are not good, by their seeds.
pub(crate) fn bad(seeds: Range<u64>) -> Vec<Run> {
    let (next, bad) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let named = Named(seed);
                    let run = run(seed);
                    drop(named);
                    let mut bad = lock(&bad);
                    if !run.is_good() && bad.len() < MOST_BAD {
                        bad.push(run);
                    }
                }
            });
        }
    });
    let mut bad = std::mem::take(&mut *lock(&bad));
    bad.sort_by_key(|run| run.seed);
    bad
}

/// So many bad runs are kept: a history is large.
const MOST_BAD: usize = 200;
