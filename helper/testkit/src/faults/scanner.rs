use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use walx_core::{BoxFuture, Error, Result};
use walx_impls::{Scanned, ScannerImpls};
use walx_utility::clock;

use super::line::Line;
use super::plan::{Dice, Fault};

/// A reader whose batches meet faults.
pub(super) struct FaultyScanner {
    line: Arc<Line>,
    inner: Box<dyn ScannerImpls>,
    bell: Arc<AtomicWaker>,
    number: u64,
    dice: Dice,
    /// Batches that the backend has handed out.
    batches: u64,
    /// A batch to be handed out, and what it waits for.
    next: Option<(Option<BoxFuture<()>>, Vec<Scanned>)>,
}

impl FaultyScanner {
    pub(super) fn new(line: Arc<Line>, inner: Box<dyn ScannerImpls>) -> Self {
        let bell = Arc::new(AtomicWaker::new());
        let (number, dice) = line.hang(&bell);
        Self {
            line,
            inner,
            bell,
            number,
            dice,
            batches: 0,
            next: None,
        }
    }

    /// A failure that comes before the next batch.
    fn failure(&self) -> Option<Error> {
        let state = self.line.state();
        if state.closed {
            return None;
        }
        if state.cut {
            return Some(self.line.is_cut());
        }
        let switched = self.line.faults.use_up(|script| &mut script.reads);
        switched.then(|| {
            self.put("fails");
            self.line.unavailable("a fault switch ends the scan")
        })
    }

    /// What becomes of a batch of the backend's.
    fn meet(&mut self, mut batch: Vec<Scanned>) -> Result<()> {
        self.batches += 1;
        let (pause, fails) = (self.dice.pause(), self.dice.hits(Fault::FailRead));
        let doubles = self.dice.hits(Fault::Double);
        let at = self.dice.pick(batch.len());
        // One that has not delivered can't be opened again behind what it delivered.
        if fails && self.batches > 1 {
            self.put("fails");
            return Err(self.line.passing());
        }
        let switched = self.line.faults.use_up(|script| &mut script.doubles);
        let at = if switched { 0 } else { at };
        if let Some(again @ Scanned::Record(_)) = batch.get(at).filter(|_| doubles || switched) {
            batch.insert(at, again.clone());
            self.put("hands out a record twice");
        }
        let mut late: Option<BoxFuture<()>> = None;
        if !pause.is_zero() {
            self.put(&format!("waits {pause:?}"));
            late = Some(Box::pin(clock::sleep(pause)));
        }
        self.next = Some((late, batch));
        Ok(())
    }

    fn put(&self, what: &str) {
        let (number, batch) = (self.number, self.batches);
        self.line
            .put(format!("scanner {number} {what} at batch {batch}"));
    }
}

impl ScannerImpls for FaultyScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        // Before the look, so that a switch that is turned meanwhile wakes it.
        self.bell.register(context.waker());
        if let Some(error) = self.failure() {
            return Poll::Ready(Err(error));
        }
        if self.next.is_none() {
            match self.inner.poll_batch(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(batch) => self.meet(batch?)?,
            }
        }
        if let Some((Some(pause), _)) = &mut self.next
            && pause.as_mut().poll(context).is_pending()
        {
            return Poll::Pending;
        }
        let batch = self.next.take().map(|(_, batch)| batch);
        Poll::Ready(Ok(batch.unwrap_or_default()))
    }
}
