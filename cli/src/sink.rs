//! Standard output on a thread of its own, so that a slow reader stops neither signals nor acknowledgements.

use std::io::{self, Write};

use tokio::sync::{mpsc, oneshot};

use walx_utility::spawn;

use crate::exit::{Code, Failure};

/// From this size on a chunk goes to the thread.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks between the caller and the thread.
const CHUNKS: usize = 2;

/// Standard output, behind a buffer. At most four chunks are in memory, each 64 KiB and one record long.
pub(crate) struct Sink {
    buffer: Vec<u8>,
    chunks: Option<mpsc::Sender<Vec<u8>>>,
    outcome: oneshot::Receiver<io::Result<()>>,
}

impl Sink {
    pub(crate) fn stdout() -> io::Result<Self> {
        Self::new(io::stdout())
    }

    pub(crate) fn new(mut output: impl Write + Send + 'static) -> io::Result<Self> {
        let (chunks, mut incoming) = mpsc::channel::<Vec<u8>>(CHUNKS);
        let (done, outcome) = oneshot::channel();
        spawn::thread("walx-stdout", move || {
            let mut written = Ok(());
            while written.is_ok()
                && let Some(chunk) = incoming.blocking_recv()
            {
                written = output.write_all(&chunk).and_then(|()| output.flush());
            }
            // Nobody listens where the program ends without waiting for its output.
            let _ = done.send(written);
        })?;
        Ok(Self {
            buffer: Vec::new(),
            chunks: Some(chunks),
            outcome,
        })
    }

    /// Where the next record goes. Room for a chunk is made with the first one.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(CHUNK_BYTES);
        }
        &mut self.buffer
    }

    /// Whether the caller should hand over before it adds more.
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= CHUNK_BYTES
    }

    /// Hands the buffer to the thread; waits where the reader of stdout is slow. Where the buffer is empty it waits
    /// for the thread to fail, so that a loop that always has this future learns of it at once. Dropping the future
    /// loses nothing.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        let Some(chunks) = self
            .chunks
            .as_ref()
            .filter(|_| !self.outcome.is_terminated())
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        tokio::select! {
            biased;
            outcome = &mut self.outcome => Err(broken(outcome)),
            Ok(room) = chunks.reserve(), if !self.buffer.is_empty() => {
                room.send(std::mem::take(&mut self.buffer));
                Ok(())
            }
        }
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.flush().await?;
        }
        self.chunks = None;
        if self.outcome.is_terminated() {
            Ok(())
        } else {
            (&mut self.outcome).await.unwrap_or(Ok(()))
        }
    }
}

/// Why the thread ended although we had not done with it.
fn broken(outcome: Result<io::Result<()>, oneshot::error::RecvError>) -> io::Error {
    match outcome {
        Ok(Err(error)) => error,
        Ok(Ok(())) | Err(_) => io::ErrorKind::BrokenPipe.into(),
    }
}

/// Whether the reader of our output went away, as `head` does.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Why a command ends that can't write its output.
pub(crate) fn refused(error: &io::Error) -> Failure {
    Failure::new(
        Code::Unexpected,
        format!("stdout can't be written: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn everything_is_written_in_order_before_finish_answers() {
        let output = Shared::default();
        let mut sink = Sink::new(output.clone()).unwrap();
        let mut expected = Vec::new();
        for i in 0..50_000_u32 {
            sink.buffer().extend_from_slice(&i.to_le_bytes());
            expected.extend_from_slice(&i.to_le_bytes());
            if sink.is_full() {
                sink.flush().await.unwrap();
            }
        }
        sink.finish().await.unwrap();
        assert!(*output.0.lock().unwrap() == expected);
    }

    #[tokio::test]
    async fn a_reader_that_went_away_is_an_error_of_flush_and_of_finish() {
        let mut sink = Sink::new(Gone).unwrap();
        sink.buffer().push(b'x');
        sink.flush().await.unwrap();
        // Nothing more to write: it is learnt all the same.
        assert!(is_gone(&sink.flush().await.unwrap_err()));
        sink.buffer().push(b'x');
        assert!(is_gone(&sink.flush().await.unwrap_err()));
        let mut sink = Sink::new(Gone).unwrap();
        sink.buffer().push(b'x');
        assert!(is_gone(&sink.finish().await.unwrap_err()));
    }
}
