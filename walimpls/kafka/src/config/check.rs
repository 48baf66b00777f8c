use std::time::Duration;

use walx_core::{Error, ErrorKind, Result};

use super::{KafkaCommit, KafkaCompression, KafkaConfig, KafkaFence, refused};

/// The most milliseconds that librdkafka takes.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
/// The most that it waits for more records.
const LONGEST_LINGER: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest time in which a broker may be asked anything.
const SHORTEST: Duration = Duration::from_millis(100);

impl KafkaConfig {
    /// Refuses what can't work, or would break a promise.
    pub(crate) fn check(self) -> Result<Self> {
        if self.location.brokers().is_empty() {
            let text = "the kafka backend needs brokers: write kafka://HOST:PORT/PREFIX";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        self.check_times()?;
        self.check_sizes()?;
        if self.compression == KafkaCompression::Zstd && !cfg!(feature = "zstd") {
            let text = "compression=zstd needs zstd, which this build has not: build walx with the feature 'zstd', or use lz4";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        for name in self.topic.keys() {
            refused::check("topic", refused::TOPIC, name)?;
        }
        for name in self.kafka.keys() {
            refused::check("kafka", refused::CLIENT, name)?;
        }
        Ok(self)
    }

    fn check_times(&self) -> Result<()> {
        for (key, time) in [
            ("timeout", self.timeout),
            ("read_timeout", self.read_timeout),
            ("delivery_timeout", self.delivery_timeout),
            ("transaction_timeout", self.transaction_timeout),
        ] {
            if time.0 < SHORTEST || time.0 > LONGEST {
                return wrong(format!("{key}={time} is not possible: use 100ms to 24days"));
            }
        }
        let statistics = self.statistics;
        if !statistics.0.is_zero() && (statistics.0 < SHORTEST || statistics.0 > DAY) {
            return wrong(format!(
                "statistics={statistics} is not possible: use 0s (never), or 100ms to 1day"
            ));
        }
        if self.linger.0 >= self.delivery_timeout.0 || self.linger.0 > LONGEST_LINGER {
            return wrong(format!(
                "linger={} is not possible: use less than delivery_timeout={}, and 15min at most",
                self.linger, self.delivery_timeout
            ));
        }
        match self.fence {
            KafkaFence::Transaction => self.check_transactions(),
            KafkaFence::ReadBack if self.commit != KafkaCommit::Long => wrong(format!(
                "commit={} needs transactions, which fence=readback has not: leave one of the two out",
                self.commit
            )),
            KafkaFence::ReadBack => Ok(()),
        }
    }

    fn check_transactions(&self) -> Result<()> {
        let timeout = self.transaction_timeout;
        if timeout.0 < Duration::from_secs(1) {
            return wrong(format!(
                "transaction_timeout={timeout} is not possible: use 1s or more"
            ));
        }
        if self.delivery_timeout.0 > timeout.0 {
            return wrong(format!(
                "delivery_timeout={} is longer than transaction_timeout={timeout}: shorten the first, or lengthen the second",
                self.delivery_timeout
            ));
        }
        let (key, time) = match self.commit {
            KafkaCommit::Each => return Ok(()),
            KafkaCommit::Long => ("roll", self.roll.0),
            KafkaCommit::Interval(every) => ("commit=interval", every),
        };
        // The broker must not end a transaction that waits for its commit.
        if time.is_zero() || time > timeout.0 / 2 {
            return wrong(format!(
                "{key} of {time:?} is not possible: use more than 0s, and at most half of transaction_timeout={timeout}"
            ));
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<()> {
        if self.max_message.0 < 4 << 10 || self.max_message.0 > 1_000_000_000 {
            return wrong(format!(
                "max_message={} is not possible: use 4KiB to 1GB",
                self.max_message
            ));
        }
        if self.max_clients == 0 {
            return wrong("max_clients=0 is not possible: use 1 or more");
        }
        let copies = self.replication.unwrap_or(u16::MAX >> 1);
        if copies == 0 || copies > u16::MAX >> 1 {
            return wrong(format!(
                "replication={copies} is not possible: use 1 or more, 3 as a rule"
            ));
        }
        match self.min_insync {
            Some(least) if least == 0 || least > copies => wrong(format!(
                "min_insync={least} is not possible: use 1 or more, and no more than replication"
            )),
            _ => Ok(()),
        }
    }
}

fn wrong(text: impl Into<std::borrow::Cow<'static, str>>) -> Result<()> {
    Err(Error::new(ErrorKind::InvalidInput, text))
}
