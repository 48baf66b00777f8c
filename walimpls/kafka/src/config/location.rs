use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use walx_core::{ChannelName, Error, ErrorKind, Result};

/// Names in Kafka that belong to Kafka itself.
const INTERNAL: &str = "__";

/// Where a store is: `host:port[,host:port]/prefix`. One broker is enough to find the others; with several a store
/// opens also while one of them is down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct KafkaLocation {
    brokers: Vec<String>,
    prefix: String,
}

impl KafkaLocation {
    /// The brokers to begin with, as `host:port`.
    pub fn brokers(&self) -> &[String] {
        &self.brokers
    }

    /// What the topics of the store begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The same brokers with another prefix.
    ///
    /// # Errors
    /// `InvalidInput` where no topic may begin so.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self> {
        check_prefix(prefix)?;
        prefix.clone_into(&mut self.prefix);
        Ok(self)
    }

    /// The topic of a channel.
    ///
    /// # Errors
    /// `InvalidInput` where no topic can have that name.
    pub(crate) fn topic(&self, channel: &ChannelName) -> Result<String> {
        let topic = format!("{}{channel}", self.prefix);
        let most = ChannelName::MAX_BYTES;
        if topic.len() > most {
            return Err(wrong(format!(
                "the topic '{topic}' has {} bytes and Kafka allows {most}: shorten the channel's name or the prefix '{}'",
                topic.len(),
                self.prefix
            )));
        }
        if topic.starts_with(INTERNAL) {
            return Err(wrong(format!(
                "the topic '{topic}' would be one of Kafka's own, which begin with '{INTERNAL}': choose another name or a prefix"
            )));
        }
        Ok(topic)
    }

    /// The channel of a topic; none where the topic isn't one of the store's.
    pub(crate) fn channel(&self, topic: &str) -> Option<ChannelName> {
        if topic.starts_with(INTERNAL) {
            return None;
        }
        ChannelName::new(topic.strip_prefix(&self.prefix)?).ok()
    }
}

impl fmt::Display for KafkaLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.brokers.join(","), self.prefix)
    }
}

impl FromStr for KafkaLocation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.contains('@') {
            // Nobody who wrote a password here shall find it in a log.
            return Err(wrong(
                "a location has no '@': the user goes into user=NAME, the password into password_file=FILE"
                    .to_owned(),
            ));
        }
        let (brokers, prefix) = text.split_once('/').unwrap_or((text, ""));
        check_prefix(prefix)?;
        let brokers: Vec<_> = brokers.split(',').map(str::trim).collect();
        if let Some(bad) = brokers.iter().find(|it| !is_address(it)) {
            return Err(wrong(format!(
                "{bad:?} is no address of a broker: write kafka://HOST:PORT,HOST:PORT/PREFIX"
            )));
        }
        Ok(Self {
            brokers: brokers.into_iter().map(str::to_owned).collect(),
            prefix: prefix.to_owned(),
        })
    }
}

fn is_address(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let six = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.' | '%');
    let host = match host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(host) => !host.is_empty() && host.chars().all(six),
        None => !host.is_empty() && host.chars().all(name),
    };
    host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

fn check_prefix(prefix: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if prefix.len() < ChannelName::MAX_BYTES
        && prefix.chars().all(legal)
        && !prefix.starts_with(INTERNAL)
    {
        return Ok(());
    }
    Err(wrong(format!(
        "no topic can begin with {prefix:?}: use letters, digits, '.', '_' or '-', fewer than {}, and not '{INTERNAL}' at the start",
        ChannelName::MAX_BYTES
    )))
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}

impl TryFrom<String> for KafkaLocation {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<KafkaLocation> for String {
    fn from(location: KafkaLocation) -> Self {
        location.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_and_prefix_are_read_and_shown_alike() {
        for (text, brokers, prefix) in [
            ("b1:9092", &["b1:9092"][..], ""),
            ("b1:9092/", &["b1:9092"], ""),
            (
                "b1:9092, b-2.x:1/orders.",
                &["b1:9092", "b-2.x:1"],
                "orders.",
            ),
            (
                "[::1]:9092,[fe80::1%25],h/p",
                &["[::1]:9092", "[fe80::1%25]", "h"],
                "p",
            ),
        ] {
            let location: KafkaLocation = text.parse().unwrap();
            assert_eq!(location.brokers(), brokers);
            assert_eq!(location.prefix(), prefix);
            assert_eq!(
                location.to_string().parse::<KafkaLocation>().unwrap(),
                location
            );
        }
    }

    #[test]
    fn what_is_no_location_is_refused_without_showing_a_password() {
        for text in [
            "",
            "/p",
            ":9092",
            "b1:0",
            "b1:x",
            "b1:99999",
            "b1,",
            "SSL://b1:9093",
            "b1:9092/a/b",
            "b1:9092/ä",
            "b1:9092/__x",
            "u:hunter2@b1:9092",
            "[]:1",
            "b1:9092?x",
        ] {
            let error = text.parse::<KafkaLocation>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_channel_is_a_topic_below_the_prefix_and_back() {
        let location: KafkaLocation = "b/orders.".parse().unwrap();
        let channel = ChannelName::new("eu").unwrap();
        assert_eq!(location.topic(&channel).unwrap(), "orders.eu");
        assert_eq!(location.channel("orders.eu"), Some(channel));
        for other in ["order", "orders.", "orders..hidden", "payments.eu"] {
            assert_eq!(location.channel(other), None, "{other}");
        }
        let long = ChannelName::new("x".repeat(249)).unwrap();
        assert!(
            location
                .topic(&long)
                .unwrap_err()
                .to_string()
                .contains("249")
        );
        let bare: KafkaLocation = "b".parse().unwrap();
        assert_eq!(bare.topic(&long).unwrap().len(), 249);
        let own = ChannelName::new("__consumer_offsets").unwrap();
        assert!(bare.topic(&own).is_err() && bare.channel("__consumer_offsets").is_none());
    }
}
