//! The suite as a test program.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use walx_core::{Config, Error, ErrorKind, Result};
use walx_impls::OpenerBuilderImpls;
use walx_utility::sync::lock;

use super::{JOBS_ON_A_SERVER, Stop, Suite, Tried, Verdict};
use crate::TestStore;
use crate::report::{Report, table};
use crate::server::Server;

/// The number that the faults of a run go by; a failing test says it.
const SEED: &str = "WALX_FAULT_SEED";
/// The file that the compatibility table goes to, where the whole suite ran.
const TABLE: &str = "WALX_TABLE";

/// Runs the suite as a test program, with the arguments of `cargo test`. `name` stands before each case; `store`
/// makes a fresh store for each. Each case runs plain, and once more under faults that its promise holds under.
///
/// With `WALX_TABLE=FILE` in the environment, FILE gets the backend's compatibility table.
pub fn main(name: &str, store: impl Fn() -> TestStore + Send + Sync + 'static) -> ExitCode {
    harness(Suite::new(name, move || Ok(store())))
}

/// As [`main`], without faults: for a backend so simple that each open reads its whole log record by record, where
/// reads that fail now and then end nearly every open.
pub fn main_without_faults(
    name: &str,
    store: impl Fn() -> TestStore + Send + Sync + 'static,
) -> ExitCode {
    harness(Suite::new(name, move || Ok(store())).with_faults(false))
}

/// As [`main`], for a backend that needs a server: `variable` says where it is, as `scripts/servers env` prints it, and
/// `config` makes the configuration of a store there. Where it is missing the program fails and says how to start it,
/// unless `WALX_WITHOUT` says that the run does without.
///
/// Each case has a store [apart](walx_impls::OpenerBuilderImpls::apart) on the server. Cases wait for it most of the
/// time, so that more of them run at a time than there are processors.
pub fn main_on_server(
    name: &str,
    variable: &str,
    builder: Arc<dyn OpenerBuilderImpls>,
    config: impl Fn(&str) -> Config + Send + Sync + 'static,
) -> ExitCode {
    match Server::find(variable, |name| std::env::var_os(name)) {
        Server::At(place) => {
            let store = move || apart(&builder, config(&place));
            harness(Suite::new(name, store).with_jobs(JOBS_ON_A_SERVER.get()))
        }
        Server::LeftOut(why) => {
            complain(&why.to_string());
            ExitCode::SUCCESS
        }
        Server::Missing(why) => {
            complain(&why.to_string());
            ExitCode::FAILURE
        }
    }
}

/// A store of its own, on a thread without a runtime.
fn apart(builder: &Arc<dyn OpenerBuilderImpls>, config: Config) -> Result<TestStore> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        let text = "the operating system gives no runtime";
        Error::new(ErrorKind::Unavailable, text).with_source(error)
    })?;
    let apart = runtime.block_on(builder.apart(config))?;
    Ok(TestStore::apart(Arc::clone(builder), apart))
}

fn harness(suite: Suite) -> ExitCode {
    let seed = match seed(std::env::var_os(SEED).as_deref()) {
        Ok(seed) => seed,
        Err(text) => {
            complain(&text);
            return ExitCode::FAILURE;
        }
    };
    let suite = suite.with_seed(seed);
    // Cargo says whose test this is.
    let suite = match (
        std::env::var("CARGO_PKG_NAME"),
        std::env::var("CARGO_PKG_VERSION"),
    ) {
        (Ok(name), Ok(version)) => suite.with_version(format!("{name} {version}")),
        _ => suite,
    };
    let jobs = suite.jobs;
    let suite = Arc::new(suite);
    let all: Arc<Mutex<Vec<Tried>>> = Arc::default();
    let test = |trial: super::Trial| {
        let kind = match trial.faulty {
            true => format!("{}, faulty", suite.name()),
            false => suite.name().to_owned(),
        };
        let (suite, all) = (Arc::clone(&suite), Arc::clone(&all));
        let run = move || {
            let Some(tried) = suite.run_one(trial, &Stop::default()) else {
                return Err("it was stopped".into());
            };
            let completion = completion(&tried);
            lock(&all).push(tried);
            completion
        };
        Trial::ignorable_test(trial.case.name(), run).with_kind(kind)
    };
    let trials = suite.trials();
    let count = trials.len();
    let tests = trials.into_iter().map(test).collect();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(jobs);
    let code = libtest_mimic::run(&arguments, tests).exit_code();
    let Some(file) = std::env::var_os(TABLE) else {
        return code;
    };
    let tried = std::mem::take(&mut *lock(&all));
    match write(&suite, tried, count, Path::new(&file)) {
        Ok(()) => code,
        Err(text) => {
            complain(&text);
            ExitCode::FAILURE
        }
    }
}

