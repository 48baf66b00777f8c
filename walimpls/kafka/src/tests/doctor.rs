use walx_core::{Check, Health};
use walx_helper::config;
use walx_impls::OpenerBuilderImpls;

use super::{at, here};
use crate::KafkaBuilder;
use crate::config::KafkaConfig;

async fn doctor(config: &KafkaConfig) -> Vec<Check> {
    KafkaBuilder
        .doctor(config::to_config(config).unwrap())
        .await
}

fn check<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    let found = checks.iter().find(|it| it.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in {checks:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_broker_passes_and_its_one_copy_is_told() {
    let Some(config) = here() else { return };
    let checks = doctor(&config).await;
    for name in [
        "brokers",
        "connection",
        "fence",
        "transactions",
        "rights",
        "channels",
    ] {
        assert_eq!(check(&checks, name).health, Health::Good, "{checks:#?}");
    }
    let copies = check(&checks, "copies");
    assert_eq!(copies.health, Health::Warning);
    assert!(copies.text.contains("gets 1 copy"), "{copies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_say_what_to_do() {
    let Some(mut config) = here() else { return };
    config.transaction_timeout = std::time::Duration::from_secs(3600).into();
    config.replication = Some(3);
    let checks = doctor(&config).await;
    let times = checks
        .iter()
        .find(|it| it.text.contains("transaction.max.timeout.ms=900000"));
    assert_eq!(times.unwrap().health, Health::Problem);
    assert_eq!(check(&checks, "copies").health, Health::Problem);
    let rights = check(&checks, "rights");
    assert!(
        rights
            .text
            .contains("3 copies, and the store found 1 broker"),
        "{rights:?}"
    );

    let mut away = at("127.0.0.1:1");
    away.timeout = std::time::Duration::from_millis(200).into();
    let checks = doctor(&away).await;
    assert_eq!(checks.len(), 1, "{checks:#?}");
    assert!(check(&checks, "brokers").text.contains("127.0.0.1:1"));

    let mut wrong = at("127.0.0.1:1");
    wrong.max_clients = 0;
    assert!(
        check(&doctor(&wrong).await, "configuration")
            .text
            .contains("max_clients=0")
    );
}
