use std::sync::Arc;
use std::time::Duration;

use walx_core::{Check, Health};

use super::problem;
use crate::cluster::{self, Verified};
use crate::config::KafkaFence;
use crate::error;
use crate::store::Store;
use crate::words;

/// Brokers that are members of the cluster and don't answer here.
pub(super) fn silent(store: &Arc<Store>) -> Vec<Check> {
    let silent = store.cluster.brokers.iter().filter_map(|broker| {
        let code = *broker.settings.as_ref().err()?;
        let text = match error::kind(code) {
            walx_core::ErrorKind::Denied => format!(
                "broker {} doesn't tell its settings ({code}): allow DescribeConfigs on the cluster to have them checked",
                broker.id
            ),
            _ => format!(
                "broker {} doesn't answer at {}, which it advertises ({code}): check that it runs and can be reached from here under this name",
                broker.id, broker.address
            ),
        };
        Some(Check::new("broker", Health::Warning, text))
    });
    silent.collect()
}

pub(super) fn fence(store: &Arc<Store>) -> Check {
    if store.config().fence == KafkaFence::ReadBack {
        let text =
            "owners read back what they append before they acknowledge it; brokers refuse nobody";
        return Check::new("fence", Health::Good, text);
    }
    match cluster::verified(&store.cluster) {
        Ok(Verified::Yes) => {
            let text = "the brokers refuse a writer as soon as another one has opened its channel";
            Check::new("fence", Health::Good, text)
        }
        Ok(Verified::Unknown(text)) => Check::new("fence", Health::Warning, text),
        Err(error) => problem("fence", error),
    }
}

/// Where brokers keep who has a channel, and how long they let a transaction be open.
pub(super) fn transactions(store: &Arc<Store>) -> Vec<Check> {
    if store.config().fence == KafkaFence::ReadBack {
        return Vec::new();
    }
    let number = |name: &str| store.cluster.setting(name)?.parse::<u64>().ok();
    let mut checks = Vec::new();
    let copies = number("transaction.state.log.replication.factor");
    let least = number("transaction.state.log.min.isr");
    let (Some(copies), Some(least)) = (copies, least) else {
        return checks;
    };
    let up = store.cluster.brokers.len();
    let found = format!(
        "transaction.state.log has {}, {least} in sync",
        words::copies(copies)
    );
    checks.push(if copies == 1 && up > 1 {
        let text = format!(
            "{found}: where its only broker is gone, no channel can be opened, and who has one is forgotten; set transaction.state.log.replication.factor=3 before the first transaction"
        );
        Check::new("transactions", Health::Warning, text)
    } else if least > up as u64 {
        let text = format!("{found}, and there are {}: no channel can be opened before more of them are", words::brokers(up));
        problem("transactions", text)
    } else if copies > 2 && least < 2 {
        let text = format!("{found}: set transaction.state.log.min.isr=2, or who has a channel may be forgotten with one broker");
        Check::new("transactions", Health::Warning, text)
    } else {
        Check::new("transactions", Health::Good, found)
    });
    let wanted = store.config().transaction_timeout;
    if let Some(most) = number("transaction.max.timeout.ms")
        && wanted.0 > Duration::from_millis(most)
    {
        let text = format!(
            "transaction_timeout={wanted} is more than the brokers allow (transaction.max.timeout.ms={most}): no channel can be opened; set transaction_timeout={most}ms, or raise theirs"
        );
        checks.push(problem("transactions", text));
    }
    checks
}

/// What a new topic gets.
pub(super) fn copies(store: &Arc<Store>) -> Check {
    let (copies, least) = store.copies();
    let up = store.cluster.brokers.len();
    let found = format!(
        "a new topic gets {}, and a record is acknowledged once {} have it",
        words::copies(copies),
        words::copies(least)
    );
    if usize::from(copies) > up {
        let text = format!(
            "{found}, and there are {}: it can't be made; start them, or set replication",
            words::brokers(up)
        );
        return problem("copies", text);
    }
    match copies.min(least) {
        1 if up == 1 => {
            let text = format!(
                "{found}: records survive the end of the broker's process, not of its machine (brokers acknowledge from memory)"
            );
            Check::new("copies", Health::Warning, text)
        }
        1 => {
            let text = format!(
                "{found}: an acknowledged record may be lost with one broker; set replication=3 and min_insync=2"
            );
            Check::new("copies", Health::Warning, text)
        }
        _ => Check::new("copies", Health::Good, found),
    }
}

pub(super) fn auto_create(store: &Arc<Store>) -> Option<Check> {
    let on = store.cluster.setting("auto.create.topics.enable")? == "true";
    let text = "brokers make topics that other programs ask for, with settings that lose records; set auto.create.topics.enable=false";
    on.then(|| Check::new("topics", Health::Warning, text))
}
