//! Stores for tests leave what is there alone, and nothing behind.

use std::path::Path;

use walx_core::{ChannelName, Config, ErrorKind};
use walx_impls::{Apart, Claim, OpenerBuilderImpls};

use crate::FileBuilder;

async fn apart(home: &Path) -> walx_core::Result<Apart> {
    let config = Config::new().with("location", home.to_string_lossy());
    FileBuilder.apart(config.with("durability", "os")).await
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.collect()
}

async fn write(config: Config) {
    let opener = FileBuilder.build(config).await.unwrap();
    let channel = ChannelName::new("orders").unwrap();
    opener.open(&channel, Claim::TakeOver).await.unwrap();
    opener.close().await.unwrap();
}

#[tokio::test]
async fn each_has_a_directory_of_its_own_that_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("above/data");
    let first = apart(&home).await.unwrap();
    let second = apart(&home).await.unwrap();
    assert_ne!(first.config.get("path"), second.config.get("path"));
    assert_eq!(first.config.get("durability"), Some("os"));
    write(first.config.clone()).await;
    write(second.config.clone()).await;
    drop(second.keep);
    assert_eq!(names(&home).len(), 1);
    let files = names(Path::new(first.config.get("path").unwrap()));
    assert!(files.contains(&"LOCK".to_owned()), "{files:?}");
    drop(first.keep);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_directory_that_was_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    drop(apart(folder.path()).await.unwrap());
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_directory_with_anything_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Config::new().with("path", folder.path().to_string_lossy());
    write(store).await;
    let before = names(folder.path());
    let error = apart(folder.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("name another one"), "{error}");
    assert_eq!(names(folder.path()), before);
    let error = apart(&folder.path().join("LOCK")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}
