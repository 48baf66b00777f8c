use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::consumer::BaseConsumer;
use walx_core::{Error, ErrorKind, Result};
use walx_utility::spawn;
use walx_utility::sync::lock;

use crate::client::{Context, Health, Settings};
use crate::error;

/// Asks for watermarks, offsets and metadata; reads nothing.
pub(crate) type Asker = BaseConsumer<Context>;
/// Creates and describes topics, truncates.
pub(crate) type Admin = AdminClient<Context>;

/// How often idle clients are tended.
const TEND: Duration = Duration::from_millis(500);

/// A client whose main queue somebody else has to serve: its logs, errors and statistics.
pub(crate) trait Tend: Send + Sync {
    /// Serves it, without waiting.
    fn tend(&self);
}

/// The clients that the channels of a store share. Destroying a client may take a second: a thread of their own serves
/// them and holds them last, so that nobody else waits.
pub(crate) struct Shared {
    pub(crate) asker: Asker,
    admin: OnceLock<Admin>,
    settings: Settings,
    pub(crate) health: Arc<Health>,
    tended: Mutex<Vec<Weak<dyn Tend>>>,
}

impl Shared {
    pub(crate) fn start(settings: &Settings, health: &Arc<Health>) -> Result<Arc<Self>> {
        let context = Context::new("asker", "", "", health);
        let asker = settings.asker().create_with_context(context);
        let shared = Arc::new(Self {
            asker: asker.map_err(|error| error::of("make a client", &error, health))?,
            admin: OnceLock::new(),
            settings: settings.clone(),
            health: Arc::clone(health),
            tended: Mutex::default(),
        });
        let tended = Arc::clone(&shared);
        let thread = spawn::thread("walx-kafka", move || serve(&tended));
        thread.map_err(no_thread)?;
        Ok(shared)
    }

    /// The client that changes topics, made at its first use.
    pub(crate) fn admin(&self) -> Result<&Admin> {
        if let Some(admin) = self.admin.get() {
            return Ok(admin);
        }
        let context = Context::new("admin", "", "", &self.health);
        let admin = self.settings.admin().create_with_context(context);
        let admin = admin.map_err(|error| error::of("make a client", &error, &self.health))?;
        Ok(self.admin.get_or_init(|| admin))
    }

    pub(crate) fn tend(&self, client: Weak<dyn Tend>) {
        let mut tended = lock(&self.tended);
        tended.retain(|it| it.strong_count() > 0);
        tended.push(client);
    }
}

/// Until nobody else holds them.
fn serve(shared: &Arc<Shared>) {
    while Arc::strong_count(shared) > 1 {
        // Errors went to the context.
        let _ = shared.asker.poll(TEND);
        let tended = lock(&shared.tended).clone();
        for client in tended.iter().filter_map(Weak::upgrade) {
            client.tend();
        }
    }
}

/// What somebody gets who needs a thread and can't have one.
pub(crate) fn no_thread(cause: std::io::Error) -> Error {
    let text = "the system gives no more threads: raise its limit (ulimit -u), or use fewer clients (max_clients)";
    Error::new(ErrorKind::Unavailable, text).with_source(cause)
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared { .. }")
    }
}
