//! A way to the broker that tests cut and stall.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use walx_testkit::faults::proxy::Proxy;
use walx_testkit::server;
use walx_utility::clock;

use crate::config::KafkaConfig;

/// How long another process may have the address.
const PATIENCE: Duration = Duration::from_secs(60);

/// For one test at a time: the broker tells its clients one address.
static TAKEN: Mutex<()> = Mutex::const_new(());

/// The address that the broker tells the clients of one of its ports, at which nobody listens but a test.
pub(crate) struct Address {
    /// Where clients connect.
    pub(crate) listen: SocketAddr,
    /// Where the broker listens for them.
    pub(crate) broker: SocketAddr,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl Address {
    /// `None` where the run does without a broker.
    pub(crate) async fn take() -> Option<Self> {
        let addresses = server("WALX_KAFKA_PROXIED")?;
        let _one_at_a_time = TAKEN.lock().await;
        let (listen, broker) = addresses.split_once(',').unwrap();
        Some(Self {
            listen: listen.parse().unwrap(),
            broker: broker.parse().unwrap(),
            _one_at_a_time,
        })
    }

    /// Starts what listens there, once no other process does.
    pub(crate) async fn start<T>(&self, start: impl AsyncFn() -> io::Result<T>) -> T {
        let deadline = clock::now() + PATIENCE;
        loop {
            match start().await {
                Ok(started) => return started,
                Err(error) => assert!(clock::now() < deadline, "{}: {error}", self.listen),
            }
            clock::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A proxy at that address.
pub(crate) struct Proxied {
    pub(crate) proxy: Proxy,
    address: Address,
}

impl Proxied {
    /// `None` where the run does without a broker.
    pub(crate) async fn start() -> Option<Self> {
        let address = Address::take().await?;
        let (listen, broker) = (address.listen, address.broker);
        let proxy = address.start(|| Proxy::start_at(listen, broker)).await;
        Some(Self { proxy, address })
    }

    /// The same store, reached through the proxy.
    pub(crate) fn reach(&self, mut config: KafkaConfig) -> KafkaConfig {
        let prefix = config.location.prefix().to_owned();
        let location = format!("{}/{prefix}", self.address.listen);
        config.location = location.parse().unwrap();
        config
    }
}
