//! The thread of a writer: takes the client's reports, and does what must be done beside appends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use walx_core::{Error, ErrorKind, Result};
use walx_utility::clock::{self, Instant};
use walx_utility::random;

use super::failure::Cause;
use super::flights::{Gate, View};
use super::readback::Reader;
use super::{Producer, Writer, closed, wish};
use crate::config::KafkaCommit;
use crate::look;
use crate::store::ClientPermit;

/// How long the client's reports are served at a time. They answer appends at once; only what the thread does beside
/// them waits so long. librdkafka's poll is busy for its last millisecond.
const WINDOW: Duration = Duration::from_millis(50);
/// The same where somebody waits for the thread.
pub(super) const SHORT: Duration = Duration::from_millis(4);
/// How often the client's log, errors and statistics are served while nothing is appended.
const IDLE: Duration = Duration::from_secs(1);
/// How long a close waits for the brokers; less than the 3 s that walx gives it by default.
const CLOSE: Duration = Duration::from_millis(2_500);
/// How long the thread of a dropped handle tries to commit.
const LEAVE: Duration = Duration::from_secs(1);

pub(super) struct Keeper {
    pub(super) producer: Arc<Producer>,
    pub(super) writer: Arc<Writer>,
    /// How old a transaction gets.
    pub(super) roll: Duration,
    /// Since when it tries to find out who owns the channel.
    unproved: Option<Instant>,
    /// Where the brokers don't fence.
    pub(super) reader: Option<Reader>,
    pub(super) read_error: Option<Error>,
    /// When it is to have ended, once somebody wants that.
    end_by: Option<Instant>,
    /// Given back once the client is gone.
    _permit: ClientPermit,
    ended: bool,
}

impl Keeper {
    pub(super) fn new(
        writer: &Arc<Writer>,
        producer: Arc<Producer>,
        reader: Option<Reader>,
        permit: ClientPermit,
    ) -> Self {
        let limits = &writer.limits;
        let roll = match limits.commit {
            // Not all channels of a process at the same time.
            KafkaCommit::Long => limits.roll * random::within(90..=100) as u32 / 100,
            KafkaCommit::Interval(every) => every,
            KafkaCommit::Each => Duration::ZERO,
        };
        Self {
            producer,
            writer: Arc::clone(writer),
            roll,
            unproved: None,
            reader,
            read_error: None,
            end_by: None,
            _permit: permit,
            ended: false,
        }
    }

    /// Works until the handle is closed or dropped, or an append has failed.
    pub(super) fn run(mut self) {
        let outcome = self.keep();
        self.end(outcome);
    }

    fn keep(&mut self) -> Result<()> {
        loop {
            let view = self.writer.flights.view();
            let cause = match self.wish() {
                wish::CLOSE => return self.close(),
                wish::DROP => return self.leave(),
                _ => self.trouble(&view).or_else(|| self.work(&view)),
            };
            if let Some(cause) = cause {
                self.fail(cause);
                return Ok(());
            }
            self.wait();
        }
    }

    /// What is to be done now.
    fn work(&mut self, view: &View) -> Option<Cause> {
        if view.gate == Gate::Proof
            && let Some(cause) = self.prove()
        {
            return Some(cause);
        }
        if self.reader.is_some() {
            self.writer.send_held(true);
            return self.acknowledge_read(view);
        }
        if self.writer.limits.commit == KafkaCommit::Each {
            return match view.idle {
                true => None,
                false => self.commit_group(),
            };
        }
        self.writer.send_held(true);
        match self.roll_at(view) {
            Some(at) if at <= view.now => self.roll(),
            _ => None,
        }
    }

    /// Takes what the client reports, for so long.
    pub(super) fn serve(&mut self, time: Duration) {
        if self.reader.is_some() {
            return self.serve_reader(time);
        }
        self.producer.poll(time);
        self.writer.flights.flush();
    }

    /// Serves the client, or waits for the next append.
    fn wait(&mut self) {
        let view = self.writer.flights.view();
        if view.idle {
            let roll = self
                .roll_at(&view)
                .map(|at| at.saturating_duration_since(view.now));
            self.writer.flights.park(roll.unwrap_or(IDLE).min(IDLE));
            self.serve(Duration::ZERO);
        } else if self.reader.is_some() || view.gate == Gate::Proof || self.writer.has_held() {
            self.serve(SHORT);
        } else {
            self.serve(WINDOW);
        }
    }

