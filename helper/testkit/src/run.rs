use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::{Builder, Runtime};
use walx_core::Capability;
use walx_utility::clock;

use crate::{Case, Context, Failure, Outcome, TestStore};

/// How long a case may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long tasks that a case left behind may take to end.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Runs the suite as a test program, with the arguments of `cargo test`. `name` stands before each case; `store`
/// makes a fresh store for each.
pub fn main(name: &str, store: impl Fn() -> TestStore + Send + Sync + 'static) -> ExitCode {
    let store = Arc::new(store);
    let capability = Arc::new(OnceLock::new());
    let trials = crate::cases().into_iter().map(|case| {
        let (store, capability) = (Arc::clone(&store), Arc::clone(&capability));
        let trial = Trial::ignorable_test(case.name(), move || {
            // Asked once, of a store of its own: what a store can do may depend on how it is configured.
            let capability = capability
                .get_or_init(|| look(store()))
                .clone()
                .map_err(failed(&case))?;
            match case.excused(&capability) {
                Some(what) => Ok(Completion::ignored_with(format!("needs {what}"))),
                None => run(&case, store(), capability)
                    .map(|()| Completion::Completed)
                    .map_err(failed(&case)),
            }
        });
        trial.with_kind(name)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Puts a store to the test of one case, on a runtime of its own.
///
/// # Errors
/// Why the promise does not hold.
pub fn run(case: &Case, store: TestStore, capability: Capability) -> Outcome {
    let TestStore {
        builder,
        config,
        keep,
    } = store;
    let context = Context::new(builder, config, capability);
    let outcome = within(case.run, context);
    drop(keep);
    outcome
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
