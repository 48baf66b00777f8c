//! What a topic must be like. The crate's docs show the table.

use std::collections::BTreeMap;

use super::Layout;
use crate::config::{KafkaAccept, KafkaConfig};
use crate::words;

/// What becomes of a topic that a rule finds fault with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    /// It is not opened for writing.
    Refused,
    /// It is, and the log says so.
    Warned,
}

/// What a rule looks at.
pub(crate) struct Topic<'a> {
    pub(crate) config: &'a KafkaConfig,
    pub(crate) layout: &'a Layout,
    pub(crate) settings: &'a BTreeMap<String, String>,
    /// Copies that the store makes and wants in sync.
    pub(crate) copies: (u16, u16),
}

/// A rule about one setting.
pub(crate) struct Rule {
    pub(crate) setting: &'static str,
    /// What it finds fault with, for people.
    #[cfg_attr(not(test), expect(dead_code, reason = "the docs show it"))]
    pub(crate) when: &'static str,
    pub(crate) grade: Grade,
    /// What accepts it.
    pub(crate) accept: Option<KafkaAccept>,
    pub(crate) why: &'static str,
    /// The value found, where there is a fault.
    pub(crate) found: fn(&Topic<'_>) -> Option<String>,
    /// What mends it.
    pub(crate) mend: Mend,
}

/// How a fault is mended.
pub(crate) enum Mend {
    /// The setting of the topic gets this value.
    Set(fn(&Topic<'_>) -> String),
    /// In words.
    Words(&'static str),
}

impl Topic<'_> {
    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// The value of a setting that has another one than this.
    fn other_than(&self, name: &str, good: &str) -> Option<String> {
        let value = self.setting(name)?;
        (value != good).then(|| value.to_owned())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.setting(name)?.parse().ok()
    }
}

/// All rules, in the order of their weight.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        setting: "cleanup.policy",
        when: "has `compact`",
        grade: Grade::Refused,
        accept: None,
        why: "compaction drops records, those without a key or of an aborted transaction first",
        found: |topic| {
            let policy = topic.setting("cleanup.policy")?;
            policy.contains("compact").then(|| policy.to_owned())
        },
        mend: Mend::Set(|_| "delete".to_owned()),
    },
    Rule {
        setting: "message.timestamp.type",
        when: "`LogAppendTime`",
        grade: Grade::Refused,
        accept: None,
        why: "the time of a record is that of its tick, by which scans start",
        found: |topic| topic.other_than("message.timestamp.type", "CreateTime"),
        mend: Mend::Set(|_| "CreateTime".to_owned()),
    },
    Rule {
        setting: "retention.ms",
        when: "not `-1`",
        grade: Grade::Refused,
        accept: Some(KafkaAccept::Retention),
        why: "the broker drops records by age that nobody has truncated",
        found: |topic| topic.other_than("retention.ms", "-1"),
        mend: Mend::Set(|_| "-1".to_owned()),
    },
    Rule {
        setting: "retention.bytes",
        when: "not `-1`",
        grade: Grade::Refused,
        accept: Some(KafkaAccept::Retention),
        why: "the broker drops records by size that nobody has truncated",
        found: |topic| topic.other_than("retention.bytes", "-1"),
        mend: Mend::Set(|_| "-1".to_owned()),
    },
    Rule {
        setting: "partitions",
        when: "more than 1",
        grade: Grade::Refused,
        accept: Some(KafkaAccept::Partitions),
        why: "walx uses partition 0 only, and never sees what others hold",
        found: |topic| (topic.layout.partitions > 1).then(|| topic.layout.partitions.to_string()),
        mend: Mend::Words("a topic can't lose partitions: use another channel or prefix"),
    },
    Rule {
        setting: "max.message.bytes",
        when: "less than `max_message`",
        grade: Grade::Refused,
        accept: None,
        why: "the largest records that the store takes don't fit",
        found: |topic| {
            let most = topic.number("max.message.bytes")?;
            let wanted = i64::try_from(topic.config.max_message.0).unwrap_or(i64::MAX);
            (most < wanted).then(|| most.to_string())
        },
        mend: Mend::Set(|topic| topic.config.max_message.0.to_string()),
    },
    Rule {
        setting: "flush.messages",
        when: "not `1` though `topic.flush.messages=1`",
        grade: Grade::Refused,
        accept: None,
        why: "the store promises that acknowledged records are synced, and they are not",
        found: |topic| {
            let wanted = topic.config.topic.get("flush.messages")?;
            (wanted == "1").then_some(())?;
            topic.other_than("flush.messages", "1")
        },
        mend: Mend::Set(|_| "1".to_owned()),
    },
    Rule {
        setting: "replication",
        when: "1",
        grade: Grade::Warned,
        accept: Some(KafkaAccept::Replication),
        why: "the log is gone with its only broker",
        found: |topic| (topic.layout.copies == 1).then(|| "1".to_owned()),
        mend: Mend::Words("give it more copies by kafka-reassign-partitions.sh"),
    },
    Rule {
        setting: "min.insync.replicas",
        when: "less than `min_insync`, or 1 with several copies",
        grade: Grade::Warned,
        accept: Some(KafkaAccept::MinInsync),
        why: "an acknowledged record may be on so few brokers, and lost with them",
        found: |topic| {
            let least = topic.number("min.insync.replicas")?;
            let several = topic.layout.copies > 1;
            let weak = least < i64::from(topic.copies.1) || (least == 1 && several);
            (several && weak).then(|| least.to_string())
        },
        mend: Mend::Set(|topic| topic.copies.1.max(2).to_string()),
    },
    Rule {
        setting: "min.insync.replicas",
        when: "more than there are copies",
        grade: Grade::Warned,
        accept: None,
        why: "no append will ever be acknowledged",
        found: |topic| {
            let least = topic.number("min.insync.replicas")?;
            let copies = i64::try_from(topic.layout.copies).unwrap_or(i64::MAX);
            (least > copies)
                .then(|| format!("{least} with {}", words::copies(topic.layout.copies as u64)))
        },
        mend: Mend::Set(|topic| topic.layout.copies.to_string()),
    },
    Rule {
        setting: "unclean.leader.election.enable",
        when: "`true`",
        grade: Grade::Warned,
        accept: Some(KafkaAccept::UncleanElection),
        why: "a copy that lacks acknowledged records may become the leader, and they are gone",
        found: |topic| topic.other_than("unclean.leader.election.enable", "false"),
        mend: Mend::Set(|_| "false".to_owned()),
    },
];
