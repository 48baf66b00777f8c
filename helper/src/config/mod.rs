//! From a table of texts to a backend's own struct, and back.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use walx_core::{BackendName, Config};
//! use walx_helper::config::{self, ByteSize, HumanDuration};
//!
//! #[derive(Debug, Deserialize, Serialize)]
//! #[serde(deny_unknown_fields)]
//! struct FileConfig {
//!     location: String,
//!     segment: ByteSize,
//!     every: Option<HumanDuration>,
//! }
//!
//! let file = BackendName::constant("file");
//! let table = Config::new().with("location", "./data").with("segment", "64MiB");
//! let config: FileConfig = config::parse(file, &table).unwrap();
//! assert_eq!(config.segment, ByteSize(64 << 20));
//!
//! let error = config::parse::<FileConfig>(file, &table.with("segmnt", "1GiB")).unwrap_err();
//! assert!(error.to_string().contains("no key 'segmnt'; it knows location, segment, every"), "{error}");
//! ```

mod duration;
mod flat;
mod secret;
mod size;
#[cfg(test)]
mod tests;
mod text;
mod toml;

use serde::Serialize;
use serde::de::DeserializeOwned;
use walx_core::{BackendName, Config, Error, ErrorKind, Result};

pub use self::toml::from_toml;
pub use duration::{HumanDuration, interval};
pub use secret::Secret;
pub use size::ByteSize;

/// The backend's own struct of a table of texts. A text becomes what the struct's field asks for; a field that is a
/// struct takes its keys behind a dot (`retry.first`), a map takes them as they are, a list is separated by commas.
///
/// Give `C` the attribute `#[serde(deny_unknown_fields)]`, and don't flatten: serde then forgets the field's type.
///
/// # Errors
/// `InvalidInput`, which names backend, key and what is legal; the value only where it can't be a secret.
pub fn parse<C: DeserializeOwned>(backend: BackendName, config: &Config) -> Result<C> {
    parse_for(&format!("backend '{backend}'"), config)
}

/// As [`parse`], for something else than a backend, such as `interceptor 'lz4'`, as which errors name it.
///
/// # Errors
/// As [`parse`].
pub fn parse_for<C: DeserializeOwned>(whose: &str, config: &Config) -> Result<C> {
    text::parse(config).map_err(|error| {
        let text = format!("the configuration of {whose}: {error}");
        Error::new(ErrorKind::InvalidInput, text).with_operation("configure")
    })
}

/// The table of a struct that a program filled. What is `None` is left out; tables in it get dotted keys.
///
/// # Errors
/// `InvalidInput` for what a table of texts can't hold, such as a list of tables.
pub fn to_config<C: Serialize>(config: &C) -> Result<Config> {
    let value = serde_json::to_value(config).map_err(|error| {
        Error::new(
            ErrorKind::InvalidInput,
            "this struct can't be a configuration: it must be a table of plain values",
        )
        .with_operation("configure")
        .with_source(error)
    })?;
    flat::flatten(value)
}
