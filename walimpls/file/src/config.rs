use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use walx_core::{Config, Error, ErrorKind, Result};
use walx_helper::config::{ByteSize, HumanDuration};

use crate::frame;
use crate::setting::{FileDamage, FileDurability};

/// The longest time between two syncs.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a writer waits for room unless it is told.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// How a store is configured: `file:./data?durability=each&segment=16MiB`.
///
/// ```
/// use walx_file::{FileConfig, FileDurability};
///
/// let config = FileConfig::new("./data").with_durability(FileDurability::Os);
/// assert_eq!(walx_core::Config::from(&config).get("durability"), Some("os"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FileConfig {
    /// The directory; the first writer creates it.
    #[serde(alias = "location")]
    pub path: PathBuf,
    /// When an append is acknowledged: `each` (the default), `interval:<time>` of at most a day, or `os`.
    pub durability: FileDurability,
    /// The size at which a segment ends: 16 MiB by default, at least 8 KiB.
    pub segment: ByteSize,
    /// The largest record, header and properties included: 64 MiB by default, at most 1 GiB.
    pub max_record: ByteSize,
    /// What becomes of a damaged log: `strict` (the default) or `salvage`.
    pub damage: FileDamage,
    /// How long appends wait for room on a full disk before the store fails: 1 h by default, `0s` not at all.
    pub full_disk_wait: HumanDuration,
}

impl Default for FileConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            durability: FileDurability::default(),
            segment: ByteSize(16 << 20),
            max_record: ByteSize(64 << 20),
            damage: FileDamage::default(),
            full_disk_wait: HumanDuration(PATIENCE),
        }
    }
}

impl FileConfig {
    /// The defaults, in a directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }

    /// Sets when an append is acknowledged.
    #[must_use]
    pub fn with_durability(mut self, durability: FileDurability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets the size at which a segment ends.
    #[must_use]
    pub fn with_segment(mut self, segment: ByteSize) -> Self {
        self.segment = segment;
        self
    }

    /// Sets the largest record.
    #[must_use]
    pub fn with_max_record(mut self, max_record: ByteSize) -> Self {
        self.max_record = max_record;
        self
    }

    /// Sets what becomes of a damaged log.
    #[must_use]
    pub fn with_damage(mut self, damage: FileDamage) -> Self {
        self.damage = damage;
        self
    }

    /// Sets how long appends wait for room on a full disk.
    #[must_use]
    pub fn with_full_disk_wait(mut self, wait: Duration) -> Self {
        self.full_disk_wait = HumanDuration(wait);
        self
    }

    /// Refuses what can't work.
    pub(crate) fn check(self) -> Result<Self> {
        let wrong = |text: String| Err(Error::new(ErrorKind::InvalidInput, text));
        if self.path.as_os_str().is_empty() {
            return wrong(
                "the file backend needs a directory: write file:DIRECTORY, or set path".into(),
            );
        }
        if self.segment.0 < 8 << 10 || self.segment.0 > 4 << 30 {
            return wrong(format!(
                "segment={} is not possible: use 8KiB to 4GiB",
                self.segment
            ));
        }
        if self.max_record.0 == 0 || self.max_record.0 > frame::MAX_BODY as u64 {
            return wrong(format!(
                "max_record={} is not possible: use 1B to 1GiB",
                self.max_record
            ));
        }
        if let FileDurability::Interval(every) = self.durability
            && (every.is_zero() || every > LONGEST)
        {
            return wrong(format!(
                "durability={} is not possible: use more than 0s and at most 24h, or each, or os",
                self.durability
            ));
        }
        Ok(self)
    }
}

impl From<&FileConfig> for Config {
    fn from(config: &FileConfig) -> Self {
        Self::new()
            .with("path", config.path.to_string_lossy())
            .with("durability", config.durability.to_string())
            .with("segment", config.segment.to_string())
            .with("max_record", config.max_record.to_string())
            .with("damage", config.damage.to_string())
            .with("full_disk_wait", config.full_disk_wait.to_string())
    }
}
