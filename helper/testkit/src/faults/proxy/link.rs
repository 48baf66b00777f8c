//! One connection through a proxy.

use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use walx_utility::clock;

use super::{Action, End, Shared, Way, reset};

/// The most that is read at once.
const PIECE: usize = 16 << 10;

/// Forwards both ways until both sides have ended, or the connection is to end.
pub(super) async fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    shared: &Shared,
    mut end: watch::Receiver<(u64, End)>,
) {
    // A test wants its bytes at once; where the option can't be set, the connection has gone.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let how = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let ways = join(
            one_way(from_client, to_server, Way::ToServer, shared),
            one_way(from_server, to_client, Way::ToClient, shared),
        );
        let (ways, ended) = (pin!(ways), pin!(end.changed()));
        match select(ended, ways).await {
            Either::Left(_) => Some(end_of(shared)),
            // A side that was reset, or has gone, takes the other one with it.
            Either::Right(((a, b), _)) => (a.is_err() || b.is_err()).then_some(End::Reset),
        }
    };
    if how == Some(End::Reset) {
        reset(&client);
        reset(&server);
    }
}

fn end_of(shared: &Shared) -> End {
    shared.end.borrow().1
}

/// Forwards one way until that side ends.
async fn one_way(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: Way,
    shared: &Shared,
) -> io::Result<()> {
    let mut line = shared.line.subscribe();
    let mut piece = vec![0; PIECE];
    loop {
        flowing(&mut line, way).await;
        let read = from.read(&mut piece).await?;
        let action = shared.phases.read(way, &piece[..read]);
        act(shared, action.into_iter().collect()).await;
        let (latency, rate) = {
            let line = line.borrow();
            (line.latency, line.bytes_per_second)
        };
        if !latency.is_zero() {
            clock::sleep(latency).await;
        }
        let mut rest = &piece[..read];
        while !rest.is_empty() {
            // It may have been stalled since it was read.
            flowing(&mut line, way).await;
            // A slow line moves its share of 20 ms at a time.
            let share = rate.map_or(PIECE as u64, |rate| (rate / 50).max(1));
            let most = usize::try_from(share).unwrap_or(PIECE).min(rest.len());
            let (now, later) = rest.split_at(shared.phases.room(way, most));
            to.write_all(now).await?;
            act(shared, shared.phases.forward(way, now.len())).await;
            if let Some(rate) = rate {
                clock::sleep(Duration::from_secs_f64(now.len() as f64 / rate as f64)).await;
            }
            rest = later;
        }
        if read == 0 {
            flowing(&mut line, way).await;
            return to.shutdown().await;
        }
    }
}

async fn act(shared: &Shared, actions: Vec<Action>) {
    if actions.is_empty() {
        return;
    }
    for action in actions {
        shared.act(action);
    }
    // So that an end takes place before anything more is forwarded.
    tokio::task::yield_now().await;
}

/// Waits until that way is not stalled.
async fn flowing(line: &mut watch::Receiver<super::Line>, way: Way) {
    // The sender lives as long as the proxy's connections.
    let _ = line.wait_for(|line| !line.stalled[way as usize]).await;
}
