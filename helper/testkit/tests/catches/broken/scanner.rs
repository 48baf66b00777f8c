use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use walx_core::Result;
use walx_impls::{RoWalImpls, ScanOptions, Scanned, ScannerImpls, Start};
use walx_utility::sync::lock;

use super::Defect;

/// Where a broken scanner's records come from.
pub(super) enum Source {
    Own(Box<dyn ScannerImpls>),
    Shared(Arc<Mutex<Option<Box<dyn ScannerImpls>>>>),
    /// Not before the first poll.
    Later(Arc<dyn RoWalImpls>, ScanOptions),
}

pub(super) struct BrokenScanner {
    source: Source,
    defect: Defect,
    start: Start,
    closed: Arc<AtomicBool>,
    seen: usize,
    held: Option<Scanned>,
    waited: bool,
    last: Option<Scanned>,
}

impl BrokenScanner {
    pub(super) fn new(
        source: Source,
        defect: Defect,
        start: Start,
        closed: Arc<AtomicBool>,
    ) -> Self {
        Self {
            source,
            defect,
            start,
            closed,
            seen: 0,
            held: None,
            waited: false,
            last: None,
        }
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        if let Source::Later(wal, options) = &self.source {
            let scan = wal.scan(self.start, options.clone()).now_or_never();
            self.source = Source::Own(scan.expect("memory answers at once")?);
        }
        // Whoever waits with this waker is woken by nobody.
        let deaf = Waker::noop();
        let mut asleep = Context::from_waker(deaf);
        let context = match self.defect {
            Defect::ScannerSleepsThroughAppends => &mut asleep,
            _ => context,
        };
        match &mut self.source {
            Source::Own(inner) => inner.poll_batch(context),
            Source::Shared(shared) => match &mut *lock(shared) {
                Some(inner) => inner.poll_batch(context),
                None => Poll::Pending,
            },
            Source::Later(..) => Poll::Pending,
        }
    }

    /// What becomes of a batch.
    fn batch(&mut self, batch: Vec<Scanned>) -> Vec<Scanned> {
        let mut out: Vec<Scanned> = Vec::new();
        if self.defect == Defect::ScanRepeatsAfterAWait && std::mem::take(&mut self.waited) {
            out.extend(self.last.take());
        }
        self.last = batch.last().cloned();
        for scanned in batch {
            if self.defect == Defect::HidesForeignRecords && matches!(scanned, Scanned::Foreign(_))
            {
                continue;
            }
            self.seen += 1;
            let fourth = self.seen.is_multiple_of(4);
            match self.defect {
                Defect::ScanRepeats if fourth => out.push(scanned.clone()),
                Defect::ScanSkips if fourth => continue,
                Defect::NearStartsTooLate
                    if self.seen == 1 && matches!(self.start, Start::Near(_)) =>
                {
                    continue;
                }
                Defect::ScanHoldsTheNewestBack => {
                    out.extend(self.held.replace(scanned));
                    continue;
                }
                _ => {}
            }
            out.push(scanned);
        }
        if self.defect == Defect::ScanSwaps && out.len() > 2 {
            out.swap(1, 2);
        }
        out
    }
}

impl ScannerImpls for BrokenScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        loop {
            let answer = match self.poll_source(context) {
                Poll::Pending => {
                    self.waited = true;
                    return Poll::Pending;
                }
                Poll::Ready(answer) => self.defect.tells(answer),
            };
            let closed = self.closed.load(Ordering::SeqCst);
            match answer {
                // As if nobody had told it of the close.
                Err(_) if self.defect == Defect::ScannerSleepsThroughCloses && closed => {
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
                Ok(batch) => {
                    let out = self.batch(batch);
                    if !out.is_empty() {
                        return Poll::Ready(Ok(out));
                    }
                }
            }
        }
    }
}
