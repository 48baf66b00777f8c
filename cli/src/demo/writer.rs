//! The process that a demo kills: it owns the store and appends lines to both channels until its stdin ends.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use walx::{Message, OpenOption, Opener, Place, Wal};
use walx_utility::{clock, spawn};

use super::input::Input;
use super::wire::{Acknowledged, Event};
use super::{CACHE, CHANNELS, hash, named, unix_ns};
use crate::append::Flight;
use crate::args::WriterArgs;
use crate::exit::{Code, Failure};
use crate::store;

/// Appends on their way in one channel, at most.
const MAX_COUNT: usize = 4_096;
const MAX_BYTES: usize = 8 << 20;
/// Lines that one channel gets at once, at most.
const ROUND: u64 = 256;
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) async fn run(args: WriterArgs) -> Result<Code, Failure> {
    let input = Input::open(args.input.as_deref())?;
    let store = store::open(&args.store).await?;
    let outcome = match Writer::open(&*store, &args.prefix, input, args.rate).await {
        Ok(mut writer) => writer.run().await,
        Err(failure) => Err(failure),
    };
    store::close(&*store, outcome).await.map(|()| Code::Ok)
}

struct Writer {
    lanes: [Lane; CHANNELS.len()],
    input: Input,
    rate: u32,
    events: Vec<u8>,
}

struct Lane {
    wal: Arc<dyn Wal>,
    flight: Flight<Tag>,
    given: u64,
}

/// What the writer remembers of a line on its way.
struct Tag {
    hash: u64,
    called: clock::Instant,
}

impl Writer {
    async fn open(
        store: &dyn Opener,
        prefix: &str,
        input: Input,
        rate: u32,
    ) -> Result<Self, Failure> {
        let lane = async |channel: usize| -> Result<Lane, Failure> {
            // The writer before was killed, and released nothing.
            let option = OpenOption::new(named(prefix, channel)?).with_take_over(true);
            let wal = store.open(option.with_cache(CACHE)).await?;
            Ok(Lane {
                wal,
                flight: Flight::new(MAX_COUNT, MAX_BYTES),
                given: 0,
            })
        };
        let lanes = [lane(0).await?, lane(1).await?];
        Ok(Self {
            lanes,
            input,
            rate,
            events: Vec::new(),
        })
    }

    async fn run(&mut self) -> Result<(), Failure> {
        let mut stop = stdin_end()?;
        let mut stopping = false;
        self.tell(Event::Ready);
        let begin = clock::now();
        let mut pause = Box::pin(clock::sleep(PAUSE));
        loop {
            self.flush()?;
            let [first, second] = &mut self.lanes;
            if stopping && first.flight.is_empty() && second.flight.is_empty() {
                break;
            }
            tokio::select! {
                _ = &mut stop, if !stopping => stopping = true,
                landed = first.flight.landed() => self.land(0, landed)?,
                landed = second.flight.landed() => self.land(1, landed)?,
                () = &mut pause, if !stopping => {
                    let due = begin.elapsed().as_millis() as u64 * u64::from(self.rate) / 1_000;
                    for lane in 0..self.lanes.len() {
                        self.give(lane, due / self.lanes.len() as u64)?;
                    }
                    pause = Box::pin(clock::sleep(PAUSE));
                }
            }
        }
        for lane in &self.lanes {
            lane.wal.close().await?;
        }
        Ok(())
    }

    /// Appends up to a round of lines, until `due` of them were given. They are announced before, so that none is in
    /// the log unannounced.
    fn give(&mut self, lane: usize, due: u64) -> Result<(), Failure> {
        let lines = due.saturating_sub(self.lanes[lane].given).min(ROUND);
        if lines == 0 || !self.lanes[lane].flight.has_room() {
            return Ok(());
        }
        self.tell(Event::Given {
            channel: lane,
            lines,
        });
        self.flush()?;
        self.lanes[lane].given += lines;
        for _ in 0..lines {
            let line = self.input.line()?;
            let tag = Tag {
                hash: hash(&line),
                called: clock::now(),
            };
            let Lane { wal, flight, .. } = &mut self.lanes[lane];
            flight.append(&**wal, Message::new(line), tag)?;
        }
        Ok(())
    }

    fn land(
        &mut self,
        channel: usize,
        landed: Vec<(Tag, walx::Result<Place>)>,
    ) -> Result<(), Failure> {
        let at_ns = unix_ns();
        for (tag, place) in landed {
            let took_us = u64::try_from(tag.called.elapsed().as_micros()).unwrap_or(u64::MAX);
            let lsn = place?.lsn.get();
            self.tell(Event::Acknowledged(Acknowledged {
                channel,
                lsn,
                hash: tag.hash,
                at_ns,
                took_us,
            }));
        }
        Ok(())
    }

    fn tell(&mut self, event: Event) {
        // A Vec takes every write.
        let _ = writeln!(self.events, "{event}");
    }

    /// Writes what is to be told. It blocks where the parent is slow, which slows the appends down: that is wanted.
    fn flush(&mut self) -> Result<(), Failure> {
        if self.events.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&self.events).and_then(|()| stdout.flush());
        self.events.clear();
        written.map_err(|error| {
            Failure::new(
                Code::ClosedPipe,
                format!("the demo does not listen any more: {error}"),
            )
        })
    }
}

/// Fires when the parent closes our stdin, or is gone.
fn stdin_end() -> Result<oneshot::Receiver<()>, Failure> {
    let (done, end) = oneshot::channel();
    spawn::thread("walx-stdin", move || {
        let mut byte = [0];
        while io::stdin().read(&mut byte).is_ok_and(|length| length > 0) {}
        // The writer may have ended by itself.
        let _ = done.send(());
    })
    .map_err(|error| {
        Failure::new(
            Code::Unexpected,
            format!("no thread to watch stdin: {error}"),
        )
    })?;
    Ok(end)
}
