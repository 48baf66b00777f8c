use std::os::unix::fs::MetadataExt;

use walx::Config;

/// Whether two URIs are the same store, also where they spell its directory in two ways.
pub(super) fn stores(a: &str, b: &str) -> bool {
    let (Ok(a), Ok(b)) = (walx::uri::parse(a), walx::uri::parse(b)) else {
        // The opening of the store explains what is wrong with it.
        return false;
    };
    if a.backend != b.backend {
        return false;
    }
    let (a, b) = (location(&a.config), location(&b.config));
    match (file(a), file(b)) {
        (Some(a), Some(b)) => a == b,
        // A store without a name is one of its own.
        _ => !a.is_empty() && a == b,
    }
}

/// What tells a store from others of its backend.
fn location(config: &Config) -> &str {
    config
        .get("location")
        .or_else(|| config.get("path"))
        .unwrap_or_default()
}

/// What the operating system knows a directory by.
fn file(path: &str) -> Option<(u64, u64)> {
    let data = std::fs::metadata(path).ok()?;
    Some((data.dev(), data.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_the_same_however_its_directory_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        std::fs::create_dir(&dir).unwrap();
        std::os::unix::fs::symlink(&dir, folder.path().join("link")).unwrap();
        let uri = |name: &str| format!("file:{}/{name}", folder.path().display());
        for other in ["data", "./data/", "link", "data?durability=os"] {
            assert!(stores(&uri("data"), &uri(other)), "{other}");
        }
        let by_key = format!("file:?path={}", dir.display());
        assert!(stores(&uri("data"), &by_key));
        assert!(!stores(&uri("data"), &uri("other")));
        assert!(stores(&uri("other"), &uri("other")));
        assert!(stores("memory:a", "memory:a?max_record=1KiB"));
        assert!(!stores("memory:a", "memory:b"));
        assert!(!stores("memory:", "memory:"));
        assert!(!stores("memory:a", "file:a"));
    }
}
