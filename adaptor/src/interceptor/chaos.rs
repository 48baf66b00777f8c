//! Failures by chance, for tests of programs.

use std::sync::Mutex;
use std::time::Duration;

use walx_core::{
    AppendContext, Error, ErrorKind, Interceptor, Message, PlacedMessage, Result, ScanContext,
    Stage,
};
use walx_utility::random::{self, Stream};
use walx_utility::sync::lock;

/// Refuses appends and ends scans with a chosen probability, so that a program's tests see what it does then.
///
/// Nothing stored is ever harmed. A refused append is `Overloaded`: nothing was written, and the same call may succeed
/// later. A scan ends with `Unavailable`; another one from its token goes on. The same seed gives the same fate to the
/// same sequence of calls.
///
/// Order: innermost, so that the others have done their work when it fails.
#[derive(Debug)]
pub struct Chaos {
    append: f64,
    scan: f64,
    chance: Mutex<Stream>,
}

impl Chaos {
    /// One that does nothing yet.
    pub fn seeded(seed: u64) -> Self {
        Self {
            append: 0.0,
            scan: 0.0,
            chance: Mutex::new(Stream::seeded(seed)),
        }
    }

    /// One that does nothing yet, whose fate is another each time.
    pub fn new() -> Self {
        Self::seeded(random::number())
    }

    /// Refuses each message with this probability, from 0 to 1.
    #[must_use]
    pub fn with_append(mut self, probability: f64) -> Self {
        self.append = probability;
        self
    }

    /// Ends a scan before a message with this probability, from 0 to 1.
    #[must_use]
    pub fn with_scan(mut self, probability: f64) -> Self {
        self.scan = probability;
        self
    }

    fn strikes(&self, probability: f64) -> bool {
        const STEPS: u64 = 1 << 53;
        probability > 0.0
            && (lock(&self.chance).number() % STEPS) as f64 / (STEPS as f64) < probability
    }
}

impl Default for Chaos {
    fn default() -> Self {
        Self::new()
    }
}

impl Interceptor for Chaos {
    fn name(&self) -> &'static str {
        "chaos"
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Chaos)
    }

    fn before(&self, _: &AppendContext<'_>, _: &mut Message) -> Result<()> {
        if !self.strikes(self.append) {
            return Ok(());
        }
        let kind = ErrorKind::Overloaded {
            retry_after: Duration::from_millis(1),
        };
        let text = "the chaos of the chain refuses it, and nothing was written; call again";
        Err(Error::new(kind, text))
    }

    fn scan(&self, _: &ScanContext<'_>, placed: &mut PlacedMessage) -> Result<()> {
        if !self.strikes(self.scan) {
            return Ok(());
        }
        let text = "the chaos of the chain ends the scan; scan again from its token";
        Err(Error::new(ErrorKind::Unavailable, text).with_context("lsn", placed.place.lsn))
    }
}
