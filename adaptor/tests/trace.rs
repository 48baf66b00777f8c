//! The trace of a message goes through the log with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;

use common::listen::Told;
use common::{Rig, scan_all};
use walx_adaptor::interceptor::{Trace, TraceParent};
use walx_core::{Message, ScanOption};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

#[tokio::test]
async fn a_message_keeps_its_own_trace_and_else_gets_that_of_its_caller() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let trace = Trace::from_source(|| CALLER.parse().ok());
    let option = rig.option().with_interceptor(Arc::new(trace));
    let wal = rig.opener.open(option).await.unwrap();
    let own = Message::new("1")
        .with_property("traceparent", OWN)
        .with_property("tracestate", "vendor=x");
    let odd = Message::new("2").with_property("traceparent", "none of W3C");
    for message in [Message::new("0"), own, odd] {
        wal.append(message).await.unwrap();
    }
    let entries = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    let parents = entries.iter().map(|it| &it.message().unwrap().message);
    let parents: Vec<_> = parents
        .map(|it| TraceParent::of(it).map(|it| it.to_string()))
        .collect();
    assert_eq!(
        parents,
        [Some(CALLER.to_owned()), Some(OWN.to_owned()), None]
    );

    let delivered = told.lines("delivered");
    assert_eq!(delivered.len(), 2, "{delivered:?}");
    let span = delivered[1].span("deliver");
    assert_eq!((&span["traceparent"][..], &span["lsn"][..]), (OWN, "1"));
    assert_eq!(span["tracestate"], "\"vendor=x\"");
    assert_eq!(span["channel"], "orders");
    assert!(!delivered[0].span("deliver").contains_key("tracestate"));
}

#[tokio::test]
async fn without_a_source_nothing_is_made_up() {
    // Whoever is the first at a callsite decides for the tests beside it whether anybody listens.
    let (_told, _guard) = Told::listen();
    let rig = Rig::new();
    let option = rig.option().with_interceptor(Arc::new(Trace::new()));
    let wal = rig.opener.open(option).await.unwrap();
    wal.append(Message::new("0")).await.unwrap();
    let entries = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    assert_eq!(entries[0].message().unwrap().message, Message::new("0"));
}
