//! A log that keeps every promise, and what several processes see of it: owners that come and go, appends that fail,
//! are given up or never answered, kills, truncations, readers of all kinds.

use std::collections::VecDeque;

use walx_core::{ErrorKind, GapReason, Place};

use super::script::{Script, id, owner, place};
use crate::history::{Event, EventId, ScanEnd, Start, Stop, What};

const STREAMS: [Option<&str>; 3] = [None, Some("a"), Some("b")];

/// What to do next, and two numbers that say how.
pub(super) type Step = (u8, u8, u8);

#[derive(Default)]
struct Model {
    script: Script,
    log: Vec<Stored>,
    /// The first lsn that is kept.
    kept: u64,
    term: u64,
    last_process: u32,
    live: Option<Live>,
    /// Handles that can't append any more: process, handle, what they are told.
    over: Vec<(u32, EventId, ErrorKind)>,
    /// Answers on their way: process, append, places.
    unheard: Vec<(u32, EventId, Vec<Place>)>,
    readers: Vec<Reader>,
}

struct Stored {
    call: EventId,
    index: u32,
    place: Place,
    stream: Option<&'static str>,
}

struct Live {
    process: u32,
    handle: EventId,
    pending: VecDeque<(EventId, Vec<Option<&'static str>>)>,
}

struct Reader {
    process: u32,
    scan: EventId,
    next: u64,
    end: Option<u64>,
    stream: Option<&'static str>,
}

/// What the processes write down while these steps are taken, and then a last owner that appends and reads all.
pub(super) fn events(steps: &[Step]) -> Vec<Event> {
    let mut model = Model::default();
    for (what, how, more) in steps {
        model.step(what % 16, usize::from(*how), u64::from(*more));
    }
    model.open(1, 0);
    model.append(0, 2);
    model.confirm(1);
    model.read_all();
    model.script.events
}

impl Model {
    fn step(&mut self, what: u8, how: usize, more: u64) {
        match what {
            0..=2 => self.append(how, more),
            3 => self.confirm(how % 4),
            4 | 5 => self.hear(how, more),
            6 => self.fail(how),
            7 => self.kill(how),
            8 => self.open(how, more),
            9 | 10 => self.scan(how, more),
            11..=13 => self.poll(how, more),
            14 => self.truncate(more),
            _ => match how % 3 {
                0 => self.close(),
                1 => self.give_up(how),
                _ => self.sync(how),
            },
        }
    }

    fn append(&mut self, how: usize, more: u64) {
        let Some(live) = &mut self.live else {
            let Some((process, handle, kind)) = self.over.last().copied() else {
                return self.open(how, more);
            };
            self.script.process(process);
            let call = self.script.call(handle);
            return self.script.fail(call, kind);
        };
        self.script.process(live.process);
        let streams: Vec<_> = (0..=more % 3)
            .map(|it| STREAMS[(how + it as usize) % 3])
            .collect();
        let call = self.script.call_in(live.handle, None, &streams);
        if !how.is_multiple_of(4) {
            self.script.put(What::AppendTaken { call });
        }
        live.pending.push_back((call, streams));
    }

    /// The oldest appends become durable; their callers hear of it later.
    fn confirm(&mut self, count: usize) {
        let Some(live) = &mut self.live else {
            return;
        };
        for (call, streams) in live.pending.drain(..count.min(live.pending.len())) {
            let first = self.log.len();
            for (index, stream) in (0..).zip(streams) {
                let place = place(self.log.len() as u64, owner(self.term));
                self.log.push(Stored {
                    call,
                    index,
                    place,
                    stream,
                });
            }
            let places = self.log[first..].iter().map(|it| it.place).collect();
            self.unheard.push((live.process, call, places));
        }
    }

    fn hear(&mut self, how: usize, more: u64) {
        if self.unheard.is_empty() {
            return;
        }
        let (process, call, places) = self.unheard.remove(how % self.unheard.len());
        self.script.process(process);
        match more % 8 {
            0 => self.script.forget(call),
            1 => self.script.fail(call, ErrorKind::Internal),
            _ => self.script.ack(call, &places),
        }
    }

    /// The oldest append fails, written or not; the others were not written.
    fn fail(&mut self, how: usize) {
        let is_written = how.is_multiple_of(2);
        let Some(first) = self
            .live
            .as_ref()
            .and_then(|live| Some(live.pending.front()?.0))
        else {
            return;
        };
        if is_written {
            self.confirm(1);
            self.unheard.retain(|(_, call, _)| *call != first);
        }
        let Some(live) = self.live.take() else {
            return;
        };
        self.script.process(live.process);
        self.script.fail(first, ErrorKind::OutcomeUnknown);
        for (call, _) in live.pending.into_iter().skip(usize::from(!is_written)) {
            self.script.fail(call, ErrorKind::NotWritten);
        }
        self.over
            .push((live.process, live.handle, ErrorKind::Unavailable));
    }

    /// The owner's process ends; some of what it had on its way is written.
    fn kill(&mut self, how: usize) {
        self.confirm(how % 3);
        let Some(live) = self.live.take() else {
            return;
        };
        let process = live.process;
        self.unheard.retain(|(other, ..)| *other != process);
        self.readers.retain(|reader| reader.process != process);
        self.over.retain(|(other, ..)| *other != process);
        self.script.process(0);
        self.script.put(What::Ended { process });
    }

