//! A message is freed where its owner may call the wal again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::{Arc, Weak};
use std::time::Duration;

use common::Rig;
use walx_core::{
    Bytes, ErrorKind, Expected, IdempotencyOption, Lsn, Message, TransactionOption, Wal,
};
use walx_utility::spawn;

/// A payload that appends once it is freed.
struct Payload(Weak<dyn Wal>);

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        b"payload"
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if let Some(wal) = self.0.upgrade() {
            drop(wal.append(Message::new("freed")));
        }
    }
}

#[test]
fn a_payload_that_is_not_written_is_freed_outside_of_the_lock() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let inside = runtime.enter();
    let work = spawn::task(async move {
        work().await;
        tell.send(()).unwrap();
    });
    drop(inside);
    let ended = told.recv_timeout(Duration::from_secs(30));
    // A thread that waits for a lock for ever is left behind.
    runtime.shutdown_background();
    drop(work);
    ended.expect("it takes too long");
}

async fn work() {
    let rig = Rig::new();
    let hour = Duration::from_secs(3_600);
    let option = rig
        .option()
        .with_idempotency(IdempotencyOption::new(1 << 20, hour));
    let wal = rig.opener.open(option).await.unwrap();
    let weak = Arc::downgrade(&wal);
    let message = || Message::new(Bytes::from_owner(Payload(Weak::clone(&weak))));
    let first = wal.append(Message::new("first").with_idempotency_key("k"));
    let place = first.await.unwrap();
    let again = wal.append(message().with_idempotency_key("k"));
    assert_eq!(again.await.unwrap(), place);
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    let body = transaction.append(Message::new("body").with_idempotency_key("body"));
    body.await.unwrap();
    let conflict = wal.append(message().with_idempotency_key("body"));
    assert_eq!(conflict.await.unwrap_err().kind(), ErrorKind::Conflict);
    let wrong = Expected::new().with_lsn(Lsn::ZERO);
    let refused = wal.append_if(message(), wrong);
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Conflict);
}
