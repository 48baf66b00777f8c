mod foreign;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::AdminOptions;
use rdkafka::consumer::Consumer;
use walx_core::Result;
use walx_helper::config;
use walx_impls::Apart;
use walx_utility::{random, spawn};

use crate::client::{Health, Settings};
use crate::config::KafkaConfig;
use crate::security::Security;
use crate::shared::Shared;

/// How long brokers may take to tell and to delete the topics of one test.
const TIME: Duration = Duration::from_secs(10);

/// The same brokers below a prefix of its own; its topics are deleted when it is dropped.
pub(crate) fn apart(config: KafkaConfig) -> Result<Apart> {
    let mut config = config.check()?;
    let security = Security::of(&config)?;
    let prefix = format!(
        "{}apart-{:016x}-",
        config.location.prefix(),
        random::number()
    );
    config.location = config.location.with_prefix(&prefix)?;
    let table = config::to_config(&config)?;
    let settings = Settings { config, security };
    let foreign = foreign::foreign_writer(settings.clone());
    Ok(Apart::new(table)
        .with_keep(Topics(Some(settings)))
        .with_foreign(foreign))
}

struct Topics(Option<Settings>);

impl Drop for Topics {
    /// Waits: a program may end right behind it.
    fn drop(&mut self) {
        let Some(settings) = self.0.take() else {
            return;
        };
        let prefix = settings.config.location.prefix().to_owned();
        let thread = spawn::thread("walx-kafka-apart", move || {
            if let Err(error) = delete(&settings) {
                let prefix = settings.config.location.prefix();
                tracing::warn!("topics of a test are left behind, '{prefix}*': {error}");
            }
        });
        if thread.is_ok_and(|it| it.join().is_ok()) {
            return;
        }
        tracing::warn!(
            "topics of a test are left behind, '{prefix}*': there was no thread to delete them"
        );
    }
}

fn delete(settings: &Settings) -> Result<()> {
    let health = Arc::new(Health::new(settings.config.location.brokers().join(",")));
    let shared = Shared::start(settings, &health)?;
    let named = |error| crate::error::of("delete topics", &error, &health);
    let all = shared.asker.fetch_metadata(None, TIME).map_err(named)?;
    let prefix = settings.config.location.prefix();
    let names = all.topics().iter().map(|it| it.name());
    let ours: Vec<_> = names.filter(|it| it.starts_with(prefix)).collect();
    if ours.is_empty() {
        return Ok(());
    }
    let options = AdminOptions::new()
        .operation_timeout(Some(TIME))
        .request_timeout(Some(TIME));
    let deleted = wait(shared.admin()?.delete_topics(&ours, &options)).map_err(named)?;
    let refused = deleted.into_iter().find_map(std::result::Result::err);
    refused.map_or(Ok(()), |(_, code)| {
        Err(named(rdkafka::error::KafkaError::AdminOp(code)))
    })
}

/// Waits for a future that a thread of the client completes, on a thread without a runtime.
fn wait<F: Future>(future: F) -> F::Output {
    struct Parked(std::thread::Thread);
    impl std::task::Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Parked(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
