use std::collections::HashSet;

use rdkafka::types::RDKafkaConfRes;

use super::*;

#[test]
fn no_code_stands_in_two_rows() {
    let mut seen = HashSet::new();
    for code in table::TABLE.iter().flat_map(|row| row.codes) {
        assert!(seen.insert(format!("{code:?}")), "{code:?} is there twice");
    }
}

#[test]
fn a_time_out_is_explained_by_what_the_client_reported() {
    let health = Health::new("b1:9092");
    let timed_out = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
    let error = of("connect", &timed_out, &health);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("b1:9092"), "{error}");
    let reported = KafkaError::Global(RDKafkaErrorCode::Authentication);
    health.report(&reported, "b1:9092/bootstrap: invalid credentials");
    let down = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
    health.report(&down, "1/1 brokers are down");
    let error = of("connect", &timed_out, &health);
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("invalid credentials"), "{error}");
    let fenced = KafkaError::MessageProduction(RDKafkaErrorCode::Fenced);
    assert_eq!(of("append", &fenced, &health).kind(), ErrorKind::Fenced);
    health.good();
    assert_eq!(
        of("connect", &timed_out, &health).kind(),
        ErrorKind::Unavailable
    );
}

#[test]
fn no_value_of_an_option_is_shown() {
    let wrong = |why| {
        let (text, key) = ("no \"hunter2\" here".to_owned(), "ssl.x".to_owned());
        KafkaError::ClientConfig(why, text, key, "hunter2".to_owned())
    };
    for why in [
        RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN,
        RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
    ] {
        let error = of("make a client", &wrong(why), &Health::new(""));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("ssl.x") && !format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn admin_operations_have_their_code() {
    let denied = KafkaError::AdminOp(RDKafkaErrorCode::ClusterAuthorizationFailed);
    assert_eq!(
        of("create", &denied, &Health::new("")).kind(),
        ErrorKind::Denied
    );
    assert_eq!(kind(RDKafkaErrorCode::Underflow), ErrorKind::Internal);
}
