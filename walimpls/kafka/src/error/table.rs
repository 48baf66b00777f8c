use rdkafka::error::RDKafkaErrorCode as Code;
use walx_core::ErrorKind;

/// What some codes mean, and what to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) kind: ErrorKind,
    pub(crate) codes: &'static [Code],
    pub(crate) way_out: &'static str,
}

const fn row(kind: ErrorKind, codes: &'static [Code], way_out: &'static str) -> Row {
    Row {
        kind,
        codes,
        way_out,
    }
}

/// What a client is made with is wrong.
pub(crate) const CONFIGURATION: Row = row(
    ErrorKind::InvalidInput,
    &[],
    "correct the store's configuration",
);

/// A code that stands in no row.
pub(crate) const UNKNOWN: Row = row(
    ErrorKind::Internal,
    &[],
    "this is not expected: report it, with the brokers' version",
);

/// The row of a code.
pub(crate) fn find(code: Code) -> Row {
    let found = TABLE.iter().find(|row| row.codes.contains(&code));
    found.copied().unwrap_or(UNKNOWN)
}

/// All rows. The crate's docs show them.
pub(crate) const TABLE: &[Row] = &[
    row(
        ErrorKind::Fenced,
        &[
            Code::Fenced,
            Code::ProducerFenced,
            Code::InvalidProducerEpoch,
            Code::InvalidProducerIdMapping,
        ],
        "another writer was opened, or the broker gave up the transaction: open again to find out",
    ),
    row(
        ErrorKind::Closed,
        &[Code::BrokerDestroy],
        "the store or the handle was closed: open it anew",
    ),
    row(
        ErrorKind::NotFound,
        &[
            Code::UnknownTopicOrPartition,
            Code::UnknownTopic,
            Code::UnknownPartition,
            Code::UnknownTopicId,
            Code::ResourceNotFound,
        ],
        "there is no such topic: check the prefix and the channel's name, or open a writer, which makes it",
    ),
    row(
        ErrorKind::Conflict,
        &[Code::TopicAlreadyExists, Code::ReassignmentInProgress],
        "somebody else works on the topic: try again",
    ),
    row(
        ErrorKind::InvalidInput,
        &[
            Code::InvalidTopic,
            Code::InvalidArgument,
            Code::InvalidConfig,
            Code::InvalidReplicationFactor,
            Code::InvalidReplicaAssignment,
            Code::InvalidPartitions,
            Code::InvalidRequest,
            Code::InvalidTimestamp,
            Code::InvalidTransactionTimeout,
            Code::InvalidRequiredAcks,
            Code::PolicyViolation,
            Code::UnknownBroker,
        ],
        "the brokers don't take the value: change it, or their settings",
    ),
    row(
        ErrorKind::TooLarge,
        &[
            Code::MessageSizeTooLarge,
            Code::MessageBatchTooLarge,
            Code::InvalidMessageSize,
        ],
        "split the record, or raise max_message and the topic's max.message.bytes",
    ),
    row(
        ErrorKind::Overloaded {
            retry_after: std::time::Duration::from_secs(1),
        },
        &[Code::QueueFull, Code::ThrottlingQuotaExceeded],
        "a limit of the client or a quota of the brokers is reached: wait and try again",
    ),
    row(
        ErrorKind::PositionLost { earliest: None },
        &[
            Code::OffsetOutOfRange,
            Code::AutoOffsetReset,
            Code::NoOffset,
            Code::LogTruncation,
        ],
        "the place is no longer in the topic, or not yet: start at what bounds names",
    ),
    row(
        ErrorKind::Corrupt,
        &[
            Code::BadMessage,
            Code::BadCompression,
            Code::InvalidMessage,
            Code::InvalidRecord,
        ],
        "a record is damaged on the broker's disk or on the way: look at the broker's disks",
    ),
    row(
        ErrorKind::OutcomeUnknown,
        &[
            Code::MessageTimedOut,
            Code::TimedOutQueue,
            Code::PurgeInflight,
            Code::NotEnoughReplicasAfterAppend,
        ],
        "it may have been written: open again and read the tail",
    ),
    row(
        ErrorKind::NotWritten,
        &[Code::PurgeQueue],
        "it was not sent: append it again",
    ),
    row(
        ErrorKind::Unsupported,
        &[
            Code::UnsupportedVersion,
            Code::UnsupportedFeature,
            Code::UnsupportedForMessageFormat,
            Code::UnsupportedCompressionType,
            Code::NotImplemented,
            Code::TopicDeletionDisabled,
        ],
        "the brokers or this build of the client can't do it: upgrade, or change the setting",
    ),
    row(
        ErrorKind::Denied,
        &[
            Code::TopicAuthorizationFailed,
            Code::GroupAuthorizationFailed,
            Code::ClusterAuthorizationFailed,
            Code::TransactionalIdAuthorizationFailed,
            Code::Authentication,
            Code::SaslAuthenticationFailed,
            Code::UnsupportedSASLMechanism,
            Code::IllegalSASLState,
            Code::SecurityDisabled,
        ],
        "check sasl, user and password, and the rights of that user on the topic, its transactional id and the cluster",
    ),
    row(
        ErrorKind::Denied,
        &[Code::SSL],
        "the two sides don't trust each other: check ca, cert and key, and that the broker's port speaks TLS",
    ),
    row(
        ErrorKind::Unavailable,
        &[
            Code::BrokerTransportFailure,
            Code::AllBrokersDown,
            Code::Resolve,
            Code::NetworkException,
            Code::BrokerNotAvailable,
            // A broker left the cluster, not the client: the end of the latter is `BrokerDestroy`.
            Code::DestroyBroker,
        ],
        "check that the brokers run, that the addresses are right (those that the brokers advertise, too), and whether they want TLS",
    ),
    row(
        ErrorKind::Unavailable,
        &[
            Code::OperationTimedOut,
            Code::RequestTimedOut,
            Code::LeaderNotAvailable,
            Code::NotLeaderForPartition,
            Code::ReplicaNotAvailable,
            Code::PreferredLeaderNotAvailable,
            Code::EligibleLeadersNotAvailable,
            Code::FencedLeaderEpoch,
            Code::UnknownLeaderEpoch,
            Code::OffsetNotAvailable,
            Code::ISRInsufficient,
            Code::NotEnoughReplicas,
            Code::NotController,
            Code::StaleControllerEpoch,
            Code::StaleBrokerEpoch,
            Code::CoordinatorLoadInProgress,
            Code::CoordinatorNotAvailable,
            Code::NotCoordinator,
            Code::WaitingForCoordinator,
            Code::TransactionCoordinatorFenced,
            Code::ConcurrentTransactions,
            Code::KafkaStorageError,
            Code::FetchSessionIdNotFound,
            Code::InvalidFetchSessionEpoch,
            Code::InProgress,
            Code::PreviousInProgress,
            Code::Retry,
            Code::WaitCache,
            Code::Outdated,
            Code::RebootstrapRequired,
            Code::OperationNotAttempted,
        ],
        "the brokers don't answer in time, or have no leader or too few copies: look at them, then try again",
    ),
];
