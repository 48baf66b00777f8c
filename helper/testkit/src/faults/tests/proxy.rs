use std::io::ErrorKind as IoKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use walx_utility::spawn;

use super::*;
use crate::faults::proxy::{Action, Phase, Proxy, Way};

/// How long nothing must come before it counts as nothing.
const NOTHING: Duration = Duration::from_millis(50);

/// A server that gives everything back, and how many bytes it got.
async fn echo() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let got = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&got);
    spawn::task(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            spawn::task(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    count.fetch_add(read as u64, Ordering::SeqCst);
                    if stream.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            })
            .detach();
        }
    })
    .detach();
    (address, got)
}

async fn rig() -> (Proxy, TcpStream, Arc<AtomicU64>) {
    let (server, got) = echo().await;
    let proxy = Proxy::start(server).await.unwrap();
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    (proxy, client, got)
}

/// Sends so many bytes and gets them back.
async fn echoes(client: &mut TcpStream, count: usize) {
    let sent: Vec<_> = (0..count).map(|i| i as u8).collect();
    let (mut read, mut write) = client.split();
    let mut got = vec![0; count];
    let (wrote, came) = within(futures_util::future::join(
        write.write_all(&sent),
        read.read_exact(&mut got),
    ))
    .await;
    wrote.unwrap();
    came.unwrap();
    assert_eq!(got, sent);
}

async fn nothing_comes(client: &mut TcpStream) {
    let early = clock::timeout(NOTHING, client.read_u8()).await;
    assert!(early.is_err(), "{early:?}");
}

