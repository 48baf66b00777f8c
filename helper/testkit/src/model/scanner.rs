use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use walx_core::{ChannelName, Result};
use walx_impls::{Scanned, ScannerImpls};
use walx_utility::sync::lock;

use super::Model;
use super::log::Log;
use super::scan::Scan;
use super::wal::Closed;

/// A scanner whose records are held to the model.
pub(super) struct ModelledScanner {
    pub(super) inner: Box<dyn ScannerImpls>,
    pub(super) scan: Scan,
    pub(super) channel: ChannelName,
    pub(super) model: Model,
    pub(super) log: Arc<Mutex<Log>>,
    pub(super) closed: Closed,
}

impl ScannerImpls for ModelledScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        let answer = ready!(self.inner.poll_batch(context));
        let mut log = lock(&self.log);
        let verdict = match &answer {
            Ok(batch) => batch.iter().try_for_each(|scanned| match scanned {
                Scanned::Record(stored) => self.scan.delivers(&mut log, stored),
                Scanned::Foreign(_) if log.foreign => Ok(()),
                Scanned::Foreign(it) => Err(format!("nobody else wrote what comes at {}", it.id)),
                _ => Err(format!("damage in a sound log: {scanned:?}")),
            }),
            Err(error) => self.scan.ends(&log, error, self.closed.is()),
        };
        drop(log);
        self.model.judge(&self.channel, "scan", verdict);
        Poll::Ready(answer)
    }
}
