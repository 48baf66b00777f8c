use std::pin::Pin;
use std::task::{Context, Poll, ready};

use walx_core::{Error, ErrorKind, Result};

use crate::{Scanned, ScannerImpls};

/// A scanner of a backend whose reads are async: `read` gives the next batch, and the place from which the next call
/// goes on. Costs one allocation a batch; one that is to be faster implements [`ScannerImpls`] itself.
pub fn scanner<P, F>(place: P, read: impl Fn(P) -> F + Send + 'static) -> Box<dyn ScannerImpls>
where
    P: Send + 'static,
    F: Future<Output = Result<(Vec<Scanned>, P)>> + Send + 'static,
{
    let reading = Some(Box::pin(read(place)));
    Box::new(Reading { read, reading })
}

struct Reading<R, F> {
    read: R,
    /// `None` behind an error.
    reading: Option<Pin<Box<F>>>,
}

impl<P, R, F> ScannerImpls for Reading<R, F>
where
    P: Send + 'static,
    R: Fn(P) -> F + Send + 'static,
    F: Future<Output = Result<(Vec<Scanned>, P)>> + Send + 'static,
{
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        let Some(reading) = &mut self.reading else {
            let text = "a scanner was polled after its end";
            return Poll::Ready(Err(Error::new(ErrorKind::Internal, text)));
        };
        let read = ready!(reading.as_mut().poll(context));
        self.reading = None;
        Poll::Ready(read.map(|(batch, place)| {
            self.reading = Some(Box::pin((self.read)(place)));
            batch
        }))
    }
}
