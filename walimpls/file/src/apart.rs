//! Stores for tests, below a directory that holds nothing else.

use std::io;
use std::path::{Path, PathBuf};

use walx_core::{Config, Error, ErrorKind, Result};
use walx_impls::Apart;
use walx_utility::random;

use crate::config::FileConfig;
use crate::fault;
use crate::network;

/// What the names of their directories begin with.
const PREFIX: &str = "apart-";
/// Threads of a test that was given up may still create files while its directory goes.
const TRIES: usize = 10;

/// A store in a new directory below the one that is configured; that one must be missing or empty but for others of
/// them. May block.
pub(crate) fn apart(mut config: FileConfig) -> Result<Apart> {
    let home = std::path::absolute(&config.path)
        .map_err(|error| fault::refused("resolving the path", &config.path, error))?;
    let missing = home.ancestors().take_while(|it| !it.exists());
    let missing = missing.map(Path::to_owned).collect();
    if home.exists() {
        is_free(&home)?;
    }
    let store = home.join(format!("{PREFIX}{:016x}", random::number()));
    // From here on, whatever was made is removed again.
    let place = Place {
        store: store.clone(),
        made: missing,
    };
    std::fs::create_dir_all(&store)
        .map_err(|error| fault::refused("creating a directory for a test", &store, error))?;
    network::refuse(&store)?;
    config.path = store;
    Ok(Apart::new(Config::from(&config)).with_keep(place))
}

/// Refuses a directory that holds anything that others put there.
fn is_free(home: &Path) -> Result<()> {
    if !home.is_dir() {
        let text = format!(
            "{} is no directory, and the file backend keeps a store in one; name another path",
            home.display()
        );
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    let refused = |error| fault::refused("listing the directory", home, error);
    for entry in std::fs::read_dir(home).map_err(refused)? {
        let name = entry.map_err(refused)?.file_name();
        if !name.to_string_lossy().starts_with(PREFIX) {
            let text = format!(
                "{} holds {}: tests run in a directory that is empty or missing; name another one",
                home.display(),
                name.display()
            );
            return Err(Error::new(ErrorKind::Conflict, text));
        }
    }
    Ok(())
}

/// Removes a test's directory when it is dropped, and those above it that were made for it.
struct Place {
    store: PathBuf,
    /// The innermost first.
    made: Vec<PathBuf>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let remove = || match std::fs::remove_dir_all(&self.store) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let removed = (1..TRIES).find_map(|_| remove().ok());
        if let Some(error) = removed.map_or_else(|| remove().err(), |()| None) {
            let store = self.store.display();
            tracing::warn!(%store, %error, "the directory of a test could not be removed; remove it by hand");
        }
        for directory in &self.made {
            // Other tests may have theirs in it; who made it first goes last.
            let _ = std::fs::remove_dir(directory);
        }
    }
}
