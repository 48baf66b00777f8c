use walx_core::{Error, ErrorKind, Result};

use super::{Broker, Cluster};

/// The setting by which a broker refuses what a fenced writer still has on its way.
const SETTING: &str = "transaction.partition.verification.enable";

/// Whether the brokers can fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    /// All of them say so.
    Yes,
    /// At least one doesn't tell; the text says which one and why.
    Unknown(String),
}

/// Whether every broker verifies transactions. Without it a batch that a fenced writer sent before may land behind the
/// new writer's records.
///
/// # Errors
/// `Unsupported` where a broker is known not to.
pub(crate) fn verified(cluster: &Cluster) -> Result<Verified> {
    let mut unknown = None;
    for broker in &cluster.brokers {
        let name = || format!("broker {} ({})", broker.id, broker.address);
        match verifies(broker) {
            Some(true) => {}
            Some(false) => {
                let found = broker.setting(SETTING).map_or_else(
                    || format!("is {} and has no", broker.release().unwrap_or_default()),
                    |value| format!("has {value} for"),
                );
                let text = format!(
                    "{} {found} {SETTING}, so it can't refuse what a fenced writer still has on its way: upgrade to Kafka 3.6 or later and set it to true, or configure fence=readback",
                    name()
                );
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
            None => {
                let why = match &broker.settings {
                    Ok(_) => "it has no such setting".to_owned(),
                    Err(code) => code.to_string(),
                };
                let text = format!(
                    "{} doesn't tell whether it verifies transactions ({SETTING}): {why}. Kafka 3.6 and later do; allow DescribeConfigs on the cluster to have it checked, or configure fence=readback",
                    name()
                );
                unknown.get_or_insert(text);
            }
        }
    }
    Ok(unknown.map_or(Verified::Yes, Verified::Unknown))
}

fn verifies(broker: &Broker) -> Option<bool> {
    match broker.setting(SETTING) {
        Some(value) => Some(value == "true"),
        // Brokers before 3.6 tell their protocol and have no such setting.
        None => broker
            .setting("inter.broker.protocol.version")
            .map(|_| false),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    fn cluster(settings: &[&[(&str, &str)]]) -> Cluster {
        let brokers = (1_i32..).zip(settings).map(|(id, settings)| Broker {
            id,
            address: format!("b{id}:9092"),
            settings: Ok(settings
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()),
        });
        Cluster {
            id: None,
            brokers: brokers.collect(),
        }
    }

    #[test]
    fn brokers_that_verify_can_fence_and_others_are_refused_by_name() {
        let (yes, no) = ((SETTING, "true"), (SETTING, "false"));
        let old = ("inter.broker.protocol.version", "3.5-IV2");
        assert_eq!(
            verified(&cluster(&[&[yes], &[yes]])).unwrap(),
            Verified::Yes
        );
        let disabled = verified(&cluster(&[&[yes], &[no]])).unwrap_err();
        assert_eq!(disabled.kind(), ErrorKind::Unsupported);
        for part in [
            "broker 2 (b2:9092)",
            "has false for",
            SETTING,
            "fence=readback",
        ] {
            assert!(disabled.to_string().contains(part), "{disabled}");
        }
        let before = verified(&cluster(&[&[old]])).unwrap_err().to_string();
        assert!(before.contains("is Kafka 3.5 and has no"), "{before}");
    }

    #[test]
    fn a_broker_that_does_not_tell_is_no_reason_to_refuse() {
        let mut silent = cluster(&[&[(SETTING, "true")], &[]]);
        let Verified::Unknown(text) = verified(&silent).unwrap() else {
            panic!("it tells nothing")
        };
        assert!(
            text.contains("broker 2") && text.contains("no such setting"),
            "{text}"
        );
        silent.brokers[1].settings = Err(RDKafkaErrorCode::ClusterAuthorizationFailed);
        let Verified::Unknown(text) = verified(&silent).unwrap() else {
            panic!("it tells nothing")
        };
        assert!(
            text.contains("authorization") && text.contains("DescribeConfigs"),
            "{text}"
        );
    }

    #[test]
    fn copies_follow_the_brokers_and_their_default() {
        let default = |value| vec![("default.replication.factor", value)];
        let of = |count: usize, value| {
            let one = default(value);
            cluster(&vec![&one[..]; count]).copies()
        };
        assert_eq!(
            (of(1, "1"), of(2, "1"), of(3, "1"), of(9, "1")),
            (1, 2, 3, 3)
        );
        // One broker of three is up: the default wins, and the creation fails rather than make one copy.
        assert_eq!((of(1, "3"), of(5, "5")), (3, 5));
    }
}
