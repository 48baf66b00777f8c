use std::num::NonZeroUsize;

use tokio::sync::{mpsc, oneshot};
use walx_testkit::{Report, Stop, Suite, Tried, Verdict, table};
use walx_utility::spawn;

use super::{Args, Output, json, list, print, suites};
use crate::exit::{self, Code, Failure};
use crate::out::Out;
use crate::progress::Progress;
use crate::signal::Signals;
use crate::store;

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    let mut signals = Signals::listen()?;
    if args.list {
        return store::print(&mut signals, async |out| list::list(&args, out).await).await;
    }
    let table_of_a_part = args.output == Output::Markdown && !args.only.is_empty();
    if table_of_a_part {
        let text = "the compatibility table is about the whole suite: leave --only out, or use another --output";
        return Err(Failure::new(Code::Usage, text));
    }
    let suites = suites::suites(&args)?;
    if suites.iter().any(|suite| suite.trials().is_empty()) {
        return Err(list::none());
    }
    let mut out = Out::stdout()?;
    let outcome = all(&args, suites, &mut signals, &mut out).await;
    let printed = out.finish().await;
    let code = outcome?;
    printed.map(|()| code)
}

pub(super) async fn all(
    args: &Args,
    suites: Vec<Suite>,
    signals: &mut Signals,
    out: &mut Out,
) -> Result<Code, Failure> {
    let mut reports = Vec::new();
    for suite in suites {
        let mut run = Run::start(suite, args.jobs)?;
        let ended = run.follow(args.output, signals, out).await?;
        match ended {
            Ended::Early(code) => return Ok(code),
            Ended::Whole(report) => reports.push(report),
        }
        let report = &reports[reports.len() - 1];
        match args.output {
            Output::Table => print::summary(report, out).await?,
            Output::Json => out.json(&json::summary(report)).await?,
            Output::Markdown => {}
        }
        out.flush().await?;
    }
    if args.output == Output::Markdown {
        out.bytes(table(&reports).as_bytes()).await?;
        for failed in reports.iter().flat_map(Report::failures) {
            if let Verdict::Failed(failure) = &failed.verdict {
                let name = failed.trial.case.name();
                exit::say(format_args!("broken: {name}"));
                for line in print::broken(failed, failure).lines() {
                    exit::say(format_args!("      {line}"));
                }
            }
        }
    }
    let kept = reports.iter().all(Report::is_kept);
    Ok(if kept { Code::Ok } else { Code::Broken })
}

/// A suite that runs on threads of its own.
struct Run {
    name: String,
    count: usize,
    stop: Stop,
    tried: mpsc::Receiver<Tried>,
    report: oneshot::Receiver<walx::Result<Report>>,
}

enum Ended {
    Whole(Report),
    /// By a signal, or as nobody reads any more.
    Early(Code),
}

impl Run {
    fn start(suite: Suite, jobs: Option<NonZeroUsize>) -> Result<Self, Failure> {
        let stop = Stop::default();
        let (send, tried) = mpsc::channel(64);
        let (answer, report) = oneshot::channel();
        let run = Self {
            name: suite.name().to_owned(),
            count: suite.trials().len(),
            stop: stop.clone(),
            tried,
            report,
        };
        let work = move || {
            let jobs = jobs.map_or_else(|| suite.jobs(), Ok);
            let report = jobs.and_then(|jobs| {
                suite.run(jobs, &stop, |it| {
                    // Where nobody listens any more the program ends.
                    let _ = send.blocking_send(it.clone());
                })
            });
            let _ = answer.send(report);
        };
        spawn::thread("conformance", work).map_err(|error| {
            let text = format!("the operating system gives no threads: {error}");
            Failure::new(Code::Timeout, text)
        })?;
        Ok(run)
    }

    /// Prints what is told, to the end. A signal stops the suite, which then removes what it made; a second one doesn't
    /// wait for that.
    async fn follow(
        &mut self,
        output: Output,
        signals: &mut Signals,
        out: &mut Out,
    ) -> Result<Ended, Failure> {
        let mut progress = Progress::start();
        let (mut done, mut failed, mut early) = (0, 0, None);
        loop {
            let tried = tokio::select! {
                biased;
                code = signals.next() => {
                    if early.replace(code).is_some() {
                        return Ok(Ended::Early(code));
                    }
                    self.stop.stop();
                    continue;
                }
                tried = self.tried.recv() => tried,
            };
            let Some(tried) = tried else { break };
            done += 1;
            failed += usize::from(print::has_failed(&tried));
            match output {
                Output::Table => {
                    progress.clear();
                    print::run(&self.name, &tried, out).await?;
                }
                Output::Json => out.json(&json::run(&self.name, &tried)).await?,
                Output::Markdown => {}
            }
            out.flush().await?;
            if out.is_gone() && early.is_none() {
                early = Some(Code::ClosedPipe);
                self.stop.stop();
            }
            progress.show(|| {
                format!(
                    "{}: {done} of {} ran, {failed} failed",
                    self.name, self.count
                )
            });
        }
        progress.clear();
        // The suite is gone by now, with all that it made.
        let report = (&mut self.report).await;
        if let Some(code) = early {
            exit::say(format_args!(
                "{}: ended early: {done} of {} ran, {failed} failed",
                self.name, self.count
            ));
            return Ok(Ended::Early(code));
        }
        let lost = || Failure::new(Code::Unexpected, "the suite ended without a report");
        let report = report.map_err(|_| lost())?;
        report
            .map(Ended::Whole)
            .map_err(|error| suites::failure(&error))
    }
}
