use std::collections::VecDeque;
use std::task::{Context, Poll};

use walx_core::{BoxFuture, Result};
use walx_impls::{Scanned, ScannerImpls};
use walx_utility::clock;

use super::{Alive, Network};
use crate::chance::{millis, up_to};

/// A reader whose batches take time, and come in crumbs.
pub(super) struct NetworkScanner {
    network: Network,
    inner: Box<dyn ScannerImpls>,
    arrived: VecDeque<Scanned>,
    wait: Option<BoxFuture<()>>,
    _alive: Alive,
}

impl NetworkScanner {
    pub(super) fn new(network: Network, inner: Box<dyn ScannerImpls>) -> Self {
        Self {
            _alive: network.enter(),
            network,
            inner,
            arrived: VecDeque::new(),
            wait: None,
        }
    }
}

impl ScannerImpls for NetworkScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        if self.arrived.is_empty() {
            match self.inner.poll_batch(context) {
                Poll::Ready(Ok(batch)) => self.arrived = batch.into(),
                other => return other,
            }
            let time = millis(self.network.weather().call_ms);
            if !time.is_zero() {
                self.wait = Some(Box::pin(clock::sleep(time)));
            }
        }
        if let Some(wait) = &mut self.wait {
            if wait.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.wait = None;
        }
        let crumbs = self.network.weather().crumbs;
        let count = match crumbs {
            true => 1 + up_to(2) as usize,
            false => self.arrived.len(),
        };
        let count = count.min(self.arrived.len());
        Poll::Ready(Ok(self.arrived.drain(..count).collect()))
    }
}
