use std::time::Duration;

use walx_core::{Config, ErrorKind, Fence};
use walx_helper::config;
use walx_impls::OpenerBuilderImpls;
use walx_utility::clock;

use super::{at, here, server};
use crate::KafkaBuilder;
use crate::config::KafkaConfig;

fn table(config: &KafkaConfig) -> Config {
    config::to_config(config).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_where_nobody_listens_is_named_in_bounded_time() {
    let mut config = at("127.0.0.1:1");
    config.timeout = Duration::from_millis(600).into();
    let began = clock::now();
    let error = KafkaBuilder
        .build(table(&config))
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = error.to_string();
    for part in [
        "build",
        "can't connect",
        "127.0.0.1:1",
        "refused",
        "check that the brokers run",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broker_of_those_named_is_enough() {
    let Some(broker) = server("WALX_KAFKA") else {
        return;
    };
    let config = at(&format!("127.0.0.1:1,{broker}"));
    let opener = KafkaBuilder.build(table(&config)).await.unwrap();
    let capability = opener.capability();
    assert_eq!(capability.fence, Fence::Native);
    assert!(capability.needs_server && capability.max_record_bytes > 1_000_000);
    assert_eq!(opener.server().as_deref(), Some("Kafka 4"));
    let identity = opener.identity().unwrap();
    assert!(identity.ends_with(config.location.prefix()), "{identity}");
    opener.close().await.unwrap();
    opener.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_option_of_the_client_is_named() {
    let Some(mut config) = here() else { return };
    config.kafka.insert("clent.id".into(), "x".into());
    let error = KafkaBuilder
        .build(table(&config))
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("no option 'clent.id'"),
        "{error}"
    );
}
