use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Code, Failure};

/// Ctrl-C and SIGTERM. From here on they no longer end the program by themselves.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let refused = |error| {
            Failure::new(
                Code::Unexpected,
                format!("the system does not let walx catch signals: {error}"),
            )
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
        })
    }

    /// Waits for the next one: the code to end with. Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> Code {
        tokio::select! {
            _ = self.interrupt.recv() => Code::Interrupted,
            _ = self.terminate.recv() => Code::Terminated,
        }
    }

    /// Waits for something that may take long; a signal gives it up, and the error is the code to end with.
    pub(crate) async fn interrupt<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Code> {
        tokio::select! {
            biased;
            code = self.next() => Err(code),
            value = work => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn a_signal_gives_up_what_would_wait_for_ever() {
        let mut signals = Signals::listen().unwrap();
        assert_eq!(signals.interrupt(async { 7 }).await, Ok(7));
        for (signal, code) in [
            (Signal::INT, Code::Interrupted),
            (Signal::TERM, Code::Terminated),
        ] {
            kill_process(getpid(), signal).unwrap();
            let never = std::future::pending::<()>();
            assert_eq!(signals.interrupt(never).await, Err(code));
        }
    }
}
