//! An inspection on a thread that may block. Its findings come one after the other, a few ahead of who takes them;
//! where nobody does any more, it ends at the next frame.

use tokio::sync::mpsc;
use walx_core::{Error, ErrorKind, Finding, Progress, Result};

use super::inspect::{Beside, Trouble, Watcher, inspect};
use crate::opener::FileOpener;

/// How many findings wait for whoever asked.
const AHEAD: usize = 64;

pub(super) async fn verify(
    opener: &FileOpener,
    found: &mut (dyn FnMut(Finding) + Send),
    progress: &Progress,
) -> Result<()> {
    let (findings, mut arriving) = mpsc::channel(AHEAD);
    let progress = progress.clone();
    let inspection = opener.blocking("verify", move |directory| {
        let owner = directory.store().map(|store| store.shared.clone());
        let mut sender = Sender(findings);
        let beside = Beside::Anybody(owner);
        inspect(&directory.config.path, beside, &mut sender, &progress).map(|_| ())
    });
    let telling = async {
        while let Some(finding) = arriving.recv().await {
            found(finding);
        }
    };
    futures_util::future::join(inspection, telling).await.0
}

struct Sender(mpsc::Sender<Finding>);

impl Watcher for Sender {
    fn found(&mut self, trouble: Trouble) -> Result<()> {
        let sent = self.0.blocking_send(trouble.finding());
        sent.map_err(|_| nobody_waits())
    }

    fn go_on(&mut self) -> Result<()> {
        if self.0.is_closed() {
            return Err(nobody_waits());
        }
        Ok(())
    }
}

fn nobody_waits() -> Error {
    Error::new(
        ErrorKind::Closed,
        "nobody waits for the verification any more",
    )
}
