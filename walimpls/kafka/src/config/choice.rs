use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use walx_core::{Error, ErrorKind, Result};
use walx_helper::config::{HumanDuration, interval};

/// An enum whose values are words in a configuration.
macro_rules! words {
    ($(#[$of:meta])* $name:ident, $key:literal { $($(#[$meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(try_from = "String", into = "String")]
        #[non_exhaustive]
        pub enum $name { $($(#[$meta])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in a configuration.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let found = Self::ALL.iter().find(|it| it.word() == text);
                found.copied().ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|it| it.word()).collect();
                    unknown($key, text, &words.join(", "))
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> Self {
                it.word().to_owned()
            }
        }
    };
}

words! {
    /// What keeps an older writer from appending.
    #[derive(Default)]
    KafkaFence, "fence" {
        /// The broker refuses it: each channel has a transactional id, and each open takes it over.
        #[default]
        Transaction = "transaction",
        /// Nothing refuses it: an owner acknowledges what it has read back, and readers drop what came late.
        ReadBack = "readback",
    }
}

words! {
    /// How batches are compressed.
    #[derive(Default)]
    KafkaCompression, "compression" {
        /// Not at all.
        #[default]
        None = "none",
        /// By gzip.
        Gzip = "gzip",
        /// By snappy.
        Snappy = "snappy",
        /// By lz4.
        Lz4 = "lz4",
        /// By zstd. Needs the feature `zstd`.
        Zstd = "zstd",
    }
}

words! {
    /// What a truncation does.
    #[derive(Default)]
    KafkaTruncate, "truncate" {
        /// The broker deletes records at once, exactly up to the id.
        #[default]
        Exact = "exact",
        /// Nothing is deleted: for brokers that let nobody delete records. What the topic's retention drops is gone,
        /// the rest stays.
        Permission = "permission",
    }
}

words! {
    /// How the client says who it is.
    KafkaSasl, "sasl" {
        /// User and password as they are: over TLS only.
        Plain = "plain",
        /// By SCRAM with SHA-256.
        ScramSha256 = "scram-sha-256",
        /// By SCRAM with SHA-512.
        ScramSha512 = "scram-sha-512",
    }
}

words! {
    /// What an existing topic may be like, although it endangers the log.
    KafkaAccept, "accept" {
        /// The broker may drop records by age or size that nobody has truncated.
        Retention = "retention",
        /// It has more partitions than the one that walx uses.
        Partitions = "partitions",
        /// It has one copy.
        Replication = "replication",
        /// One copy is enough for an acknowledgement, although there are several.
        MinInsync = "min_insync",
        /// A copy that lacks acknowledged records may become the leader.
        UncleanElection = "unclean_election",
    }
}

/// When a transaction is committed. Readers of walx see an append when it is acknowledged; other programs that read
/// committed records only (the default of most clients) see it when its transaction is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum KafkaCommit {
    /// After about `roll`. Costs nothing.
    #[default]
    Long,
    /// After so long. Appends wait for 5 to 45 ms each time.
    Interval(Duration),
    /// With each append or group of them, which is acknowledged behind it: 35 to 105 ms.
    Each,
}

impl fmt::Display for KafkaCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => f.write_str("long"),
            Self::Interval(every) => write!(f, "interval:{}", HumanDuration(*every)),
            Self::Each => f.write_str("each"),
        }
    }
}

impl FromStr for KafkaCommit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text, interval(text)) {
            ("long", _) => Ok(Self::Long),
            ("each", _) => Ok(Self::Each),
            (_, Some(every)) => Ok(Self::Interval(every)),
            _ => Err(unknown(
                "commit",
                text,
                "long, interval:<time> as in interval:1s, each",
            )),
        }
    }
}

impl TryFrom<String> for KafkaCommit {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<KafkaCommit> for String {
    fn from(commit: KafkaCommit) -> Self {
        commit.to_string()
    }
}

fn unknown(key: &str, text: &str, known: &str) -> Error {
    let text = format!("{key}={text:?} is not known: use one of {known}");
    Error::new(ErrorKind::InvalidInput, text)
}
