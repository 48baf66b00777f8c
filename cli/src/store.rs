use std::sync::Arc;

use walx::{ErrorKind, Opener};

use crate::exit::{Code, Failure};

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
