//! The first record of an owner: it proves in the log itself who owns the channel.

use walx_core::{Bytes, Header, MessageId, Owner, Properties, Record, Result, Seq, Tick};
use walx_impls::{Batch, Kind, WalImpls};

/// Who owns the channel from here on: host and process.
pub(crate) const WHO: &str = "who";
/// The owner before; absent on the first one.
pub(crate) const PREVIOUS: &str = "previous";
/// The seq of the next record as far as the owner knew when it wrote the Barrier.
pub(crate) const NEXT_SEQ: &str = "next_seq";

pub(crate) async fn append_barrier(
    backend: &dyn WalImpls,
    owner: Owner,
    tick: Tick,
    previous: Option<Owner>,
    next_seq: Seq,
) -> Result<MessageId> {
    let barrier = Record {
        properties: introduce(previous, next_seq),
        ..Record::marker(Header::new(Kind::Barrier, owner, tick))
    };
    Ok(backend.append(Batch::One(barrier)).await?.as_slice()[0])
}

/// What a Barrier says: who, where, the owner before, and how far the numbers had come.
fn introduce(previous: Option<Owner>, next_seq: Seq) -> Properties {
    let mut properties = Properties::default();
    properties.push(WHO, this_process());
    if let Some(owner) = previous {
        properties.push(PREVIOUS, owner.to_string());
    }
    properties.push(NEXT_SEQ, Bytes::from(next_seq.to_string()));
    properties
}

pub(crate) fn this_process() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    format!("{host} pid {}", std::process::id())
}
