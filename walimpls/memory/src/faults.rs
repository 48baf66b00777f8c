use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use walx_core::{Error, ErrorKind};
use walx_utility::sync::lock;

use crate::log::{Log, Wake};
use crate::store::Channel;

/// The fault switches of one channel. They stay across opens, and can be chained:
/// `faults.pass_next(3).fail_next(1, ErrorKind::Unavailable)`.
///
/// `pass_next`, `fail_next`, `unknown_next` and `lose_ack_next` stand in one queue: each append that the backend
/// would take uses up one. After a failure a handle is dead, so that the next in the queue is for the next handle.
#[derive(Clone)]
pub struct Faults(Arc<Channel>);

/// What the switches stand at.
#[derive(Default)]
pub(crate) struct Switches {
    next: VecDeque<Fault>,
    hold: Hold,
    scans: u32,
    opens: u32,
}

enum Fault {
    Pass,
    Fail(ErrorKind),
    Unknown { landed: bool },
    LoseAck,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Hold {
    #[default]
    Not,
    UntilReleased,
    For(Duration),
}

/// How the next append is to end.
pub(crate) enum Answer {
    Now,
    Hold,
    Lose,
    Unknown { landed: bool },
    Refuse(Error),
}

impl Faults {
    pub(crate) fn new(channel: Arc<Channel>) -> Self {
        Self(channel)
    }

    /// Makes the present writer powerless, as if another one was opened.
    pub fn fence(&self) -> &Self {
        let wake = self.log(|log| {
            if log.exists() {
                log.take_over().1
            } else {
                Wake::default()
            }
        });
        wake.wake();
        self
    }

    /// Lets `count` appends through, before what is switched on next.
    pub fn pass_next(&self, count: usize) -> &Self {
        self.plan(count, || Fault::Pass)
    }

    /// `count` appends fail with `kind`; nothing of them is stored.
    pub fn fail_next(&self, count: usize, kind: ErrorKind) -> &Self {
        self.plan(count, || Fault::Fail(kind))
    }

    /// One append is answered with `OutcomeUnknown`; its records are stored, or not.
    pub fn unknown_next(&self, landed: bool) -> &Self {
        self.plan(1, || Fault::Unknown { landed })
    }

    /// One append is stored, and is not answered before its handle is closed or fenced.
    pub fn lose_ack_next(&self) -> &Self {
        self.plan(1, || Fault::LoseAck)
    }

    /// From now on appends are stored, but neither confirmed (no scanner sees them) nor answered before a
    /// [`release`](Self::release).
    pub fn hold(&self) -> &Self {
        self.log(|log| log.switches.hold = Hold::UntilReleased);
        self
    }

    /// Confirms and answers the oldest `count` appends that are held.
    pub fn release(&self, count: usize) -> &Self {
        self.log(|log| log.release(count)).wake();
        self
    }

    /// Confirms and answers all appends that are held, and holds no more.
    pub fn release_all(&self) -> &Self {
        let wake = self.log(|log| {
            log.switches.hold = Hold::Not;
            log.confirm(u64::MAX)
        });
        wake.wake();
        self
    }

    /// From now on each append is confirmed and answered so much later; zero is at once. Needs a tokio runtime.
    pub fn delay(&self, time: Duration) -> &Self {
        self.log(|log| {
            log.switches.hold = if time.is_zero() {
                Hold::Not
            } else {
                Hold::For(time)
            }
        });
        self
    }

    /// The next `count` looks of scanners end them with `Unavailable`.
    pub fn fail_scan_next(&self, count: u32) -> &Self {
        // Scanners that wait at the tail look at once.
        let wake = self.log(|log| {
            log.switches.scans += count;
            log.wake_all()
        });
        wake.wake();
        self
    }

    /// The next `count` opens of a writer fail with `Unavailable`, and disturb nobody.
    pub fn fail_open_next(&self, count: u32) -> &Self {
        self.log(|log| log.switches.opens += count);
        self
    }

    /// Switches everything off that has not taken place yet, and answers what is held. Acknowledgements that got lost
    /// stay lost.
    pub fn clear(&self) -> &Self {
        let wake = self.log(|log| {
            log.switches = Switches::default();
            log.confirm(u64::MAX)
        });
        wake.wake();
        self
    }

    fn plan(&self, count: usize, fault: impl FnMut() -> Fault) -> &Self {
        self.log(|log| {
            log.switches
                .next
                .extend(std::iter::repeat_with(fault).take(count))
        });
        self
    }

    fn log<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        change(&mut lock(&self.0.log))
    }
}

impl Switches {
    pub(crate) fn next_answer(&mut self) -> Answer {
        match self.next.pop_front() {
            None | Some(Fault::Pass) if self.hold == Hold::Not => Answer::Now,
            None | Some(Fault::Pass) => Answer::Hold,
            Some(Fault::Fail(kind)) => {
                Answer::Refuse(Error::new(kind, "a fault switch refuses the append"))
            }
            Some(Fault::Unknown { landed }) => Answer::Unknown { landed },
            Some(Fault::LoseAck) => Answer::Lose,
        }
    }

    /// After what time a held append is to be released.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self.hold {
            Hold::For(time) => Some(time),
            _ => None,
        }
    }

    pub(crate) fn fails_scan(&mut self) -> Option<Error> {
        use_up(&mut self.scans)
            .then(|| Error::new(ErrorKind::Unavailable, "a fault switch ends the scan"))
    }

    pub(crate) fn fails_open(&mut self) -> Option<Error> {
        use_up(&mut self.opens)
            .then(|| Error::new(ErrorKind::Unavailable, "a fault switch refuses the open"))
    }
}

fn use_up(left: &mut u32) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}
