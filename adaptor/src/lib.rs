//! A walx backend in, a whole write-ahead log out.
//!
//! [`adapt`] wraps a backend's builder (`walx-impls`) into the builder that users see (`walx-core`). Everything that is
//! hard is done here, once for all backends:
//!
//! | Path | Read in this order |
//! |---|---|
//! | open | `opener`, `open`, `look`, `settle`, `barrier` |
//! | append | `wal`, `append`, `append/admit`, `append/queue`, `append/place`, `append/order`, `append/commit`, `append/slot` |
//! | transactions | `append/transact`, `append/transactions`; `found`, `checkpoint` at an open; `scanner/assembly`, `scanner/readback` |
//! | keys | `append/window`, `append/known`, `append/joined`, `append/gather` |
//! | recovery | `append/recover`, `append/reopen`, `append/again`, `current` |
//! | scan | `scanner/start`, `scanner/confirmed`, `scanner/read`, `scanner/check`, `scanner/assembly`, `scanner/deliver`; `cache`; `feed`, `fetch` for readers; `search` where the backend has no index |
//! | what is looked for in a log | `look`, `backwards`, `find`, `newest`, `truncation` |
//! | mirror | `layer/mirror`, `layer/mirror/wal`, `layer/mirror/pump`, `layer/mirror/copy` |
//! | the channels of a node | `manager`, `manager/slot` |
//! | close | `handle`, `wal`, `close`, `opener` |
//! | limits | `append/room`, `append/pace`, `metered`, `cache` |
//! | what is told | `interceptor/metrics`, `interceptor/tracing`, `append/slow`, `gauge`, `watch` |
//! | hooks | `interceptor`, `interceptor/chain` |
//! | look after a store | `describe`, `verify`, `doctor` |
//! | what tests must find | `planted` |

mod append;
mod backwards;
mod barrier;
mod cache;
mod checkpoint;
mod close;
mod current;
mod describe;
mod doctor;
mod feed;
mod fetch;
mod find;
mod foreign;
mod found;
mod gauge;
mod handle;
pub mod interceptor;
pub mod layer;
mod look;
mod manager;
mod metered;
mod newest;
mod open;
mod opener;
mod patience;
#[cfg(feature = "planted")]
pub mod planted;
#[cfg(not(feature = "planted"))]
mod planted;
mod read_only;
mod scan_defaults;
mod scanner;
mod search;
mod settle;
mod truncation;
mod verify;
mod wal;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{BackendName, Capability, Check, Config, Opener, OpenerBuilder, Result};
use walx_impls::{OpenerBuilderImpls, OpenerImpls};

pub use self::manager::{ChannelManager, ManagedChannel};

/// The builder of a whole write-ahead log over a backend.
pub fn adapt(builder: Arc<dyn OpenerBuilderImpls>) -> Arc<dyn OpenerBuilder> {
    Arc::new(Builder(builder))
}

/// The opener of a whole write-ahead log over a backend's opener, for programs that make the latter in code.
pub fn adapt_opener(backend: BackendName, opener: Arc<dyn OpenerImpls>) -> Arc<dyn Opener> {
    opener::OpenerAdaptor::new(backend, opener)
}

struct Builder(Arc<dyn OpenerBuilderImpls>);

#[async_trait]
impl OpenerBuilder for Builder {
    fn name(&self) -> BackendName {
        self.0.name()
    }

    fn capability(&self) -> Capability {
        self.0.capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn Opener>> {
        let opener = self
            .0
            .build(config)
            .await
            .map_err(|error| error.with_operation("open the store"))?;
        Ok(adapt_opener(self.name(), opener))
    }

    async fn doctor(&self, config: Config) -> Vec<Check> {
        doctor::doctor(self.0.as_ref(), config).await
    }
}