    /// A new owner, in the same process or another; what an older one had on its way is written, or fenced.
    fn open(&mut self, how: usize, more: u64) {
        let process = match &self.live {
            Some(live) if how.is_multiple_of(3) => live.process,
            _ => {
                self.last_process += 1;
                self.last_process
            }
        };
        self.script.process(process);
        let handle = self.script.open_called(true);
        self.confirm(how % 3);
        if let Some(live) = self.live.take() {
            self.script.process(live.process);
            for (call, _) in live.pending {
                self.script.fail(call, ErrorKind::Fenced);
            }
            self.over
                .push((live.process, live.handle, ErrorKind::Fenced));
        }
        self.term += 1 + more % 2;
        self.script.process(process);
        let answer = Ok(Some(owner(self.term)));
        self.script.put(What::OpenAnswered {
            call: handle,
            answer,
        });
        let pending = VecDeque::new();
        self.live = Some(Live {
            process,
            handle,
            pending,
        });
    }

    fn scan(&mut self, how: usize, more: u64) {
        let live = self.live.as_ref().map(|live| (live.process, live.handle));
        let (process, handle) = live.filter(|_| how.is_multiple_of(2)).unwrap_or_else(|| {
            self.script.process(0);
            (0, self.script.open_read_only())
        });
        self.script.process(process);
        let tail = self.log.len() as u64;
        let lsn = more % (tail + 1);
        let (mut from, mut next) = match how / 2 % 6 {
            0 => (Start::Latest, tail),
            1 => (Start::Lsn(walx_core::Lsn::new(lsn)), lsn),
            2 => (Start::At(id(lsn)), lsn),
            3 => (Start::Tick(place(lsn, owner(1)).tick), lsn),
            4 => (Start::Somewhere, lsn.max(self.kept)),
            _ => (Start::Earliest, self.kept),
        };
        if how.is_multiple_of(7) && lsn > 0 {
            (from, next) = (Start::After(id(lsn - 1)), lsn);
        }
        let last = next + more / 8;
        let (until, end) = match how / 16 % 4 {
            0 => (Stop::Never, None),
            1 if last < tail => (Stop::Id(id(last)), Some(last + 1)),
            2 => (Stop::Lsn(walx_core::Lsn::new(last)), Some(last + 1)),
            _ => (Stop::Tail, Some(tail)),
        };
        let stream = STREAMS[(how % 5).saturating_sub(2)];
        let scan = self.script.scan_of(handle, from, until, stream);
        self.readers.push(Reader {
            process,
            scan,
            next,
            end,
            stream,
        });
        self.poll(self.readers.len() - 1, more % 3);
    }

    fn poll(&mut self, how: usize, more: u64) {
        if self.readers.is_empty() {
            return;
        }
        let at = how % self.readers.len();
        let reader = &mut self.readers[at];
        self.script.process(reader.process);
        if reader.next < self.kept {
            let lsns = Some((reader.next, self.kept));
            self.script.gap(reader.scan, GapReason::Truncated, lsns);
            reader.next = self.kept;
        }
        for _ in 0..=4 * more {
            if reader.end.is_some_and(|end| reader.next >= end) {
                self.script.end(reader.scan);
                self.readers.remove(at);
                return;
            }
            let Some(stored) = self.log.get(reader.next as usize) else {
                return;
            };
            if reader.stream.is_none() || stored.stream.is_none_or(|it| Some(it) == reader.stream) {
                let Stored {
                    call, index, place, ..
                } = *stored;
                self.script.deliver_at(reader.scan, call, index, place);
            }
            reader.next += 1;
        }
    }

    fn read_all(&mut self) {
        let Some(handle) = self.live.as_ref().map(|live| live.handle) else {
            return;
        };
        let scan = self.script.scan(handle, Start::Earliest, Stop::Tail);
        for stored in self.log.iter().skip(self.kept as usize) {
            self.script
                .deliver_at(scan, stored.call, stored.index, stored.place);
        }
        self.script.end(scan);
    }

    fn truncate(&mut self, more: u64) {
        let tail = self.log.len() as u64;
        if tail > 1 {
            let lsn = more % (tail - 1);
            self.script
                .process(self.live.as_ref().map_or(0, |live| live.process));
            self.script.truncate(id(lsn));
            self.kept = self.kept.max(lsn + 1);
        }
    }

    fn close(&mut self) {
        self.confirm(usize::MAX);
        if let Some(Live {
            process, handle, ..
        }) = self.live.take()
        {
            self.script.process(process);
            let call = self.script.put(What::CloseCalled { handle });
            let answer = Ok(());
            self.script.put(What::CloseAnswered { call, answer });
            self.over.push((process, handle, ErrorKind::Closed));
        }
    }

    fn give_up(&mut self, how: usize) {
        if !self.readers.is_empty() {
            let reader = self.readers.remove(how % self.readers.len());
            self.script.process(reader.process);
            let (scan, end) = (reader.scan, ScanEnd::Dropped);
            self.script.put(What::ScanEnded { scan, end });
        }
    }

    /// One process hears of what another one saw.
    fn sync(&mut self, how: usize) {
        let Some(live) = self.live.as_ref().map(|live| live.process) else {
            return;
        };
        let (from, to) = if how.is_multiple_of(2) {
            (0, live)
        } else {
            (live, 0)
        };
        let last = self
            .script
            .events
            .iter()
            .rfind(|event| event.id.process == from);
        if let Some(point) = last.map(|event| event.id) {
            self.script.process(to);
            self.script.put(What::After { point });
        }
    }
}
