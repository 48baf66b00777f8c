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

/// The list of mounts: what it says of a directory stands in it.
pub fn mounts(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let kind = network::mount_kind(text, Path::new("/mnt/far away/store"));
    assert!(kind.iter().all(|kind| text.contains(&format!(" - {kind}"))));
    kind.is_some()
}
