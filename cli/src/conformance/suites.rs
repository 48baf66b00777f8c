//! From store URIs to suites.

use std::sync::Arc;

use tokio::runtime::Handle;
use walx::impls::OpenerBuilderImpls;
use walx::{Config, Error, ErrorKind, uri};
use walx_testkit::{Suite, TestStore};

use super::Args;
use crate::exit::{Code, Failure};

/// A suite a store, in their order.
pub(super) fn suites(args: &Args) -> Result<Vec<Suite>, Failure> {
    let suite = |store: &String| -> Result<Suite, Failure> {
        let (backend, config) = backend(store).map_err(|error| failure(&error))?;
        let runtime = Handle::current();
        let name = backend.name().to_string();
        // Suites run on threads of their own, where nothing else is waited for.
        let store = move || runtime.block_on(apart(&backend, &config));
        let suite = Suite::new(name, store).with_faults(!args.plain);
        Ok(suite.with_seed(args.seed).only(args.only.clone()))
    };
    args.stores.iter().map(suite).collect()
}

fn backend(store: &str) -> walx::Result<(Arc<dyn OpenerBuilderImpls>, Config)> {
    let uri = uri::parse(store)?;
    Ok((walx::get_backend(uri.backend.as_str())?, uri.config))
}

async fn apart(backend: &Arc<dyn OpenerBuilderImpls>, config: &Config) -> walx::Result<TestStore> {
    let apart = backend.apart(config.clone()).await?;
    Ok(TestStore::apart(Arc::clone(backend), apart))
}

/// Why there is nothing to run on. What is wrong with a URI is a matter of configuration.
pub(super) fn failure(error: &Error) -> Failure {
    let code = match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::Unsupported => {
            Code::Configuration
        }
        kind => kind.into(),
    };
    Failure::new(code, error)
}
