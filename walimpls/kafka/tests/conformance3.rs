//! What every backend promises, put to the test on three brokers that keep each record three times: `WALX_KAFKA3`.

use std::process::ExitCode;
use std::sync::Arc;

use walx_core::Config;
use walx_kafka::KafkaBuilder;

fn main() -> ExitCode {
    walx_testkit::main_on_server("kafka", "WALX_KAFKA3", Arc::new(KafkaBuilder), |brokers| {
        let config = Config::new().with("location", brokers);
        config.with("replication", "3").with("min_insync", "2")
    })
}