#[tokio::test]
async fn what_goes_in_comes_out_both_ways_and_is_counted() {
    let (proxy, mut client, got) = rig().await;
    echoes(&mut client, 300_000).await;
    assert_eq!(got.load(Ordering::SeqCst), 300_000);
    assert_eq!(proxy.forwarded(Way::ToServer), 300_000);
    assert_eq!(proxy.forwarded(Way::ToClient), 300_000);
    assert_eq!(proxy.connections(), 1);
    // The end of one side goes through.
    client.shutdown().await.unwrap();
    assert_eq!(within(client.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_the_next_connection_works() {
    let (proxy, mut client, _) = rig().await;
    echoes(&mut client, 10).await;
    proxy.cut();
    let error = within(client.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), IoKind::ConnectionReset);
    let mut next = TcpStream::connect(proxy.address()).await.unwrap();
    echoes(&mut next, 10).await;
    proxy.close();
    assert_eq!(within(next.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stall_holds_everything_back_and_loses_nothing() {
    let (proxy, mut client, got) = rig().await;
    echoes(&mut client, 10).await;
    proxy.stall();
    client.write_all(b"late").await.unwrap();
    nothing_comes(&mut client).await;
    assert_eq!(got.load(Ordering::SeqCst), 10);
    proxy.resume();
    let mut answer = [0; 4];
    within(client.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"late");
}

#[tokio::test]
async fn a_half_open_connection_takes_bytes_to_the_server_and_brings_none_back() {
    let (proxy, mut client, got) = rig().await;
    proxy.stall_way(Way::ToClient);
    client.write_all(b"asked").await.unwrap();
    within(async {
        while got.load(Ordering::SeqCst) < 5 {
            clock::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    nothing_comes(&mut client).await;
    assert_eq!(proxy.forwarded(Way::ToClient), 0);
    // A cut ends a stalled connection too.
    proxy.cut();
    assert_eq!(
        within(client.read_u8()).await.unwrap_err().kind(),
        IoKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_stalled_connection_takes_no_more_than_the_buffers_hold() {
    let (proxy, mut client, _) = rig().await;
    proxy.stall();
    let mut sent = 0;
    let piece = vec![7; 64 << 10];
    while let Ok(wrote) = clock::timeout(NOTHING, client.write(&piece)).await {
        sent += wrote.unwrap();
        assert!(sent < 64 << 20, "{sent} bytes went nowhere");
    }
    proxy.resume();
    let mut left = sent;
    while left > 0 {
        let mut buffer = vec![0; 64 << 10];
        left -= within(client.read(&mut buffer)).await.unwrap();
    }
}

#[tokio::test]
async fn a_slow_line_keeps_its_rate_and_its_latency() {
    let (proxy, mut client, _) = rig().await;
    proxy.slow(100_000);
    let since = clock::now();
    echoes(&mut client, 20_000).await;
    let slow = since.elapsed();
    assert!(slow >= Duration::from_millis(180), "20 kB in {slow:?}");
    proxy.resume().delay(Duration::from_millis(40));
    let since = clock::now();
    echoes(&mut client, 10).await;
    let late = since.elapsed();
    assert!(
        late >= Duration::from_millis(80),
        "there and back in {late:?}"
    );
    proxy.resume();
    echoes(&mut client, 500_000).await;
}

#[tokio::test]
async fn an_action_takes_place_after_exactly_so_many_bytes() {
    let (proxy, mut client, got) = rig().await;
    echoes(&mut client, 1000).await;
    proxy.when(
        Phase::Bytes(Way::ToServer, 777),
        Action::Stall(Way::ToServer),
    );
    client.write_all(&[1; 5000]).await.unwrap();
    let mut answer = vec![0; 777];
    within(client.read_exact(&mut answer)).await.unwrap();
    nothing_comes(&mut client).await;
    assert_eq!(got.load(Ordering::SeqCst), 1777);
    // Once: the rest goes through.
    proxy.resume();
    let mut rest = vec![0; 5000 - 777];
    within(client.read_exact(&mut rest)).await.unwrap();
    proxy.when(Phase::Bytes(Way::ToClient, 5), Action::Cut);
    client.write_all(&[1; 100]).await.unwrap();
    let mut rest = Vec::new();
    assert!(within(client.read_to_end(&mut rest)).await.is_err());
    assert!(rest.len() <= 5, "{} bytes came through", rest.len());
}

#[tokio::test]
async fn an_action_waits_for_the_next_connection() {
    let (proxy, mut client, _) = rig().await;
    echoes(&mut client, 1).await;
    proxy.when(Phase::Connection, Action::Cut);
    echoes(&mut client, 1).await;
    let mut second = TcpStream::connect(proxy.address()).await.unwrap();
    for open in [&mut client, &mut second] {
        assert!(within(open.read_u8()).await.is_err());
    }
    let mut third = TcpStream::connect(proxy.address()).await.unwrap();
    echoes(&mut third, 1).await;
    proxy.refuse();
    let mut fourth = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(within(fourth.read_u8()).await.is_err());
    echoes(&mut third, 1).await;
}

#[tokio::test]
async fn a_look_at_the_bytes_decides_what_is_done() {
    let (proxy, mut client, got) = rig().await;
    let word = |bytes: &[u8]| bytes.windows(6).any(|it| it == b"COMMIT");
    proxy.look(move |way, bytes| {
        (way == Way::ToServer && word(bytes)).then_some(Action::Stall(Way::ToServer))
    });
    echoes(&mut client, 10).await;
    client.write_all(b"COMMIT").await.unwrap();
    nothing_comes(&mut client).await;
    assert_eq!(got.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_a_proxy_that_is_dropped_ends_the_connection() {
    let (proxy, mut client, _) = rig().await;
    echoes(&mut client, 1).await;
    let address = proxy.address();
    drop(proxy);
    assert!(within(client.read_u8()).await.is_err());
    let gone = within(async {
        loop {
            match TcpStream::connect(address).await {
                Err(error) => break error,
                Ok(_) => clock::sleep(Duration::from_millis(1)).await,
            }
        }
    });
    assert_eq!(gone.await.kind(), IoKind::ConnectionRefused);
    // Nobody listens there any more.
    let proxy = Proxy::start(address).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(within(client.read_u8()).await.is_err());
}
