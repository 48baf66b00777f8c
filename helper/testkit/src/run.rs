//! Puts a store to the test of one case.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use walx_core::{Capability, Error, ErrorKind, Result};
use walx_utility::clock;

use crate::faults::Plan;
use crate::history::{Checks, Recorder, check};
use crate::model::Model;
use crate::suite::Stop;
use crate::{Case, Context, Failure, Outcome, TestStore};

/// How long a case may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// How long tasks that a case left behind may take to end.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Puts a store to the test of one case, on a runtime of its own.
///
/// # Errors
/// Why the promise does not hold.
pub fn run(case: &Case, store: TestStore, capability: Capability) -> Outcome {
    attempt(case, store, capability, None, &Stop::default())
}

/// Puts a store to the test of one case, under the faults that its promise holds under.
///
/// # Errors
/// Why the promise does not hold, and which faults there were.
pub fn run_faulty(case: &Case, store: TestStore, capability: Capability, seed: u64) -> Outcome {
    attempt(case, store, capability, Some(seed), &Stop::default())
}

/// The same, until it is to stop: the outcome then says nothing of the store.
pub(crate) fn attempt(
    case: &Case,
    store: TestStore,
    capability: Capability,
    seed: Option<u64>,
    stop: &Stop,
) -> Outcome {
    let TestStore {
        builder,
        config,
        keep,
        foreign,
    } = store;
    let context = Context::new(builder, config, capability).with_foreign(foreign);
    let equipped = Equipped::new(case, context, seed);
    let outcome = within(case.run, equipped.context.clone(), stop);
    drop(keep);
    equipped.judge(outcome)
}

/// The same as [`run`], on the caller's runtime: where the clock of it is paused, no wait takes any time.
///
/// # Errors
/// Why the promise does not hold.
pub async fn run_here(case: &Case, store: TestStore, capability: Capability) -> Outcome {
    let TestStore {
        builder,
        config,
        keep,
        foreign,
    } = store;
    let context = Context::new(builder, config, capability).with_foreign(foreign);
    let equipped = Equipped::new(case, context, None);
    let outcome = in_time((case.run)(equipped.context.clone())).await;
    drop(keep);
    equipped.judge(outcome)
}

/// A store for one case, with all that stands beside it.
struct Equipped {
    context: Context,
    recorder: Recorder,
}

impl Equipped {
    fn new(case: &Case, mut context: Context, seed: Option<u64>) -> Self {
        if let Some(plan) = plan(case, seed) {
            context = context.under(plan);
            if !case.is_of_wals() {
                context = context.patient();
            }
        }
        let recorder = Recorder::new(0);
        if case.is_recorded() {
            context = context.recorded(recorder.clone());
        }
        if !case.is_of_wals() {
            context = context.modelled();
        }
        Self { context, recorder }
    }

    /// Beside what the case looks at: whether all that was called, answered and delivered keeps every promise.
    fn judge(self, outcome: Outcome) -> Outcome {
        let wrong = self.context.model().and_then(Model::wrong);
        let outcome = match (outcome, wrong) {
            (Ok(()), None) => judge(&self.recorder, self.context.capability()),
            (Ok(()), Some(wrong)) => Err(Failure::new(format!("the model says: {wrong}"))),
            (Err(failure), None) => Err(failure),
            (Err(failure), Some(wrong)) => {
                Err(failure.with(format_args!("the model says: {wrong}")))
            }
        };
        outcome.map_err(|failure| match self.context.injected() {
            Some(faults) => failure.with(faults),
            None => failure,
        })
    }
}

fn plan(case: &Case, seed: Option<u64>) -> Option<Plan> {
    match seed {
        Some(seed) => Some(case.plan(seed)),
        // What a case about faults brings about is all that takes place.
        None => case.is_about_faults().then(Plan::quiet),
    }
}

/// Whether a history keeps every promise.
fn judge(recorder: &Recorder, capability: Capability) -> Outcome {
    let violations = check(&recorder.history(), &Checks::of(&capability));
    match violations.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(format!(
            "the history of its calls breaks {} promises; the first one: {first}",
            violations.len()
        ))),
    }
}

/// What a store says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) capability: Capability,
    pub(crate) server: Option<String>,
}

/// Opens a store to ask it.
pub(crate) fn look(store: &TestStore) -> Result<Facts> {
    let default = store.builder.capability();
    let context = Context::new(store.builder.clone(), store.config.clone(), default);
    let ask = |context: Context| async move {
        let asked = async {
            let opener = context.opener().await?;
            let facts = Facts {
                capability: opener.capability(),
                server: opener.server(),
            };
            opener.close().await?;
            Ok(facts)
        };
        Ok(asked.await)
    };
    within(ask, context, &Stop::default()).unwrap_or_else(|failure| {
        let text = format!("opening the store to ask what it can do: {failure}");
        Err(Error::new(ErrorKind::Unavailable, text))
    })
}

fn within<T, F: Future<Output = Outcome<T>>>(
    run: impl FnOnce(Context) -> F,
    context: Context,
    stop: &Stop,
) -> Outcome<T> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            biased;
            () = stop.wait() => Err(Failure::new("it was stopped")),
            outcome = in_time(run(context)) => outcome,
        }
    });
    runtime.shutdown_timeout(AFTERMATH);
    outcome
}

async fn in_time<T>(run: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let outcome = clock::timeout(DEADLINE, run).await;
    outcome.unwrap_or_else(|_| {
        Err(Failure::new(format!(
            "it hangs: no end within {DEADLINE:?}"
        )))
    })
}

fn runtime() -> Outcome<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.map_err(|error| Failure::new(format!("the operating system gives no threads: {error}")))
}
