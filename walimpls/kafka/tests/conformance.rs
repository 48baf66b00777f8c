//! What every backend promises, put to the test on one broker: `WALX_KAFKA`, as `scripts/servers env` says.

use std::process::ExitCode;
use std::sync::Arc;

use walx_core::Config;
use walx_kafka::KafkaBuilder;

fn main() -> ExitCode {
    walx_testkit::main_on_server("kafka", "WALX_KAFKA", Arc::new(KafkaBuilder), |brokers| {
        Config::new().with("location", brokers)
    })
}
