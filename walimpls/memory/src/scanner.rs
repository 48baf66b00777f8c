use std::sync::Arc;
use std::task::{Context, Poll};

use walx_core::Result;
use walx_impls::{ScanOptions, Scanned, ScannerImpls, Start};
use walx_utility::sync::lock;

use crate::wal::Handle;

/// One reader. It takes what is there under the log's lock, at most a few hundred records at a time.
pub(crate) struct MemoryScanner {
    handle: Arc<Handle>,
    /// What the log knows it by while it waits.
    number: u64,
    next: u64,
    max_bytes: usize,
}

impl MemoryScanner {
    pub(crate) fn new(handle: &Arc<Handle>, start: Start, options: &ScanOptions) -> Result<Self> {
        handle.check("scan")?;
        let started = lock(&handle.channel.log).start(start);
        let (next, number) = started.map_err(|error| handle.named("scan", error))?;
        Ok(Self {
            handle: Arc::clone(handle),
            number,
            next,
            max_bytes: options.read_ahead_bytes,
        })
    }
}

impl ScannerImpls for MemoryScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        let mut log = lock(&self.handle.channel.log);
        // Under the lock, so that a close comes before this look, or wakes it.
        self.handle.check("scan")?;
        if let Some(error) = log.switches.fails_scan() {
            return Poll::Ready(Err(self.handle.named("scan", error)));
        }
        match log.read(self.next, self.max_bytes) {
            Ok(Some(batch)) => {
                self.next += batch.len() as u64;
                Poll::Ready(Ok(batch))
            }
            Ok(None) => {
                log.wait(self.number, context.waker());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(self.handle.named("scan", error))),
        }
    }
}

impl Drop for MemoryScanner {
    fn drop(&mut self) {
        lock(&self.handle.channel.log).forget(self.number);
    }
}
