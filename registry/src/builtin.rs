//! The interceptors of walx by their names, with the keys of each. A new one is a line in [`all`].

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use walx_adaptor::interceptor::{Chaos, Checksum, Compression, Encryption, KeyRing, Trace};
use walx_core::{Config, Error, ErrorKind, Result};
use walx_helper::config::{self, ByteSize};

use crate::chain::Hook;

type Make = fn(Config) -> Result<Hook>;

/// Names, and what makes each.
pub(crate) fn all() -> Vec<(&'static str, Make)> {
    vec![
        ("trace", trace),
        ("checksum", checksum),
        ("lz4", lz4),
        #[cfg(feature = "zstd")]
        ("zstd", zstd),
        ("encryption", encryption),
        ("chaos", chaos),
    ]
}

fn keys<C: DeserializeOwned>(name: &str, config: &Config) -> Result<C> {
    config::parse_for(&format!("interceptor '{name}'"), config)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

fn trace(config: Config) -> Result<Hook> {
    let NoKeys {} = keys("trace", &config)?;
    Ok(Arc::new(Trace::new()))
}

fn checksum(config: Config) -> Result<Hook> {
    let NoKeys {} = keys("checksum", &config)?;
    Ok(Arc::new(Checksum::new()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lz4Keys {
    min: Option<ByteSize>,
    max: Option<ByteSize>,
}

fn lz4(config: Config) -> Result<Hook> {
    let Lz4Keys { min, max } = keys("lz4", &config)?;
    Ok(Arc::new(sized(Compression::lz4(), min, max)))
}

#[cfg(feature = "zstd")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZstdKeys {
    level: Option<i32>,
    min: Option<ByteSize>,
    max: Option<ByteSize>,
}

#[cfg(feature = "zstd")]
fn zstd(config: Config) -> Result<Hook> {
    let ZstdKeys { level, min, max } = keys("zstd", &config)?;
    let compression = Compression::zstd(level.unwrap_or(3)).map_err(configuring)?;
    Ok(Arc::new(sized(compression, min, max)))
}

fn sized(mut it: Compression, min: Option<ByteSize>, max: Option<ByteSize>) -> Compression {
    if let Some(min) = min {
        it = it.with_min_bytes(min.as_usize());
    }
    if let Some(max) = max {
        it = it.with_max_bytes(max.as_usize());
    }
    it
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptionKeys {
    keys: PathBuf,
    current: Option<String>,
    #[serde(default)]
    plain: bool,
}

fn encryption(config: Config) -> Result<Hook> {
    let it: EncryptionKeys = keys("encryption", &config)?;
    let ring = KeyRing::from_file(it.keys)?;
    if let Some(id) = it.current {
        ring.write_with(&id).map_err(configuring)?;
    }
    let hook = Encryption::new(ring);
    Ok(Arc::new(if it.plain { hook.allow_plain() } else { hook }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChaosKeys {
    #[serde(default)]
    append: f64,
    #[serde(default)]
    scan: f64,
    seed: Option<u64>,
}

fn chaos(config: Config) -> Result<Hook> {
    let it: ChaosKeys = keys("chaos", &config)?;
    for (key, value) in [("append", it.append), ("scan", it.scan)] {
        if !(0.0..=1.0).contains(&value) {
            let text = "a probability of the interceptor 'chaos' goes from 0 to 1";
            let error = Error::new(ErrorKind::InvalidInput, text).with_context(key, value);
            return Err(configuring(error));
        }
    }
    let chaos = it.seed.map_or_else(Chaos::new, Chaos::seeded);
    Ok(Arc::new(chaos.with_append(it.append).with_scan(it.scan)))
}

fn configuring(error: Error) -> Error {
    error.with_operation("configure")
}
