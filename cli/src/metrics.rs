//! `--metrics ADDR`: what walx counts, as Prometheus text at `http://ADDR/metrics`.
//!
//! The exporter's own listener doesn't say which port it got, and doesn't bound what a client can take; this one answers
//! one request a connection.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use walx_utility::metric::{self, Kind};
use walx_utility::spawn::Task;
use walx_utility::{clock, spawn};

use crate::exit::{self, Code, Failure};

/// Connections that are answered at a time; others wait.
const CONNECTIONS: usize = 8;
/// The most bytes that a request's head may have.
const HEAD_BYTES: usize = 8 << 10;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often what histograms collected is put into their buckets, so that it takes no memory.
const UPKEEP: Duration = Duration::from_secs(1);

#[derive(clap::Args, Clone, Copy, Debug)]
#[group(skip)]
pub(crate) struct Args {
    #[arg(
        long,
        value_name = "ADDR",
        help = "Serve Prometheus text at http://ADDR/metrics; port 0 takes a free one"
    )]
    metrics: Option<SocketAddr>,
}

impl Args {
    /// Installs the recorder and serves what it counts, until the task is dropped. Comes before anything is opened:
    /// what is opened asks for its counters once.
    pub(crate) async fn serve(self) -> Result<Option<Task<()>>, Failure> {
        let Some(address) = self.metrics else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address).await;
        let bound = listener.and_then(|it| it.local_addr().map(|address| (it, address)));
        let (listener, address) = bound.map_err(|error| {
            let text =
                format!("metrics can't be served at {address}: {error}; use another address");
            Failure::new(Code::Configuration, text)
        })?;
        let handle = install().map_err(|error| Failure::new(Code::Unexpected, error))?;
        exit::say(format_args!("metrics are at http://{address}/metrics"));
        Ok(Some(spawn::task(accept(listener, handle))))
    }
}

fn install() -> Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    let histograms = metric::ALL.iter().filter(|it| it.kind == Kind::Histogram);
    for histogram in histograms {
        let name = Matcher::Full(histogram.name.to_owned());
        builder = match histogram.unit {
            metrics::Unit::Bytes => builder.set_buckets_for_metric(name, &bytes())?,
            _ => builder.set_buckets_for_metric(name, &seconds())?,
        };
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    metric::describe();
    Ok(handle)
}

/// From 50 µs, what a local append takes, to 5 s.
fn seconds() -> Vec<f64> {
    exponential(50e-6, 5.0, 16)
}

/// From 64 B to 8 MiB.
fn bytes() -> Vec<f64> {
    exponential(64.0, f64::from(8 << 20), 10)
}

fn exponential(first: f64, last: f64, count: i32) -> Vec<f64> {
    let factor = (last / first).powf(1.0 / f64::from(count - 1));
    let exact = (0..count).map(|i| first * factor.powi(i));
    // Two digits that mean something are enough for a label.
    exact.map(round).collect()
}

fn round(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

async fn accept(listener: TcpListener, handle: PrometheusHandle) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut upkeep = clock::now() + UPKEEP;
    loop {
        let left = upkeep.saturating_duration_since(clock::now());
        let accepted = clock::timeout(left, async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        });
        match accepted.await {
            Ok((Ok(permit), Ok((stream, _)))) => {
                let handle = handle.clone();
                let answer = async move {
                    // A client that goes away or dawdles has itself to blame.
                    let _ = clock::timeout(PATIENCE, serve(stream, handle)).await;
                    drop(permit);
                };
                spawn::task(answer).detach();
            }
            // No more file descriptors, or a client that went away: the next look may be luckier.
            Ok(_) => clock::sleep(Duration::from_millis(100)).await,
            Err(_) => {
                handle.run_upkeep();
                upkeep = clock::now() + UPKEEP;
            }
        }
    }
}

async fn serve(stream: TcpStream, handle: PrometheusHandle) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        ready(Ok::<_, Infallible>(answer(&request, &handle)))
    });
    http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer<B>(request: &Request<B>, handle: &PrometheusHandle) -> Response<String> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, handle.render()),
        (&Method::GET, _) => (
            StatusCode::NOT_FOUND,
            "metrics are at /metrics\n".to_owned(),
        ),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_reach_from_a_local_append_to_a_slow_one() {
        let seconds = seconds();
        assert_eq!((seconds.len(), seconds[0], seconds[15]), (16, 5e-5, 5.0));
        assert!(seconds.windows(2).all(|it| it[0] < it[1]));
        let bytes = bytes();
        assert_eq!((bytes.len(), bytes[0]), (10, 64.0));
        assert!(bytes[9] >= 8e6);
    }

    #[test]
    fn only_a_get_of_the_metrics_is_answered_with_them() {
        let handle = PrometheusBuilder::new().build_recorder().handle();
        let status = |method, path| {
            let request = Request::builder().method(method).uri(path).body(());
            answer(&request.unwrap(), &handle).status().as_u16()
        };
        assert_eq!(status("GET", "/metrics?name=x"), 200);
        assert_eq!(status("GET", "/"), 404);
        assert_eq!(status("POST", "/metrics"), 405);
    }
}
