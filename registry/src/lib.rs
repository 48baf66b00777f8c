//! Names of walx backends and interceptors, and the store URIs that choose them.
//!
//! A name is taken once, for the life of the program: [`register_builder`] and [`register_interceptor`] refuse a second
//! taker. The built-in backends step back: [`register_default`] leaves a name alone that a user has taken before.
//!
//! What a store is configured with is read in two parts: walx's own keys, which every store takes, make the defaults of
//! what is opened through it; the rest is the backend's.

mod builtin;
mod chain;
mod configured;
mod settings;

use std::sync::{Arc, LazyLock};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use walx_core::{BackendName, Check, Error, ErrorKind, Opener, OpenerBuilder, Result};
use walx_helper::uri;
use walx_impls::OpenerBuilderImpls;

pub use self::chain::{interceptor_names, register_interceptor};
use self::configured::Configured;

static BUILDERS: LazyLock<DashMap<BackendName, Registered>> = LazyLock::new(DashMap::new);
/// Backends that this build lacks, with the feature that would add each.
static MISSING: LazyLock<DashMap<BackendName, &'static str>> = LazyLock::new(DashMap::new);

#[derive(Clone)]
struct Registered {
    builder: Arc<dyn OpenerBuilder>,
    /// What its author wrote; none where the builder was made by other means.
    backend: Option<Arc<dyn OpenerBuilderImpls>>,
}

impl From<Arc<dyn OpenerBuilderImpls>> for Registered {
    fn from(backend: Arc<dyn OpenerBuilderImpls>) -> Self {
        Self {
            builder: Configured::over(walx_adaptor::adapt(Arc::clone(&backend))),
            backend: Some(backend),
        }
    }
}

/// Registers a builder under its name.
///
/// # Errors
/// `Conflict` where the name is taken.
pub fn register_builder(builder: Arc<dyn OpenerBuilder>) -> Result<()> {
    register(Registered {
        builder: Configured::over(builder),
        backend: None,
    })
}

/// Registers what a backend's author wrote: a whole write-ahead log is put over it.
///
/// # Errors
/// `Conflict` where the name is taken.
pub fn register_backend(builder: Arc<dyn OpenerBuilderImpls>) -> Result<()> {
    register(builder.into())
}

fn register(registered: Registered) -> Result<()> {
    match BUILDERS.entry(registered.builder.name()) {
        Entry::Occupied(taken) => Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "a backend named '{}' is registered already; register before the first open, once",
                taken.key()
            ),
        )
        .with_operation("register")),
        Entry::Vacant(free) => {
            free.insert(registered);
            Ok(())
        }
    }
}

/// Registers a built-in backend, unless its name is taken.
pub fn register_default(builder: Arc<dyn OpenerBuilderImpls>) {
    BUILDERS
        .entry(builder.name())
        .or_insert_with(|| builder.into());
}

/// Tells of a built-in backend that this build lacks, and of the feature that would add it.
pub fn announce_missing(name: BackendName, feature: &'static str) {
    MISSING.insert(name, feature);
}

/// The builder of this name.
///
/// # Errors
/// `NotFound`, with the names that are known and the feature that would add this one.
pub fn get_builder(name: &str) -> Result<Arc<dyn OpenerBuilder>> {
    Ok(registered(name)?.builder)
}

/// What the author of the backend of this name wrote, without the write-ahead log over it: for tests of backends.
///
/// # Errors
/// As [`get_builder`]; `Unsupported` where a whole builder was registered.
pub fn get_backend(name: &str) -> Result<Arc<dyn OpenerBuilderImpls>> {
    registered(name)?.backend.ok_or_else(|| {
        let text = format!(
            "'{name}' was registered as a whole builder; register what lies below it with register_backend"
        );
        Error::new(ErrorKind::Unsupported, text).with_operation("look the backend up")
    })
}

fn registered(name: &str) -> Result<Registered> {
    let found = BackendName::new(name)
        .ok()
        .and_then(|name| BUILDERS.get(&name).map(|it| it.clone()));
    found.ok_or_else(|| unknown(name))
}

/// The builder of this name, for programs that can't go on without it.
///
/// # Panics
/// Where there is none; the text names those that are known.
#[expect(clippy::panic, reason = "its promise")]
pub fn must_get_builder(name: &str) -> Arc<dyn OpenerBuilder> {
    get_builder(name).unwrap_or_else(|error| panic!("{error}"))
}

/// The names that are taken, ascending.
pub fn builder_names() -> Vec<BackendName> {
    let mut names: Vec<_> = BUILDERS.iter().map(|it| *it.key()).collect();
    names.sort();
    names
}

/// Opens the store that a URI such as `file:./data?durability=each` names.
///
/// # Errors
/// `InvalidInput` for a text that is no store URI; `NotFound` for an unknown backend; what the backend answers.
pub async fn open_store(store: &str) -> Result<Arc<dyn Opener>> {
    let uri = uri::parse(store)?;
    get_builder(uri.backend.as_str())?.build(uri.config).await
}

/// Looks at everything that the store of a URI needs to work; see [`OpenerBuilder::doctor`].
///
/// # Errors
/// `InvalidInput` for a text that is no store URI; `NotFound` for an unknown backend.
pub async fn doctor(store: &str) -> Result<Vec<Check>> {
    let uri = uri::parse(store)?;
    Ok(get_builder(uri.backend.as_str())?.doctor(uri.config).await)
}

fn unknown(name: &str) -> Error {
    let known: Vec<_> = builder_names().iter().map(ToString::to_string).collect();
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    let missing = BackendName::new(name)
        .ok()
        .and_then(|name| MISSING.get(&name).map(|it| *it));
    let way_out = match missing {
        Some(feature) => format!("; build walx with the feature '{feature}' to add it"),
        None => "; one of your own is registered before the first open".to_owned(),
    };
    Error::new(
        ErrorKind::NotFound,
        format!("there is no backend named '{name}'; known are: {known}{way_out}"),
    )
    .with_operation("open the store")
}

#[cfg(test)]
mod tests {
    use walx_memory::MemoryBuilder;

    use super::*;

    // One test: the registry is one for the whole program.
    #[test]
    fn a_name_is_taken_once_and_an_unknown_one_is_explained() {
        let error = get_builder("memory").map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("known are: none"), "{error}");

        register_backend(Arc::new(MemoryBuilder::default())).unwrap();
        let mine = get_builder("memory").unwrap();
        register_default(Arc::new(MemoryBuilder::default()));
        assert!(
            Arc::ptr_eq(&mine, &must_get_builder("memory")),
            "a built-in steps back"
        );
        assert_eq!(
            register_backend(Arc::new(MemoryBuilder::default()))
                .unwrap_err()
                .kind(),
            ErrorKind::Conflict
        );
        assert_eq!(builder_names(), [BackendName::constant("memory")]);

        assert_eq!(get_backend("memory").unwrap().name(), mine.name());

        announce_missing(BackendName::constant("kafka"), "kafka");
        let error = get_builder("kafka").map(|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("known are: memory; build walx with the feature 'kafka'"),
            "{error}"
        );
        let error = get_builder("No Name!").map(|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("there is no backend named 'No Name!'"),
            "{error}"
        );
    }
}
