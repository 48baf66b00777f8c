use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use walx_core::{Bytes, Error, ErrorKind, Result};
use walx_impls::ForeignWriter;
use walx_utility::spawn;
use walx_utility::sync::lock;

use crate::client::{Health, Settings};
use crate::error;
use crate::store::PARTITION;

const DOING: &str = "append a foreign record";
const TIME: Duration = Duration::from_secs(10);

/// Somebody who writes into the topics of a test and knows nothing of walx.
pub(super) fn foreign_writer(settings: Settings) -> ForeignWriter {
    Arc::new(move |channel, payload| {
        let settings = settings.clone();
        let append = move || {
            let topic = settings.config.location.topic(&channel)?;
            append(&settings, &topic, &payload)
        };
        Box::pin(async {
            let appended = spawn::blocking(append).await;
            appended.unwrap_or_else(|spawn::Lost| Err(error::broken(DOING)))
        })
    })
}

fn append(settings: &Settings, topic: &str, payload: &Bytes) -> Result<()> {
    let health = Health::new(settings.config.location.brokers().join(","));
    let named = |error: KafkaError| error::of(DOING, &error, &health);
    let mut config = settings.admin();
    // A connection that breaks under it must not write it twice.
    config.set("acks", "all").set("enable.idempotence", "true");
    let producer: BaseProducer<Report> = config
        .create_with_context(Report::default())
        .map_err(named)?;
    let record: BaseRecord<'_, (), [u8]> =
        BaseRecord::to(topic).partition(PARTITION).payload(payload);
    producer.send(record).map_err(|(error, _)| named(error))?;
    producer.flush(TIME).map_err(named)?;
    let report = lock(&producer.context().0).take();
    let silent = || {
        Error::new(
            ErrorKind::OutcomeUnknown,
            "the client reported nothing of it",
        )
    };
    report.ok_or_else(silent)?.map_err(named)
}

/// What the client reports of the only record.
#[derive(Default)]
struct Report(Mutex<Option<KafkaResult<()>>>);

impl ClientContext for Report {}

impl ProducerContext for Report {
    type DeliveryOpaque = ();

    fn delivery(&self, report: &DeliveryResult<'_>, (): ()) {
        let outcome = match report {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.clone()),
        };
        *lock(&self.0) = Some(outcome);
    }
}
