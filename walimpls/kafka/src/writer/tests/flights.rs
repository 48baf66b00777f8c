//! Reports out of turn, which no broker sends on demand.

use rdkafka::error::RDKafkaErrorCode as Code;

use super::super::flights::{Flights, Gate, Trouble};

/// Only of the oldest append may be said that it is not in the log.
#[test]
fn a_failure_is_that_of_the_oldest_record_only_where_it_is_about_it() {
    let flights = Flights::new(Gate::Open);
    flights.call(3, true);
    flights.report(0, Ok(7));
    flights.flush();
    flights.report(2, Err(Code::MessageSizeTooLarge));
    let elsewhere = Trouble::Elsewhere(Code::MessageSizeTooLarge);
    assert_eq!(flights.view().trouble, Some(elsewhere));

    let flights = Flights::new(Gate::Open);
    flights.call(2, true);
    flights.report(0, Ok(7));
    flights.report(1, Err(Code::MessageSizeTooLarge));
    let oldest = Trouble::Code(Code::MessageSizeTooLarge);
    assert_eq!(flights.view().trouble, Some(oldest));

    let flights = Flights::new(Gate::Open);
    flights.call(2, true);
    flights.refused(1, Code::UnknownTopic);
    let elsewhere = Trouble::Elsewhere(Code::UnknownTopic);
    assert_eq!(flights.view().trouble, Some(elsewhere));
}
