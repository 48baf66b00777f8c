//! What the client's statistics become.

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use walx_core::ChannelName;
use walx_utility::clock;

use super::here;
use crate::client::Context;
use crate::store::Store;
use crate::topic;

/// A producer without anybody who waits.
impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, _delivered: &DeliveryResult<'_>, (): ()) {}
}

fn value(handle: &PrometheusHandle, name: &str, label: &str) -> Option<f64> {
    let text = handle.render();
    let series = text.lines().find_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let its = series.starts_with(&format!("{name}{{")) && series.contains(label);
        its.then_some(value)
    });
    series.map(|value| value.parse().unwrap())
}

#[test]
fn a_client_s_statistics_are_metrics_and_its_levels_end_with_it() {
    let Some(mut config) = here() else { return };
    config.statistics = Duration::from_millis(100).into();
    let recorder = PrometheusBuilder::new().build_recorder();
    let told = recorder.handle();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (store, name) = runtime.block_on(async {
        let store = Store::connect(config).await.unwrap();
        let name = store.topic(&ChannelName::new("orders").unwrap()).unwrap();
        topic::prepare(&store, &name).await.unwrap();
        (store, name)
    });
    metrics::with_local_recorder(&recorder, || {
        let context = store.context("writer", &name);
        let mut settings = store.settings.writer(&name);
        settings.remove("transactional.id").set("linger.ms", "2000");
        let producer: BaseProducer<Context> = settings.create_with_context(context).unwrap();
        let until = |what: &str, is: &dyn Fn() -> bool| {
            let end = clock::now() + Duration::from_secs(20);
            while !is() {
                assert!(clock::now() < end, "{what}:\n{}", told.render());
                producer.poll(Duration::from_millis(20));
            }
        };
        for _ in 0..7 {
            let record = BaseRecord::<(), _, _>::to(&name).payload("12345678");
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        let channel = "channel=\"orders\"";
        let waits = |name: &str, level: f64| value(&told, name, channel) == Some(level);
        until("it waits for more", &|| {
            waits("walx_kafka_queue_messages", 7.0) && waits("walx_kafka_queue_bytes", 56.0)
        });
        until("all are sent", &|| producer.in_flight_count() == 0);
        let role = "role=\"writer\"";
        let counted = |name: &str| value(&told, name, role).is_some_and(|it| it > 0.0);
        until("it is empty, and counted what it did", &|| {
            waits("walx_kafka_queue_messages", 0.0)
                && counted("walx_kafka_requests_total")
                && counted("walx_kafka_sent_bytes_total")
                && counted("walx_kafka_received_bytes_total")
                && counted("walx_kafka_connects_total")
                && counted("walx_kafka_round_trip_seconds_count")
        });
        assert_eq!(
            value(&told, "walx_kafka_request_errors_total", role),
            Some(0.0)
        );
        // One that ends with records on their way takes its levels back.
        let record = BaseRecord::<(), _, _>::to(&name).payload("late");
        producer.send(record).map_err(|(error, _)| error).unwrap();
        until("it waits again", &|| {
            waits("walx_kafka_queue_messages", 1.0)
        });
        drop(producer);
        assert!(waits("walx_kafka_queue_messages", 0.0), "{}", told.render());
    });
    drop(store);
}
