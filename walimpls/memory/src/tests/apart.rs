use super::*;

#[tokio::test]
async fn a_store_for_a_test_outlives_its_openers_and_is_no_others() {
    let builder = MemoryBuilder::new();
    let config = Config::new().with("location", "orders");
    let users = builder.build(config.clone()).await.unwrap();
    users.open(&channel(), Claim::TakeOver).await.unwrap();

    let config = config.with("max_record", "1KiB");
    let first = builder.apart(config.clone()).await.unwrap();
    let second = builder.apart(config).await.unwrap();
    let opener = builder.build(first.config.clone()).await.unwrap();
    assert_eq!(opener.capability().max_record_bytes, 1024);
    assert_eq!(opener.list().await.unwrap(), []);
    opener.open(&channel(), Claim::TakeOver).await.unwrap();
    opener.close().await.unwrap();
    drop(opener);

    let opener = builder.build(first.config).await.unwrap();
    assert_eq!(opener.list().await.unwrap(), [channel()]);
    let other = builder.build(second.config).await.unwrap();
    assert_eq!(other.list().await.unwrap(), []);
}

#[tokio::test]
async fn an_unknown_key_is_refused_before_a_test_begins() {
    let config = Config::new().with("max_recrod", "1KiB");
    let error = MemoryBuilder::new().apart(config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}
