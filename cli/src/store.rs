use std::sync::Arc;
use std::time::Duration;

use walx::{CacheOption, ChannelName, ErrorKind, Opener};

use crate::exit::{Code, Failure};
use crate::out::Out;
use crate::signal::Signals;

/// Bytes that a scan reads ahead.
pub(crate) const READ_AHEAD_BYTES: usize = 4 << 20;
/// The newest records that stay in memory for the one scanner of a reader.
pub(crate) const CACHE: CacheOption = CacheOption::new(8 << 20, Duration::from_secs(5));

/// Runs a command on an open store, from the opening to the close. A signal ends it early.
pub(crate) async fn run<F>(uri: &str, command: F) -> Result<Code, Failure>
where
    F: AsyncFnOnce(&dyn Opener, &mut Out) -> Result<Code, Failure>,
{
    let mut signals = Signals::listen()?;
    let store = open(uri).await?;
    let outcome = print(&mut signals, async |out| command(&*store, out).await).await;
    close(&*store, outcome).await
}

/// Runs something that prints, until a signal ends it. What it printed before a failure is written all the same.
pub(crate) async fn print<F>(signals: &mut Signals, command: F) -> Result<Code, Failure>
where
    F: AsyncFnOnce(&mut Out) -> Result<Code, Failure>,
{
    let mut out = Out::stdout()?;
    let work = async {
        let outcome = command(&mut out).await;
        let printed = out.finish().await;
        let code = outcome?;
        printed.map(|()| code)
    };
    tokio::select! {
        biased;
        code = signals.next() => Ok(code),
        outcome = work => outcome,
    }
}

/// Opens the store of a URI. What is wrong with the URI is a matter of configuration, not of input.
pub(crate) async fn open(uri: &str) -> Result<Arc<dyn Opener>, Failure> {
    walx::store(uri).await.map_err(|error| match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::Unsupported => {
            Failure::new(Code::Configuration, error)
        }
        ErrorKind::NotFound if !is_known(uri) => Failure::new(Code::Configuration, error),
        _ => error.into(),
    })
}

fn is_known(uri: &str) -> bool {
    uri.split_once(':')
        .is_some_and(|(scheme, _)| walx::get_builder(scheme).is_ok())
}

/// The channels of a store. One that has none is one to which nobody ever wrote, and most likely not the one meant.
pub(crate) async fn channels(store: &dyn Opener) -> Result<Vec<ChannelName>, Failure> {
    let channels = store.list().await?;
    if channels.is_empty() {
        let text = "the store has no channels: nobody has written to it; check its URI";
        return Err(Failure::new(Code::NotFound, text));
    }
    Ok(channels)
}

/// Closes a store behind its last use; what went wrong before outweighs what goes wrong here.
pub(crate) async fn close<T>(
    store: &dyn Opener,
    outcome: Result<T, Failure>,
) -> Result<T, Failure> {
    let closed = store.close().await;
    let value = outcome?;
    closed?;
    Ok(value)
}
