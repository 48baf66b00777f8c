use std::path::Path;

use walx_core::{BackendName, Config, ErrorKind};
use walx_helper::{config, uri};

use crate::FileConfig;
use crate::network;

/// The configuration of a store, as a URI.
pub fn config(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(store) = uri::parse(&format!("file:{text}")) else {
        return false;
    };
    let file = BackendName::constant("file");
    let parsed = config::parse::<FileConfig>(file, &store.config).and_then(FileConfig::check);
    let config = match parsed {
        Ok(config) => config,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            return false;
        }
    };
    let printed = Config::from(&config);
    let back = config::parse::<FileConfig>(file, &printed).and_then(FileConfig::check);
    match back {
        Ok(back) => assert_eq!(back, config),
        Err(error) => panic!("what was printed is not taken back: {printed:?}: {error}"),
    }
    true
}

/// The list of mounts: what it says of a directory stands in it, mounts of others count nothing, and the nearest one
/// counts, wherever else the list is odd.
pub fn mounts(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let with = |line: &str| {
        let list = format!("{text}\n{line}");
        network::mount_kind(&list, Path::new("/mnt/far away/store"))
    };
    let kind = with("");
    assert!(kind.iter().all(|kind| text.contains(&format!(" - {kind}"))));
    let other = with("1 1 0:1 / /mnt/far\\040away/sto rw - other x rw");
    assert_eq!(other, kind, "the mount of another directory counts");
    let nearest = with("1 1 0:1 / /mnt/far\\040away/store rw - nearest x rw");
    assert_eq!(nearest.as_deref(), Some("nearest"));
    kind.is_some()
}
