//! A TCP proxy between a backend and its server, whose connections a test cuts, stalls and slows.
//!
//! ```
//! # use walx_testkit::faults::proxy::{Action, Phase, Proxy, Way};
//! # async fn example(server: std::net::SocketAddr) -> std::io::Result<()> {
//! let proxy = Proxy::start(server).await?;
//! let address = proxy.address(); // the backend connects here
//! // The server gets everything, and its answers are lost from the 1000th byte on.
//! proxy.when(Phase::Bytes(Way::ToClient, 1000), Action::Stall(Way::ToClient));
//! // Later the connection is reset, and the next one works.
//! proxy.cut().resume();
//! # Ok(())
//! # }
//! ```
//!
//! A connection takes 32 KiB here; what is stalled stays in the buffers of the operating system. More than 256
//! connections at a time wait.

mod link;
mod phase;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use walx_utility::spawn::{self, Task};

use self::link::forward;
use self::phase::Phases;
pub use self::phase::{Action, Phase};

/// So many connections are open at a time.
const MOST_CONNECTIONS: usize = 256;

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// A listener on a loopback port that forwards to a server. Dropped, it resets its connections and listens no more.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _listening: Task<()>,
}

/// What all connections go by.
struct Shared {
    server: SocketAddr,
    line: watch::Sender<Line>,
    /// How the connections of now are to end; counts up, so that each end is seen.
    end: watch::Sender<(u64, End)>,
    phases: Phases,
}

/// How the line is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Line {
    stalled: [bool; 2],
    refuses: bool,
    latency: Duration,
    bytes_per_second: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// In order, as a server ends that shuts down.
    Close,
    /// By a reset, as a server's machine ends.
    Reset,
}

impl Proxy {
    /// Listens on a free loopback port, and forwards each connection to `server`.
    ///
    /// # Errors
    /// Where the operating system gives no port.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        Self::start_at((std::net::Ipv4Addr::LOCALHOST, 0).into(), server).await
    }

    /// The same at an address that is known before: the one at which a broker tells clients to connect.
    ///
    /// # Errors
    /// Where the address is taken.
    pub async fn start_at(address: SocketAddr, server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server,
            line: watch::Sender::new(Line::default()),
            end: watch::Sender::new((0, End::Close)),
            phases: Phases::default(),
        });
        let _listening = spawn::task(listen(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            _listening,
        })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets all connections that are open; new ones work.
    pub fn cut(&self) -> &Self {
        self.act(Action::Cut)
    }

    /// Ends all connections that are open in order; new ones work.
    pub fn close(&self) -> &Self {
        self.act(Action::Close)
    }

    /// From now on nothing is forwarded, either way, and nobody is told; new connections are stalled as well.
    pub fn stall(&self) -> &Self {
        self.stall_way(Way::ToServer).stall_way(Way::ToClient)
    }

    /// From now on nothing is forwarded that way: a half-open connection.
    pub fn stall_way(&self, way: Way) -> &Self {
        self.act(Action::Stall(way))
    }

    /// From now on new connections are reset at once; those that are open stay.
    pub fn refuse(&self) -> &Self {
        self.act(Action::Refuse)
    }

    /// From now on each piece of up to 16 KiB is late by so much.
    pub fn delay(&self, latency: Duration) -> &Self {
        self.shared.change(|line| line.latency = latency);
        self
    }

    /// From now on each way of each connection takes at most so many bytes a second.
    pub fn slow(&self, bytes_per_second: u64) -> &Self {
        let rate = Some(bytes_per_second.max(1));
        self.shared.change(|line| line.bytes_per_second = rate);
        self
    }

    /// The line is as at the start: what was stalled goes on. Actions that wait for their phase stay.
    pub fn resume(&self) -> &Self {
        self.shared.change(|line| *line = Line::default());
        self
    }

    /// Does something once, as soon as it has come so far; bytes count from now on, over all connections together,
    /// and exactly so many are forwarded before.
    pub fn when(&self, phase: Phase, action: Action) -> &Self {
        self.shared.phases.add(phase, action);
        self
    }

    /// Does what `look` says, whenever some bytes have been read and before they are forwarded. It must be short.
    pub fn look(&self, look: impl FnMut(Way, &[u8]) -> Option<Action> + Send + 'static) -> &Self {
        self.shared.phases.look(Box::new(look));
        self
    }

    /// How many bytes have been forwarded that way.
    pub fn forwarded(&self, way: Way) -> u64 {
        self.shared.phases.forwarded(way)
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.shared.phases.connections()
    }

    fn act(&self, action: Action) -> &Self {
        self.shared.act(action);
        self
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.act(Action::Cut);
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.address, self.shared.server);
        write!(
            f,
            "Proxy {{ {from} to {to}, {:?} }}",
            *self.shared.line.borrow()
        )
    }
}

impl Shared {
    fn act(&self, action: Action) {
        match action {
            Action::Cut => self.end(End::Reset),
            Action::Close => self.end(End::Close),
            Action::Stall(way) => self.change(|line| line.stalled[way as usize] = true),
            Action::Refuse => self.change(|line| line.refuses = true),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Line)) {
        self.line.send_modify(change);
    }

    fn end(&self, end: End) {
        self.end.send_modify(|(count, how)| {
            *count += 1;
            *how = end;
        });
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        // An error is that of one connection, which has gone again.
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        // Before the phase is looked at, so that a cut at this connection ends it.
        let end = shared.end.subscribe();
        for action in shared.phases.connected() {
            shared.act(action);
        }
        let refuses = shared.line.borrow().refuses;
        if refuses {
            reset(&client);
            continue;
        }
        let shared = Arc::clone(&shared);
        spawn::task(async move {
            match TcpStream::connect(shared.server).await {
                Ok(server) => forward(client, server, &shared, end).await,
                Err(_) => reset(&client),
            }
            drop(place);
        })
        .detach();
    }
}

/// Dropped after this, a connection is reset; where it can't be, it has gone already.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