    /// When the transaction is to be ended: earlier where nobody has to wait for it. `None` where it is empty, and while
    /// the channel is being opened: the client takes no mark while a transaction ends.
    fn roll_at(&self, view: &View) -> Option<Instant> {
        self.writer.token.get()?;
        let halves = match (view.idle, self.writer.limits.commit) {
            (_, KafkaCommit::Each) => return None,
            (true, KafkaCommit::Long) => 1,
            _ => 2,
        };
        view.began.map(|began| began + self.roll * halves / 2)
    }

    /// Why it can't go on.
    pub(super) fn trouble(&self, view: &View) -> Option<Cause> {
        if let Some(trouble) = view.trouble {
            return Some(Cause::Trouble(trouble));
        }
        let limit = self.writer.limits.delivery_timeout;
        let is_late = |called| view.now.saturating_duration_since(called) > limit;
        view.oldest.is_some_and(is_late).then_some(Cause::Late)
    }

    /// Finds out whether what is reported may be acknowledged; if not yet, it is asked again.
    pub(super) fn prove(&mut self) -> Option<Cause> {
        let (at, gate) = (clock::now(), self.writer.gate());
        let Some(token) = self.writer.token.get() else {
            // The mark itself: an open answers for the moment of its mark.
            self.writer.flights.acknowledge(i64::MAX, at, gate);
            return None;
        };
        match self.newest() {
            Ok(newest) if newest > token.mark => Some(Cause::Overtaken(newest)),
            Ok(_) if self.writer.flights.is_fresh(at) => {
                self.unproved = None;
                self.writer.flights.acknowledge(i64::MAX, at, gate);
                None
            }
            answer => {
                let since = *self.unproved.get_or_insert(at);
                if at.saturating_duration_since(since) < self.writer.limits.delivery_timeout {
                    return None;
                }
                let slow = || {
                    Error::new(
                        ErrorKind::Unavailable,
                        "looks at the end of the log take too long",
                    )
                };
                Some(Cause::Unproved(answer.err().unwrap_or_else(slow)))
            }
        }
    }

    /// The number of the writer of the newest mark or record.
    pub(super) fn newest(&self) -> Result<i64> {
        let newest = look::newest(&self.writer.store, &self.writer.topic)?;
        Ok(newest.writer.unwrap_or(-1))
    }

    fn wish(&self) -> u8 {
        match self.writer.wish.load(Ordering::Acquire) {
            wish::NOTHING if self.writer.ending.is_ended() => wish::DROP,
            wish => wish,
        }
    }

    /// Whether somebody waits for the end, or nobody for anything.
    pub(super) fn is_hurried(&self) -> bool {
        self.wish() != wish::NOTHING
    }

    /// When it is to have ended; `None` where nobody wants that.
    pub(super) fn end_by(&mut self) -> Option<Instant> {
        let time = match self.wish() {
            wish::NOTHING => return None,
            wish::CLOSE => CLOSE,
            _ => LEAVE,
        };
        let end = clock::now() + time;
        let end = self.end_by.map_or(end, |earlier| earlier.min(end));
        self.end_by = Some(end);
        Some(end)
    }

    /// Whether the time to end is over.
    pub(super) fn is_late_to_end(&mut self) -> bool {
        self.end_by().is_some_and(|end| end <= clock::now())
    }

    /// Answers what is on its way, and commits.
    fn close(&mut self) -> Result<()> {
        let deadline = self.end_by().unwrap_or_else(clock::now);
        loop {
            let view = self.writer.flights.view();
            if view.idle {
                break;
            }
            let cause = match self.trouble(&view) {
                None if view.now >= deadline || self.wish() == wish::DROP => Some(Cause::Closed),
                None => self.work(&view),
                cause => cause,
            };
            if let Some(cause) = cause {
                self.fail(cause);
                return Ok(());
            }
            self.serve(SHORT);
        }
        self.commit_last(deadline)
    }

    /// Nobody waits: commits if that can be had at once.
    fn leave(&mut self) -> Result<()> {
        // The store may have ended while an append took its place: that one is seen here, and no other one comes.
        self.writer.end_order(closed());
        if !self.writer.flights.view().idle {
            self.fail(Cause::Closed);
            return Ok(());
        }
        self.commit_last(clock::now() + LEAVE)
    }

    fn end(&mut self, outcome: Result<()>) {
        self.ended = true;
        self.writer.strip();
        self.writer.ended.send_replace(Some(outcome));
    }
}

impl Drop for Keeper {
    /// A panic: nobody waits for ever.
    fn drop(&mut self) {
        if !self.ended {
            self.fail(Cause::Panicked);
            self.end(Ok(()));
        }
    }
}