/// A seed that is not understood must not be another one: the run would replay nothing.
fn seed(text: Option<&OsStr>) -> std::result::Result<Option<u64>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let number = text.to_str().and_then(|text| text.parse().ok());
    let wrong = || {
        format!("{SEED}: {text:?} is no number; give the one that a failing test named, or none")
    };
    number.map(Some).ok_or_else(wrong)
}

fn completion(tried: &Tried) -> std::result::Result<Completion, Failed> {
    match &tried.verdict {
        Verdict::Passed => Ok(Completion::Completed),
        Verdict::LeftOut(what) => Ok(Completion::ignored_with(format!("needs {what}"))),
        Verdict::Failed(failure) => {
            let replay = tried
                .seed
                .map(|seed| format!("\nreplay with {SEED}={seed}"));
            let promise = tried.trial.case.promise();
            let replay = replay.unwrap_or_default();
            Err(format!("promise: {promise}\nbut: {failure}{replay}").into())
        }
    }
}

fn write(
    suite: &Suite,
    tried: Vec<Tried>,
    count: usize,
    file: &Path,
) -> std::result::Result<(), String> {
    if tried.len() != count {
        return Err(format!(
            "{TABLE}: the table is about the whole suite, and {} of its {count} tests ran: leave the filters out",
            tried.len()
        ));
    }
    let (name, version) = (suite.name.clone(), suite.version.clone());
    let facts = suite.facts().map_err(|error| format!("{TABLE}: {error}"))?;
    let report = Report::new(name, version, facts.clone(), suite.faults, true, tried);
    std::fs::write(file, table(&[report]))
        .map_err(|error| format!("{TABLE}: writing {}: {error}", file.display()))
}

#[expect(clippy::print_stderr, reason = "it is the main of a test program")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use walx_memory::MemoryBuilder;

    use super::*;

    #[test]
    fn a_seed_that_is_no_number_is_refused() {
        assert_eq!(seed(None), Ok(None));
        assert_eq!(seed(Some(OsStr::new(""))), Ok(None));
        assert_eq!(seed(Some(OsStr::new("7"))), Ok(Some(7)));
        for text in ["abc", "-1", "18446744073709551616"] {
            let refused = seed(Some(OsStr::new(text))).unwrap_err();
            assert!(refused.contains(text), "{refused}");
        }
    }

    #[test]
    fn a_table_is_written_where_the_whole_suite_ran() {
        let file = std::env::temp_dir().join(format!("walx-table-{}", std::process::id()));
        let store = || {
            Ok(TestStore::new(
                Arc::new(MemoryBuilder::new()),
                Config::new(),
            ))
        };
        let suite = Suite::new("pigeon", store).with_version("pigeon 0.3.0");
        let trial = suite.trials()[0];
        let tried = suite.run_one(trial, &Stop::default()).unwrap();

        let part = write(&suite, vec![tried.clone()], 2, &file).unwrap_err();
        assert!(part.contains("1 of its 2 tests ran"), "{part}");
        assert!(!file.exists());

        write(&suite, vec![tried], 1, &file).unwrap();
        let table = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(table.contains("| `pigeon:` | pigeon 0.3.0 |"), "{table}");
    }
}
