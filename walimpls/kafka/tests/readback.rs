//! What every backend promises, put to the test on one broker where nothing but reading back fences: `WALX_KAFKA`.

use std::process::ExitCode;
use std::sync::Arc;

use walx_core::Config;
use walx_kafka::KafkaBuilder;

fn main() -> ExitCode {
    walx_testkit::main_on_server(
        "readback",
        "WALX_KAFKA",
        Arc::new(KafkaBuilder),
        |brokers| {
            let config = Config::new().with("location", brokers);
            config.with("fence", "readback")
        },
    )
}
