use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_util::future::{self, Either};
use walx_core::{BoxFuture, ChannelName, Error, ErrorKind, Result};
use walx_impls::{Scanned, ScannerImpls};
use walx_utility::spawn;

use crate::closing::Closing;
use crate::fault;
use crate::source::Reader;

/// Reads pieces of the log on threads that may block, one at a time, and waits at the tail.
pub(crate) struct FileScanner {
    channel: ChannelName,
    closings: [Closing; 2],
    reader: Option<Box<Reader>>,
    reading: Option<BoxFuture<Read>>,
}

/// The reader, unless it is done for, and what it read.
type Read = (Option<Box<Reader>>, Result<Vec<Scanned>>);

impl FileScanner {
    pub(crate) fn new(channel: ChannelName, reader: Reader, closings: [Closing; 2]) -> Self {
        Self {
            channel,
            closings,
            reader: Some(Box::new(reader)),
            reading: None,
        }
    }
}

impl ScannerImpls for FileScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        let reading = match (&mut self.reading, self.reader.take()) {
            (Some(reading), _) => reading,
            (slot, Some(reader)) => slot.insert(Box::pin(next(reader, self.closings.clone()))),
            (None, None) => return Poll::Ready(Err(closed(&self.channel))),
        };
        let Poll::Ready((reader, outcome)) = Pin::new(reading).poll(context) else {
            return Poll::Pending;
        };
        self.reading = None;
        if outcome.is_ok() {
            self.reader = reader;
        }
        let outcome = outcome.map_err(|error| match error.kind() {
            ErrorKind::Closed => closed(&self.channel),
            _ => error.with_operation("scan").with_channel(&self.channel),
        });
        Poll::Ready(outcome)
    }
}

async fn next(mut reader: Box<Reader>, closings: [Closing; 2]) -> Read {
    let [mut wal, mut opener] = closings;
    let ended = || Err(Error::new(ErrorKind::Closed, ""));
    loop {
        if wal.is_closed() || opener.is_closed() {
            return (None, ended());
        }
        let read = spawn::blocking(move || {
            let read = reader.next();
            (reader, read)
        });
        match read.await {
            Ok((reader, Ok(Some(items)))) => return (Some(reader), Ok(items)),
            Ok((_, Err(error))) => return (None, Err(error)),
            Ok((back, Ok(None))) => reader = back,
            Err(spawn::Lost) => return (None, Err(fault::broken())),
        }
        let (more, wal, opener) = (
            pin!(reader.wait()),
            pin!(wal.closed()),
            pin!(opener.closed()),
        );
        if let Either::Right(_) = future::select(more, future::select(wal, opener)).await {
            return (None, ended());
        }
    }
}

fn closed(channel: &ChannelName) -> Error {
    Error::new(
        ErrorKind::Closed,
        "the wal or its opener was closed; open it again",
    )
    .with_operation("scan")
    .with_channel(channel)
}
