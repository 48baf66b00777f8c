//! TLS, certificates, passwords: on the listeners of the broker that have them.

use std::path::PathBuf;
use std::time::Duration;

use walx_core::{ErrorKind, Result};
use walx_helper::config::{self, Secret};
use walx_impls::OpenerBuilderImpls;

use super::{at, server};
use crate::KafkaBuilder;
use crate::config::{KafkaConfig, KafkaSasl};

fn secret(name: &str) -> PathBuf {
    PathBuf::from(server("WALX_KAFKA_SECRETS").unwrap()).join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(secret(name)).unwrap()
}

/// A store at this listener, with TLS; `None` where the run does without it.
fn tls(listener: &str) -> Option<KafkaConfig> {
    let mut config = at(&server(listener)?);
    config.timeout = Duration::from_secs(5).into();
    config.tls = true;
    config.ca = Some(secret("ca.pem"));
    Some(config)
}

fn sasl(sasl: KafkaSasl) -> Option<KafkaConfig> {
    let mut config = tls("WALX_KAFKA_SASL")?;
    config.sasl = Some(sasl);
    config.user = Some(text("user"));
    config.password_file = Some(secret("password"));
    Some(config)
}

async fn build(config: &KafkaConfig) -> Result<Option<String>> {
    let opener = KafkaBuilder
        .build(config::to_config(config).unwrap())
        .await?;
    let server = opener.server();
    opener.close().await?;
    Ok(server)
}

/// Why it can't be opened; no secret stands in it.
async fn refused(config: &KafkaConfig) -> (ErrorKind, String) {
    let error = build(config).await.unwrap_err();
    let text = format!("{error:?}");
    assert!(
        !text.contains(&self::text("password")) && !text.contains("hunter2"),
        "{text}"
    );
    (error.kind(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_reached_by_tls_by_certificate_and_by_each_kind_of_password() {
    let Some(mut certified) = tls("WALX_KAFKA_MTLS") else {
        return;
    };
    certified.cert = Some(secret("client.pem"));
    certified.key = Some(secret("client.key"));
    for config in [
        tls("WALX_KAFKA_TLS"),
        Some(certified),
        sasl(KafkaSasl::Plain),
        sasl(KafkaSasl::ScramSha256),
        sasl(KafkaSasl::ScramSha512),
    ] {
        let config = config.unwrap();
        assert_eq!(
            build(&config).await.unwrap().as_deref(),
            Some("Kafka 4"),
            "{config:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_somebody_else_vouches_for_is_denied() {
    let Some(mut config) = tls("WALX_KAFKA_TLS") else {
        return;
    };
    config.ca = Some(secret("wrong-ca.pem"));
    let (kind, text) = refused(&config).await;
    assert_eq!(kind, ErrorKind::Denied, "{text}");
    assert!(
        text.contains("certificate") && text.contains("check ca, cert and key"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_certificate_is_denied() {
    let Some(config) = tls("WALX_KAFKA_MTLS") else {
        return;
    };
    let (kind, text) = refused(&config).await;
    assert_eq!(kind, ErrorKind::Denied, "{text}");
    assert!(text.contains("check ca, cert and key"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_denied_long_before_the_time_is_over() {
    for mechanism in [KafkaSasl::Plain, KafkaSasl::ScramSha512] {
        let Some(mut config) = sasl(mechanism) else {
            return;
        };
        config.timeout = Duration::from_secs(60).into();
        config.password_file = None;
        config.password = Some(Secret::new("hunter2"));
        let began = walx_utility::clock::now();
        let (kind, text) = refused(&config).await;
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(kind, ErrorKind::Denied, "{text}");
        assert!(text.contains("check sasl, user and password"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_protocol_is_no_riddle() {
    // Plain on a port that speaks TLS, and TLS on a plain one.
    let Some(listener) = server("WALX_KAFKA_TLS") else {
        return;
    };
    let mut plain = at(&listener);
    plain.timeout = Duration::from_secs(2).into();
    let (kind, text) = refused(&plain).await;
    assert_eq!(kind, ErrorKind::Unavailable, "{text}");
    assert!(text.contains("whether they want TLS"), "{text}");
    let (kind, text) = refused(&tls("WALX_KAFKA").unwrap()).await;
    assert_eq!(kind, ErrorKind::Unavailable, "{text}");
    assert!(text.contains("SSL connection closed by peer"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_there_are_named_with_their_key() {
    let Some(mut config) = tls("WALX_KAFKA_TLS") else {
        return;
    };
    config.ca = Some("/no/such/ca.pem".into());
    let (kind, text) = refused(&config).await;
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(text.contains("/no/such/ca.pem that ca names"), "{text}");
    let Some(mut config) = tls("WALX_KAFKA_TLS") else {
        return;
    };
    config.ca = Some(secret("password"));
    let (kind, text) = refused(&config).await;
    assert_eq!(kind, ErrorKind::InvalidInput, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_is_denied_and_told_which() {
    let Some(mut guest) = sasl(KafkaSasl::ScramSha256) else {
        return;
    };
    guest.user = Some(text("guest"));
    guest.password_file = Some(secret("guest-password"));
    let table = config::to_config(&guest).unwrap();
    let opener = KafkaBuilder.build(table.clone()).await.unwrap();
    let channel = walx_core::ChannelName::new("orders").unwrap();
    let error = opener
        .open(&channel, walx_impls::Claim::TakeOver)
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("orders") && text.contains("rights of that user"),
        "{text}"
    );
    let checks = KafkaBuilder.doctor(table).await;
    let rights = checks.iter().find(|it| it.name == "rights").unwrap();
    assert!(
        rights.text.contains("denied") && rights.text.contains("Create"),
        "{rights:?}"
    );
    let fence = checks.iter().find(|it| it.name == "fence").unwrap();
    assert_eq!(fence.health, walx_core::Health::Warning, "{fence:?}");
}
