use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use walx_utility::{clock, metric};

use crate::program::{DEADLINE, Program, Store, run};

/// Where a program says that its metrics are.
fn address(program: &mut Program) -> String {
    let line = program.said();
    let address = line.strip_prefix("walx: metrics are at http://").unwrap();
    address
        .trim_end()
        .strip_suffix("/metrics")
        .unwrap()
        .to_owned()
}

fn request(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn scrape(address: &str) -> String {
    let answer = request(address, "GET /metrics HTTP/1.1\r\nHost: walx\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(
        head.contains(&format!("content-length: {}\r\n", body.len())),
        "{head}"
    );
    body.to_owned()
}

/// The value of a series, with what stands in front of it.
fn value(body: &str, series: &str) -> f64 {
    let line = body.lines().find_map(|line| line.strip_prefix(series));
    // A series is there from its first value on.
    line.map_or(0.0, |line| line.trim().parse().unwrap())
}

fn bucket(bound: &str) -> String {
    format!("{}_bucket{{le=\"{bound}\"}}", metric::APPEND_SECONDS)
}

/// Scrapes until the series have these values: a message is counted right behind its acknowledgement.
fn scrape_until(address: &str, expected: &[(String, i32)]) -> String {
    let deadline = clock::now() + DEADLINE;
    loop {
        let body = scrape(address);
        let told =
            |(series, to): &(String, i32)| value(&body, &format!("{series} ")) == f64::from(*to);
        if expected.iter().all(told) {
            return body;
        }
        assert!(clock::now() < deadline, "{expected:?} in {body}");
    }
}

#[test]
fn append_serves_what_it_counts_while_it_runs() {
    let store = Store::new();
    let mut program = Program::start(&[
        "append",
        &store.uri(),
        "orders",
        "--print-ids",
        "--metrics",
        "127.0.0.1:0",
    ]);
    let address = address(&mut program);
    for lines in 1..=3 {
        program.write(b"12345678\n");
        program.line().unwrap();
        let expected = [
            (format!("{}{{outcome=\"ok\"}}", metric::APPEND_TOTAL), lines),
            (metric::APPEND_BYTES_TOTAL.to_owned(), 8 * lines),
            (format!("{}_count", metric::APPEND_SECONDS), lines),
            (bucket("5"), lines),
            (bucket("+Inf"), lines),
        ];
        let body = scrape_until(&address, &expected);
        for (name, kind) in [
            (metric::APPEND_TOTAL, "counter"),
            (metric::APPEND_BYTES_TOTAL, "counter"),
            (metric::APPEND_SECONDS, "histogram"),
        ] {
            assert!(body.contains(&format!("# TYPE {name} {kind}\n")), "{body}");
            assert!(body.contains(&format!("# HELP {name} ")), "{body}");
        }
    }
    program.stdin = None;
    assert_eq!(program.end().code, 0);
}

#[test]
fn tail_and_copy_serve_too() {
    let store = Store::new();
    store.append("orders", b"a\nb\n");
    let mut program = Program::start(&[
        "tail",
        &store.uri(),
        "orders",
        "--follow",
        "--metrics",
        "127.0.0.1:0",
    ]);
    let from = address(&mut program);
    program.line().unwrap();
    program.line().unwrap();
    scrape_until(&from, &[(metric::SCAN_BYTES_TOTAL.to_owned(), 2)]);
    program.signal(Signal::TERM);
    assert_eq!(program.end().code, 143);

    let copy = format!("file:{}/copy", store.folder.path().display());
    let done = run(
        &[
            "copy",
            &store.uri(),
            "orders",
            &copy,
            "orders",
            "--metrics",
            "127.0.0.1:0",
        ],
        b"",
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr
            .starts_with("walx: metrics are at http://127.0.0.1:"),
        "{}",
        done.stderr
    );
}

#[test]
fn other_requests_are_answered_and_bad_ones_disturb_nobody() {
    let store = Store::new();
    let mut program =
        Program::start(&["append", &store.uri(), "orders", "--metrics", "127.0.0.1:0"]);
    let address = address(&mut program);
    for (text, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        ("hello\r\n\r\n", "400 Bad Request"),
    ] {
        let answer = request(&address, text);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
    }
    // Clients that say nothing leave room for others.
    let silent: Vec<_> = (0..7)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    scrape(&address);
    drop(silent);
    program.stdin = None;
    assert_eq!(program.end().code, 0);
}

#[test]
fn an_address_that_is_taken_or_none_is_explained() {
    let store = Store::new();
    let mut first = Program::start(&["append", &store.uri(), "a", "--metrics", "127.0.0.1:0"]);
    let address = address(&mut first);
    let uri = store.uri();
    let done = run(&["tail", &uri, "a", "--metrics", &address], b"");
    assert_eq!(done.code, 10, "{}", done.stderr);
    assert!(
        done.error().contains(&address) && done.error().contains("in use"),
        "{}",
        done.stderr
    );
    let done = run(&["tail", &uri, "a", "--metrics", "localhost"], b"");
    assert_eq!(done.code, 2, "{}", done.stderr);
    first.stdin = None;
    assert_eq!(first.end().code, 0);
}
