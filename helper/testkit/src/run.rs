use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::{Builder, Runtime};
use walx_core::Capability;
use walx_utility::{clock, random};

use crate::faults::Plan;
use crate::history::{Checks, Recorder, check};
use crate::{Case, Context, Failure, Outcome, TestStore};

/// How long a case may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long tasks that a case left behind may take to end.
const AFTERMATH: Duration = Duration::from_secs(2);

/// The number that the faults of a run go by; a failing test says it.
const SEED: &str = "WALX_FAULT_SEED";

/// Runs the suite as a test program, with the arguments of `cargo test`. `name` stands before each case; `store`
/// makes a fresh store for each. Each case runs plain, and once more under faults that its promise holds under.
pub fn main(name: &str, store: impl Fn() -> TestStore + Send + Sync + 'static) -> ExitCode {
    suite(name, true, store)
}

/// As [`main`], without faults: for a backend so simple that each open reads its whole log record by record, where
/// reads that fail now and then end nearly every open.
pub fn main_without_faults(
    name: &str,
    store: impl Fn() -> TestStore + Send + Sync + 'static,
) -> ExitCode {
    suite(name, false, store)
}

fn suite(
    name: &str,
    with_faults: bool,
    store: impl Fn() -> TestStore + Send + Sync + 'static,
) -> ExitCode {
    let store: Arc<dyn Fn() -> TestStore + Send + Sync> = Arc::new(store);
    let capability = Arc::new(OnceLock::new());
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let mut trials = Vec::new();
    let cases = crate::cases().into_iter();
    for case in cases.filter(|case| with_faults || !case.is_about_faults()) {
        let (store, capability) = (&store, &capability);
        let trial = |kind: &str, faulty: bool| {
            let (store, capability) = (Arc::clone(store), Arc::clone(capability));
            Trial::ignorable_test(case.name(), move || {
                // Asked once, of a store of its own: what a store can do may depend on how it is configured.
                let capability = capability
                    .get_or_init(|| look(store()))
                    .clone()
                    .map_err(failed(&case))?;
                if let Some(what) = case.excused(&capability) {
                    return Ok(Completion::ignored_with(format!("needs {what}")));
                }
                let outcome = match faulty {
                    true => run_faulty(
                        &case,
                        store(),
                        capability,
                        seed.unwrap_or_else(random::number),
                    ),
                    false => run(&case, store(), capability),
                };
                outcome
                    .map(|()| Completion::Completed)
                    .map_err(failed(&case))
            })
            .with_kind(kind)
        };
        trials.push(trial(name, false));
        if with_faults {
            trials.push(trial(&format!("{name}, faulty"), true));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Puts a store to the test of one case, on a runtime of its own.
///
/// # Errors
/// Why the promise does not hold.
pub fn run(case: &Case, store: TestStore, capability: Capability) -> Outcome {
    // What a case about faults brings about is all that takes place.
    let plan = case.is_about_faults().then(Plan::quiet);
    run_under(case, store, capability, plan)
}

/// Puts a store to the test of one case, under the faults that its promise holds under.
///
/// # Errors
/// Why the promise does not hold, and which faults there were.
pub fn run_faulty(case: &Case, store: TestStore, capability: Capability, seed: u64) -> Outcome {
    run_under(case, store, capability, Some(case.plan(seed)))
}

fn run_under(case: &Case, store: TestStore, capability: Capability, plan: Option<Plan>) -> Outcome {
    let TestStore {
        builder,
        config,
        keep,
    } = store;
    let mut context = Context::new(builder, config, capability);
    if let Some(plan) = plan {
        context = context.under(plan);
        if !case.is_of_wals() {
            context = context.patient();
        }
    }
    let recorder = Recorder::new(0);
    if case.is_recorded() {
        context = context.recorded(recorder.clone());
    }
    let faults = context.injected().cloned();
    let outcome = within(case.run, context).and_then(|()| judge(&recorder, capability));
    drop(keep);
    outcome.map_err(|failure| match faults {
        Some(faults) => {
            let seed = faults.plan().seed();
            failure.with(format_args!("replay with {SEED}={seed}\n{faults}"))
        }
        None => failure,
    })
}

/// Beside what the case looks at: whether all that was called, answered and delivered keeps every promise.
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

fn look(store: TestStore) -> Outcome<Capability> {
    let TestStore {
        builder,
        config,
        keep,
    } = store;
    let default = builder.capability();
    let ask = |context: Context| async move {
        let opener = context.opener().await?;
        let capability = opener.capability();
        opener.close().await?;
        Ok(capability)
    };
    let capability = within(ask, Context::new(builder, config, default));
    drop(keep);
    capability.map_err(|failure| failure.during("opening the store to ask what it can do"))
}

fn within<T, F: Future<Output = Outcome<T>>>(
    run: impl FnOnce(Context) -> F,
    context: Context,
) -> Outcome<T> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async { clock::timeout(DEADLINE, run(context)).await });
    runtime.shutdown_timeout(AFTERMATH);
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

fn failed(case: &Case) -> impl Fn(Failure) -> Failed + use<> {
    let promise = case.promise();
    move |failure| format!("promise: {promise}\nbut: {failure}").into()
}
