//! The course of a demo: writers' lives one after the other, scanners beside them, the verdict at the end.

use std::fmt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use walx_utility::{clock, random};

use super::child::Child;
use super::proof;
use super::verdict::Verdict;
use super::watch::{Books, Watch};
use super::wire::Event;
use super::{CHANNELS, Stage};
use crate::args::DemoArgs;
use crate::exit::{self, Code, Failure};
use crate::progress::Progress;
use crate::signal::Signals;

/// How a demo ends.
pub(super) enum Outcome {
    Verdict(Box<Verdict>),
    Stopped(Code),
}

pub(super) async fn run(
    args: &DemoArgs,
    stage: &Stage,
    signals: &mut Signals,
) -> Result<Outcome, Failure> {
    let mut child = None;
    let outcome = tokio::select! {
        biased;
        code = signals.next() => Ok(Outcome::Stopped(code)),
        verdict = Box::pin(demo(args, stage, &mut child)) => verdict.map(|it| Outcome::Verdict(Box::new(it))),
    };
    if let Some(mut child) = child {
        // It must be gone before its folder goes. Where it has ended already there is nothing to kill.
        let _ = child.kill();
        child.wait().await?;
    }
    outcome
}

async fn demo(args: &DemoArgs, at: &Stage, child: &mut Option<Child>) -> Result<Verdict, Failure> {
    let books = Arc::new(Books::new()?);
    let input = args.input.as_deref();
    let mut stage = Play {
        at,
        input,
        books,
        watch: None,
        progress: Progress::start(),
    };
    let begin = clock::now();
    let total = Duration::from_secs(args.seconds.into());
    for (i, moment) in moments(args.kills, total).iter().enumerate() {
        stage
            .live(child, moment.saturating_sub(begin.elapsed()), Child::kill)
            .await?;
        stage.say(format_args!(
            "{:.1} s: kill {}",
            begin.elapsed().as_secs_f64(),
            i + 1
        ));
    }
    let rest = total.saturating_sub(begin.elapsed());
    let status = stage.live(child, rest, Child::ask_to_end).await?;
    if !status.success() {
        return Err(Failure::new(
            Code::Unexpected,
            format!("the last writer did not end cleanly: {status}"),
        ));
    }
    let time = begin.elapsed();
    stage.say(format_args!(
        "{:.1} s: the last writer ended",
        time.as_secs_f64()
    ));
    stage.judge(args.kills, time).await
}

struct Play<'a> {
    at: &'a Stage,
    input: Option<&'a Path>,
    books: Arc<Books>,
    watch: Option<Watch>,
    progress: Progress,
}

impl Play<'_> {
    /// One life of a writer: so long, then `end`, then whatever it told before it was gone.
    async fn live(
        &mut self,
        slot: &mut Option<Child>,
        time: Duration,
        end: impl FnOnce(&mut Child) -> Result<(), Failure>,
    ) -> Result<ExitStatus, Failure> {
        let child = slot.insert(Child::start(self.at, self.input)?);
        let alarm = clock::sleep(time);
        tokio::pin!(alarm);
        loop {
            let event = tokio::select! {
                biased;
                () = &mut alarm => break,
                event = child.event() => event?,
            };
            let Some(event) = event else {
                let status = child.wait().await?;
                return Err(Failure::new(
                    Code::Unexpected,
                    format!("a writer ended by itself: {status}"),
                ));
            };
            self.take(event).await?;
        }
        end(child)?;
        // What it told before its end counts: it was acknowledged.
        while let Some(event) = child.event().await? {
            self.take(event).await?;
        }
        child.wait().await
    }

    async fn take(&mut self, event: Event) -> Result<(), Failure> {
        if event == Event::Ready && self.watch.is_none() {
            self.watch = Some(Watch::start(self.at, &self.books).await?);
        }
        self.books.write(event).await;
        let books = &self.books;
        self.progress.show(|| counts(books));
        Ok(())
    }

    fn say(&mut self, what: impl fmt::Display) {
        self.progress.clear();
        exit::say(format_args!("{what}, {}", counts(&self.books)));
    }

    async fn judge(self, kills: u32, seconds: Duration) -> Result<Verdict, Failure> {
        let watch = self
            .watch
            .ok_or_else(|| Failure::new(Code::Unexpected, "no writer became ready in time"))?;
        let tails = proof::tails(self.at).await?;
        // Whether they reach it shows in the books.
        self.books
            .wait(|books| {
                tails
                    .lsns
                    .iter()
                    .enumerate()
                    .all(|(channel, lsn)| books.ledger(channel).has_reached(*lsn))
            })
            .await;
        watch.stop().await?;
        let found = proof::scan(self.at).await?;
        (0..CHANNELS.len()).for_each(|channel| self.books.ledger(channel).close());
        Ok(Verdict::new(&self.books, &tails, &found, kills, seconds))
    }
}

/// How far it is, for people.
fn counts(books: &Books) -> String {
    let (mut acknowledged, mut delivered) = (0, Vec::new());
    for channel in 0..CHANNELS.len() {
        let ledger = books.ledger(channel);
        acknowledged += ledger.acknowledged;
        delivered.extend(
            ledger
                .readers
                .iter()
                .map(|reader| reader.delivered.to_string()),
        );
    }
    format!(
        "{acknowledged} lines acknowledged, {} delivered",
        delivered.join(" + ")
    )
}

/// When to kill: a random moment in each of equal parts of the time; the last part is the last writer's.
fn moments(kills: u32, total: Duration) -> Vec<Duration> {
    let part = total / (kills + 1);
    let micros = u64::try_from(part.as_micros()).unwrap_or(u64::MAX);
    (0..kills)
        .map(|i| part * i + Duration::from_micros(random::within(micros / 4..=micros)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_come_in_order_and_leave_time_for_the_last_writer() {
        let total = Duration::from_secs(20);
        for kills in [0, 1, 3, 1000] {
            let moments = moments(kills, total);
            assert_eq!(moments.len(), kills as usize);
            assert!(moments.is_sorted());
            assert!(
                moments
                    .iter()
                    .all(|moment| *moment <= total - total / (kills + 1))
            );
        }
    }
}
