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
}
