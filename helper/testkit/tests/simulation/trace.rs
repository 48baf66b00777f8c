//! What a run says of itself: the same for one seed, down to the last line.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;

use walx_testkit::history::History;
use walx_utility::clock::{self, Instant};
use walx_utility::sync::lock;

/// Lines with their simulated time, and what went wrong that no history shows.
pub(crate) struct Trace {
    begin: Instant,
    lines: Mutex<Vec<String>>,
    wrong: Mutex<Vec<String>>,
    reached: Mutex<BTreeSet<&'static str>>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            begin: clock::now(),
            lines: Mutex::default(),
            wrong: Mutex::default(),
            reached: Mutex::default(),
        }
    }

    pub(crate) fn say(&self, what: impl fmt::Display) {
        let ms = self.begin.elapsed().as_millis();
        lock(&self.lines).push(format!("{ms:>7} ms  {what}"));
    }

    /// Something that must not be.
    pub(crate) fn wrong(&self, what: impl fmt::Display) {
        self.say(format_args!("WRONG: {what}"));
        lock(&self.wrong).push(what.to_string());
    }

    /// Something that neither the history nor a metric shows, and that runs must reach.
    pub(crate) fn reach(&self, what: &'static str) {
        lock(&self.reached).insert(what);
    }

    pub(crate) fn reached(&self) -> BTreeSet<&'static str> {
        std::mem::take(&mut *lock(&self.reached))
    }

    pub(crate) fn take(&self) -> (Vec<String>, Vec<String>) {
        let take = |from: &Mutex<Vec<String>>| std::mem::take(&mut *lock(from));
        (take(&self.lines), take(&self.wrong))
    }
}

/// 64 bits of all lines and events (FNV-1a): two runs with the same hash did the same.
pub(crate) fn hash(lines: &[String], history: &History) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    let text = |hash: &mut Fnv, text: &str| fmt::Write::write_str(hash, text);
    for line in lines {
        let _ = text(&mut hash, line);
    }
    for event in history.events() {
        let _ = fmt::Write::write_fmt(&mut hash, format_args!("{event}\n"));
    }
    hash.0
}

struct Fnv(u64);

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
