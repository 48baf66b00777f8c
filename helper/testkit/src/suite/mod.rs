//! All cases against one kind of store: which of them run, and how each ended.

mod all;
mod harness;
mod stop;

use std::any::Any;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use walx_core::{Capability, Result};
use walx_utility::{clock, random};

use crate::run::{Facts, attempt, look};
use crate::{Case, Failure, Outcome, TestStore};

pub use harness::{main, main_on_server, main_without_faults};
pub use stop::Stop;

/// So many cases run at a time where each waits for a server most of the time: on two processors more would only wait
/// longer.
const JOBS_ON_A_SERVER: NonZeroUsize = NonZeroUsize::new(8).unwrap();

type Factory = dyn Fn() -> Result<TestStore> + Send + Sync;

/// The cases, and the stores that they are put to. Each case runs plain, and once more under faults that its promise
/// holds under.
pub struct Suite {
    name: String,
    version: String,
    store: Box<Factory>,
    faults: bool,
    seed: Option<u64>,
    words: Vec<String>,
    /// How many cases a test program runs at a time; none = as many as there are processors.
    jobs: Option<usize>,
    /// Of the first store, which is kept until the suite goes: what all stores lie in lives as long.
    first: OnceLock<Result<(Facts, Keep)>>,
}

type Keep = Arc<Mutex<Box<dyn Any + Send>>>;

impl Suite {
    /// The whole suite. `name` is that of the backend; `store` makes a fresh store for each case.
    pub fn new(
        name: impl Into<String>,
        store: impl Fn() -> Result<TestStore> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            version: format!("walx {}", env!("CARGO_PKG_VERSION")),
            store: Box::new(store),
            faults: true,
            seed: None,
            words: Vec::new(),
            jobs: None,
            first: OnceLock::new(),
        }
    }

    /// Sets the name and version of the backend's own code, for the report; walx's by default.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Sets whether cases also run under faults, and those that are about faults at all.
    #[must_use]
    pub fn with_faults(mut self, faults: bool) -> Self {
        self.faults = faults;
        self
    }

    /// Sets the number that the faults go by: a failure tells its own. By default each run under faults draws one.
    #[must_use]
    pub fn with_seed(mut self, seed: Option<u64>) -> Self {
        self.seed = seed;
        self
    }

    fn with_jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// Only cases whose name contains one of these words; none = all.
    #[must_use]
    pub fn only(mut self, words: Vec<String>) -> Self {
        self.words = words;
        self
    }

    /// The backend's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The runs that it is made of.
    pub fn trials(&self) -> Vec<Trial> {
        let chosen = |case: &Case| {
            let name = case.name();
            let named = self.words.iter().any(|word| name.contains(word));
            (self.words.is_empty() || named) && (self.faults || !case.is_about_faults())
        };
        let kinds: &[bool] = if self.faults {
            &[false, true]
        } else {
            &[false]
        };
        let cases = crate::cases().into_iter().filter(chosen);
        cases
            .flat_map(|case| kinds.iter().map(move |&faulty| Trial { case, faulty }))
            .collect()
    }

    /// What the store can do as it is configured. The first call opens one to ask it.
    ///
    /// # Errors
    /// Why no store can be made or opened.
    pub fn capability(&self) -> Result<Capability> {
        Ok(self.facts()?.capability)
    }

    /// How many cases to run at a time where nobody says otherwise: as many as there are processors, but more where
    /// the store is on a server. The first call opens a store to ask it.
    ///
    /// # Errors
    /// Why no store can be made or opened.
    pub fn jobs(&self) -> Result<NonZeroUsize> {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(match self.capability()?.needs_server {
            true => processors.max(JOBS_ON_A_SERVER),
            false => processors,
        })
    }

    fn facts(&self) -> Result<&Facts> {
        let first = self.first.get_or_init(|| {
            let store = (self.store)()?;
            let facts = look(&store)?;
            Ok((facts, Arc::new(Mutex::new(store.keep))))
        });
        match first {
            Ok((facts, _)) => Ok(facts),
            Err(error) => Err(error.clone()),
        }
    }

    /// Runs one of them. `None` where it was stopped meanwhile.
    pub fn run_one(&self, trial: Trial, stop: &Stop) -> Option<Tried> {
        let seed = trial
            .faulty
            .then(|| self.seed.unwrap_or_else(random::number));
        let begin = clock::now();
        // A case that panics must not take the others with it.
        let verdict = catch_unwind(AssertUnwindSafe(|| self.verdict(&trial.case, seed, stop)));
        let verdict = verdict.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_default();
            Verdict::Failed(Failure::new(format!("it panics: {text}")))
        });
        (!stop.is_stopped()).then(|| Tried {
            trial,
            verdict,
            seed,
            time: begin.elapsed(),
        })
    }

    fn verdict(&self, case: &Case, seed: Option<u64>, stop: &Stop) -> Verdict {
        let run = || -> Outcome<Verdict> {
            let capability = self.facts()?.capability;
            if let Some(what) = case.excused(&capability) {
                return Ok(Verdict::LeftOut(what));
            }
            let store = (self.store)()?;
            if case.is_about_foreign_records() && store.foreign.is_none() {
                return Ok(Verdict::LeftOut("storage that others write into"));
            }
            attempt(case, store, capability, seed, stop)?;
            Ok(Verdict::Passed)
        };
        run().unwrap_or_else(Verdict::Failed)
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Suite {{ {} }}", self.name)
    }
}

/// One run of one case.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// The case.
    pub case: Case,
    /// Whether it runs under faults.
    pub faulty: bool,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What ran.
    pub trial: Trial,
    /// How it ended.
    pub verdict: Verdict,
    /// The number that its faults went by; none without faults.
    pub seed: Option<u64>,
    /// How long it took.
    pub time: Duration,
}

/// Whether a promise holds.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It does.
    Passed,
    /// The store says that it can't do what the promise needs: this.
    LeftOut(&'static str),
    /// It doesn't, or could not be put to the test.
    Failed(Failure),
}
