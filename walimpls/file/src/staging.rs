//! Where appends wait for the writer: frames that grow until it takes them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use walx_core::{Error, ErrorKind, Result};

use crate::completion::Completion;
use crate::fault;
use crate::frame::{self, Line};
use crate::group::{Encoded, Group, Staged};

/// The most bytes that may wait. Whoever appends bounds its own bytes far below; this is the last line of defence.
const MOST: usize = 1 << 30;

/// What the writer is woken for.
pub(crate) enum Work {
    /// Frames to write.
    Groups(Vec<Group>),
    /// The time given is over.
    Late,
    /// Nothing will come any more.
    End,
}

/// The stage itself.
#[derive(Default)]
pub(crate) struct Stage {
    state: Mutex<State>,
    more: Condvar,
}

/// What the mutex guards: the order of all appends of a store.
#[derive(Default)]
pub(crate) struct State {
    groups: Vec<Group>,
    bytes: usize,
    /// The most bytes that may wait.
    pub(crate) most: usize,
    next_serial: u64,
    /// The next number of each channel.
    numbers: std::collections::HashMap<u32, u64>,
    /// Why nothing more is taken.
    refused: Option<Error>,
    ending: bool,
    /// Somebody made room since the writer last asked.
    room: bool,
}

impl Stage {
    pub(crate) fn new(next_serial: u64, numbers: impl IntoIterator<Item = (u32, u64)>) -> Self {
        let state = State {
            most: MOST,
            next_serial,
            numbers: numbers.into_iter().collect(),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            more: Condvar::new(),
        }
    }

    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| fault::broken())
    }

    /// Wakes the writer after something was staged.
    pub(crate) fn wake(&self) {
        self.more.notify_one();
    }

    /// Refuses all that comes, and lets the writer end once what is staged is written.
    pub(crate) fn end(&self, reason: Error) {
        if let Ok(mut state) = self.state.lock() {
            state.refused.get_or_insert(reason);
            state.ending = true;
        }
        self.more.notify_all();
    }

    /// Refuses all that comes, and gives back what was never taken.
    pub(crate) fn poison(&self, reason: Error) -> Vec<Group> {
        match self.state.lock() {
            Ok(mut state) => {
                state.refused.get_or_insert(reason);
                state.ending = true;
                state.bytes = 0;
                std::mem::take(&mut state.groups)
            }
            Err(_) => Vec::new(),
        }
    }

    /// Waits until somebody made room or the stage ends, but no longer than `pause`; whether it ends.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let Ok(state) = self.state.lock() else {
            return true;
        };
        let on = |state: &mut State| !state.ending && !state.room;
        match self.more.wait_timeout_while(state, pause, on) {
            Ok((mut state, _)) => {
                state.room = false;
                state.ending
            }
            Err(_) => true,
        }
    }

    /// Tells a writer that waits for room to try again.
    pub(crate) fn made_room(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.room = true;
        }
        self.more.notify_one();
    }

    /// Waits for work, but no longer than `patience`.
    pub(crate) fn take(&self, patience: Option<Duration>) -> Work {
        let Ok(mut state) = self.state.lock() else {
            return Work::End;
        };
        loop {
            if !state.groups.is_empty() {
                state.bytes = 0;
                return Work::Groups(std::mem::take(&mut state.groups));
            }
            if state.ending {
                return Work::End;
            }
            state = match patience {
                None => match self.more.wait(state) {
                    Ok(state) => state,
                    Err(_) => return Work::End,
                },
                Some(patience) => match self.more.wait_timeout(state, patience) {
                    Ok((state, timeout)) if !timeout.timed_out() => state,
                    Ok((state, _)) if state.groups.is_empty() && !state.ending => {
                        return Work::Late;
                    }
                    Ok((state, _)) => state,
                    Err(_) => return Work::End,
                },
            };
        }
    }
}

impl State {
    /// Makes a channel known.
    pub(crate) fn add_channel(&mut self, channel: u32, next: u64) {
        self.numbers.entry(channel).or_insert(next);
    }

    /// Gives records their places, all in one frame, and says the first number and who tells the outcome.
    pub(crate) fn stage(
        &mut self,
        channel: u32,
        records: &[Encoded],
    ) -> Result<(u64, Arc<Completion>)> {
        if let Some(reason) = &self.refused {
            return Err(reason.clone());
        }
        let bytes = records
            .iter()
            .map(|record| record.bytes.len() + frame::HEADER)
            .sum::<usize>();
        if self.bytes > 0 && self.bytes + bytes > self.most {
            // Not `Overloaded`: a later append must not overtake this one, so the writer's handle ends here.
            let text = format!(
                "{} bytes wait to be written already; open the channel again, and append less at a time",
                self.bytes
            );
            return Err(Error::new(ErrorKind::NotWritten, text));
        }
        self.bytes += bytes;
        let fits = |group: &Group| group.body.len() + group.dir.len() + bytes <= frame::TARGET;
        if !self.groups.last().is_some_and(fits) {
            self.groups.push(Group::new(self.next_serial));
        }
        let (Some(group), Some(next)) = (self.groups.last_mut(), self.numbers.get_mut(&channel))
        else {
            return Err(fault::broken());
        };
        let first = *next;
        for record in records {
            let crc = frame::bind(record.crc, self.next_serial);
            let len = record.bytes.len();
            Line {
                channel,
                number: *next,
                len,
                crc,
            }
            .put(&mut group.dir);
            group.body.extend_from_slice(&record.bytes);
            let (lsn, tick) = (record.lsn, record.tick);
            group.records.push(Staged {
                channel,
                number: *next,
                bytes: len as u32,
                lsn,
                tick,
            });
            self.next_serial += 1;
            *next += 1;
        }
        Ok((first, Arc::clone(&group.done)))
    }
}
