use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;
use walx_core::{Error, ErrorKind, Result, Status};
use walx_utility::backoff::Backoff;
use walx_utility::{clock, spawn};

use super::{PARTITION, Store, closed};
use crate::error;
use crate::shared::Asker;
use crate::topic;

impl Store {
    /// Asks the brokers something, off the runtime. The time is what the question may take.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        doing: &'static str,
        question: impl FnOnce(&Asker, Duration) -> KafkaResult<T> + Send + 'static,
    ) -> Result<T> {
        let store = Arc::clone(self);
        let answer = spawn::blocking(move || store.ask_blocking(doing, question)).await;
        answer.unwrap_or_else(|spawn::Lost| Err(error::broken(doing)))
    }

    /// As [`ask`](Self::ask), on a thread that may block.
    pub(crate) fn ask_blocking<T>(
        &self,
        doing: &'static str,
        question: impl FnOnce(&Asker, Duration) -> KafkaResult<T>,
    ) -> Result<T> {
        let shared = self.shared()?;
        let answer = question(&shared.asker, self.config().timeout.0);
        match answer {
            Ok(answer) => {
                self.health.good();
                Ok(answer)
            }
            Err(error) => {
                let error = error::of(doing, &error, &self.health);
                Err(match error.kind() {
                    // A question changes nothing: that its outcome is unknown means that it can be asked again.
                    ErrorKind::OutcomeUnknown => {
                        let text = error.message().to_owned();
                        Error::new(ErrorKind::Unavailable, text).with_source(error)
                    }
                    _ => error,
                })
            }
        }
    }

    /// As [`ask_blocking`](Self::ask_blocking), about a topic: asked again while time is left where its leader is being
    /// replaced. librdkafka says `UnknownPartition` then as well, as for a topic that isn't there.
    fn ask_leader<T>(
        &self,
        doing: &'static str,
        topic: &str,
        question: impl Fn(&Asker, Duration) -> KafkaResult<T>,
    ) -> Result<T> {
        let end = clock::now() + self.config().timeout.0;
        let mut pauses = Backoff::new(Duration::from_millis(10), Duration::from_millis(200));
        loop {
            let left = end.saturating_duration_since(clock::now());
            let refused = match self.ask_blocking(doing, |asker, _| question(asker, left)) {
                Err(error) => error,
                answer => return answer,
            };
            let missing = refused.kind() == ErrorKind::NotFound;
            if !missing && refused.status() != Status::Temporary {
                return Err(refused);
            }
            if missing && topic::layout_blocking(self, topic)?.is_none() {
                return Err(topic::missing(topic));
            }
            if clock::now() >= end {
                return Err(match missing {
                    true => topic::leaderless(topic),
                    false => refused,
                });
            }
            if self.ending.is_ended() {
                return Err(closed());
            }
            thread::park_timeout(pauses.pause());
        }
    }

    /// The first offset that is kept, and the one behind the last.
    pub(crate) fn watermarks_blocking(&self, topic: &str) -> Result<(i64, i64)> {
        self.ask_leader("look at the ends of the topic", topic, |asker, time| {
            asker.fetch_watermarks(topic, PARTITION, time)
        })
    }

    /// The first offset whose timestamp is not before so many ms since 1970; `None` where there is none.
    pub(crate) fn offset_at_blocking(&self, topic: &str, ms: i64) -> Result<Option<i64>> {
        let found = self.ask_leader("look for a time in the topic", topic, |asker, time| {
            let mut when = TopicPartitionList::new();
            when.add_partition_offset(topic, PARTITION, Offset::Offset(ms))?;
            let found = asker.offsets_for_times(when, time)?;
            let found = found.elements().into_iter().next();
            found.map_or(Ok(Offset::End), |it| it.error().map(|()| it.offset()))
        })?;
        Ok(match found {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        })
    }
}
