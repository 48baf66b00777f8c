//! **walx** is one write-ahead log over any message system: open a WAL by builder name and channel, append, scan and
//! tail it. What lies behind it is one line of configuration.
//!
//! | You want to | Look at |
//! |---|---|
//! | open a channel in one line | [`open`], [`open_read_only`] |
//! | open a store, then its channels | [`store`], [`Opener`] |
//! | choose a backend by name | [`must_get_builder`], [`OpenerBuilder`] |
//! | append | [`Wal`]: one, many at a time, with room reserved |
//! | scan and tail | [`RoWal::scan`], [`ScanOption`], [`Position`], [`Scanner`] |
//! | go on where a reader stopped | [`ResumeToken`] |
//! | react to an error | [`ErrorKind`] |
//! | checksum, compress or encrypt messages | [`interceptor`] |
//! | act on each append and entry yourself | [`Interceptor`], [`register_interceptor`] |
//! | count and measure | [`metric`]; install a recorder of the crate `metrics` before the first open |
//! | do all that without an async runtime | `blocking`, by the feature of the same name |
//! | copy a store into a second one | [`Mirror`] |
//! | bound memory, slow down | [`Limits`], [`flow`] |
//! | add a backend | the crate `walx-impls`, then [`register_backend`] |
//!
//! ```
//! use walx::{End, Entry, Message, ScanOption};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> walx::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let store = format!("file:{}", dir.path().display());
//! // let store = "file:./data";
//! let wal = walx::open(&store, "orders").await?;
//! let first = wal.append(Message::new("paid").with_property("order", "4711")).await?;
//! assert_eq!(first.lsn.get(), 0);
//!
//! let mut scanner = wal.scan(ScanOption::earliest().until(End::Tail)).await?;
//! for entry in scanner.next_batch(100).await? {
//!     if let Entry::Message(placed) = entry {
//!         assert_eq!(placed.message.payload, "paid");
//!     }
//! }
//! wal.close().await?;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "blocking")]
pub mod blocking;

use std::sync::{Arc, Once};

pub use walx_adaptor::layer::{
    Acknowledge, Compared, Difference, Mirror, MirrorOption, MirrorState, MirrorWal,
};
pub use walx_adaptor::{ChannelManager, ManagedChannel, interceptor};
pub use walx_core::*;
pub use walx_helper::{config, uri};
pub use walx_impls as impls;
pub use walx_registry::{
    interceptor_names, register_backend, register_builder, register_interceptor,
};
pub use walx_utility::{flow, metric};

#[cfg(feature = "file")]
pub use walx_file as file;
#[cfg(feature = "kafka")]
pub use walx_kafka as kafka;
#[cfg(feature = "memory")]
pub use walx_memory as memory;

/// Registers the backends that this build has, where their names are free. Everything here that looks a name up
/// calls it first, so that what a user has registered before wins.
pub fn install_default() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(feature = "file")]
        walx_registry::register_default(Arc::new(walx_file::FileBuilder));
        #[cfg(not(feature = "file"))]
        walx_registry::announce_missing(BackendName::constant("file"), "file");
        #[cfg(feature = "kafka")]
        walx_registry::register_default(Arc::new(walx_kafka::KafkaBuilder));
        #[cfg(not(feature = "kafka"))]
        walx_registry::announce_missing(BackendName::constant("kafka"), "kafka");
        #[cfg(feature = "memory")]
        walx_registry::register_default(Arc::new(walx_memory::MemoryBuilder::default()));
        #[cfg(not(feature = "memory"))]
        walx_registry::announce_missing(BackendName::constant("memory"), "memory");
    });
}

/// The builder of this name.
///
/// # Errors
/// `NotFound`, with the names that are known and the feature that would add this one.
pub fn get_builder(name: &str) -> Result<Arc<dyn OpenerBuilder>> {
    install_default();
    walx_registry::get_builder(name)
}

/// The builder of this name, for programs that can't go on without it.
///
/// # Panics
/// Where there is none; the text names those that are known.
pub fn must_get_builder(name: &str) -> Arc<dyn OpenerBuilder> {
    install_default();
    walx_registry::must_get_builder(name)
}

/// What the author of the backend of this name wrote, without the write-ahead log over it: for tests of backends.
///
/// # Errors
/// As [`get_builder`]; `Unsupported` where a whole builder was registered.
pub fn get_backend(name: &str) -> Result<Arc<dyn impls::OpenerBuilderImpls>> {
    install_default();
    walx_registry::get_backend(name)
}

/// The names of the backends that can be opened, ascending.
pub fn builder_names() -> Vec<BackendName> {
    install_default();
    walx_registry::builder_names()
}

/// Opens a store by its URI, such as `file:./data?durability=interval:5ms` or `memory:`.
///
/// # Errors
/// `InvalidInput` for a text that is no store URI, or a key or value that the backend doesn't know; `NotFound` for an
/// unknown backend; what the backend can't open with.
pub async fn store(uri: &str) -> Result<Arc<dyn Opener>> {
    install_default();
    walx_registry::open_store(uri).await
}

/// Looks at everything that a store needs to work, and changes nothing; see [`OpenerBuilder::doctor`].
///
/// # Errors
/// `InvalidInput` for a text that is no store URI; `NotFound` for an unknown backend.
pub async fn doctor(uri: &str) -> Result<Vec<Check>> {
    install_default();
    walx_registry::doctor(uri).await
}

/// Becomes the owner of a channel in one line. Closing the wal closes the store as well.
///
/// # Errors
/// As [`store`], then as [`Opener::open`].
pub async fn open<C>(store_uri: &str, channel: C) -> Result<Arc<dyn Wal>>
where
    C: TryInto<OpenOption>,
    Error: From<C::Error>,
{
    let option = channel
        .try_into()
        .map_err(Error::from)?
        .with_close_store(true);
    store(store_uri).await?.open(option).await
}

/// Opens a channel for reading in one line. Closing the wal closes the store as well.
///
/// # Errors
/// As [`store`], then as [`Opener::open_read_only`].
pub async fn open_read_only<C>(store_uri: &str, channel: C) -> Result<Arc<dyn RoWal>>
where
    C: TryInto<OpenOption>,
    Error: From<C::Error>,
{
    let option = channel
        .try_into()
        .map_err(Error::from)?
        .with_close_store(true);
    store(store_uri).await?.open_read_only(option).await
}

/// The examples of the README and of the book are tests.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/introduction.md")]
    struct Introduction;
    #[doc = include_str!("../docs/concepts.md")]
    struct Concepts;
    #[doc = include_str!("../docs/errors.md")]
    struct Errors;
    #[doc = include_str!("../docs/interceptors.md")]
    struct Interceptors;
}
