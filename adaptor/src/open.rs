//! Becoming the owner of a channel: claim, look, settle, Barrier, read through it.

use std::sync::Arc;

use walx_core::{
    Bytes, Capability, ChannelName, Error, ErrorKind, Header, Lsn, MessageId, OpenOption, Owner,
    Properties, Record, Result, Seq, Tail, Term, Tick, TickSource,
};
use walx_impls::{Batch, Claim, Fence, Kind, OpenerImpls, Start, StoredRecord, WalImpls};
use walx_utility::clock::{self, WallClock};

use crate::append::{Numbering, Settled, Writer};
use crate::cache::Cache;
use crate::look::{Look, Released, barrier, for_each_until, look};
use crate::sweep::Sweeper;

/// Opens the backend's writer, proves ownership in the log itself, and starts the writing half.
///
/// Whatever was opened is closed again where a step fails; dropped half-way, the backend's handle frees itself.
pub(crate) async fn open(
    opener: &dyn OpenerImpls,
    sweeper: &Sweeper,
    option: &OpenOption,
) -> Result<(Arc<Writer>, Arc<dyn WalImpls>)> {
    let capability = opener.capability();
    if capability.fence == Fence::None {
        let message = "the backend has no fence: an older owner could append beside this one; \
                       configure one, or use another backend";
        return Err(named(ErrorKind::Unsupported, message, option));
    }
    if capability.fence != Fence::Lock {
        // A look before the claim, so that an owner who must not be disturbed isn't.
        match opener.open_read_only(&option.channel).await {
            Ok(reader) => {
                let looked = look(reader.as_ref()).await;
                let closed = reader.close().await;
                settle(&looked?, option, capability)?;
                closed?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let backend = opener.open(&option.channel, Claim::TakeOver).await?;
    match own(Arc::clone(&backend), capability, option).await {
        Ok(owned) => Ok((owned.start(sweeper, capability, option), backend)),
        Err(error) => {
            // The error that is told is the first one.
            let _ = backend.close().await;
            Err(error)
        }
    }
}

/// A channel whose ownership is proved.
struct Owned {
    backend: Arc<dyn WalImpls>,
    owner: Owner,
    numbering: Numbering,
    /// Numbered records behind the last one that was known before, that one included: they seed the cache.
    newest: Vec<StoredRecord>,
    before: Option<MessageId>,
}

async fn own(
    backend: Arc<dyn WalImpls>,
    capability: Capability,
    option: &OpenOption,
) -> Result<Owned> {
    let looked = look(backend.as_ref()).await?;
    let (owner, now) = settle(&looked, option, capability)?;
    let known = looked.numbered.as_ref().map(|it| it.record.header.clone());
    let floor = known.as_ref().map_or(Tick::ZERO, |header| header.tick);

    let next_seq = known
        .as_ref()
        .and_then(|header| header.seq)
        .map_or(Seq::ZERO, Seq::next);
    let header = Header::new(Kind::Barrier, owner, now.max(floor.next()));
    let barrier = Record {
        properties: introduce(&looked, next_seq),
        ..Record::marker(header)
    };
    let mut tick = barrier.header.tick;
    let ids = backend.append(Batch::One(barrier)).await?;
    let barrier_id = ids.as_slice()[0];

    // Whatever of an older owner landed late lies before our Barrier: read through it, then the numbers are final.
    let start = looked
        .numbered
        .as_ref()
        .map_or(Start::Earliest, |it| Start::At(it.id));
    let mut newest: Vec<StoredRecord> = Vec::new();
    let (mut before, mut last) = (looked.before, looked.before);
    for_each_until(backend.as_ref(), start, barrier_id, |it, damaged| {
        if it.record.header.seq.is_some() {
            if damaged {
                newest.clear();
            }
            check_dense(newest.last(), it)?;
            tick = tick.max(it.record.header.tick);
            before = last;
            if newest.len() == SEED_RECORDS {
                newest.remove(0);
            }
            newest.push(it.clone());
        }
        last = Some(it.id);
        Ok(())
    })
    .await?;
    let (seq, lsn) = match newest.last().map(|it| &it.record.header) {
        Some(header) => (
            header.seq.map_or(Seq::ZERO, Seq::next),
            header.next_lsn().unwrap_or(Lsn::ZERO),
        ),
        None => (Seq::ZERO, Lsn::ZERO),
    };
    Ok(Owned {
        backend,
        owner,
        numbering: Numbering { seq, lsn, tick },
        newest,
        before,
    })
}

/// The most records that are kept from the read through the Barrier.
const SEED_RECORDS: usize = 64;

impl Owned {
    fn start(self, sweeper: &Sweeper, capability: Capability, option: &OpenOption) -> Arc<Writer> {
        let Numbering { seq, lsn, tick } = self.numbering;
        let first = self
            .newest
            .first()
            .and_then(|it| it.record.header.seq)
            .unwrap_or(seq);
        let cache = Cache::new(option.cache, Some(first), Tail::new(lsn, None, tick));
        cache.publish(self.newest, clock::now());
        cache.set_before(self.before);
        sweeper.add(&cache);
        let settled = Settled {
            owner: self.owner,
            numbering: self.numbering,
            max_record_bytes: capability.max_record_bytes,
        };
        Writer::start(settled, self.backend, cache, option)
    }
}

/// The new owner and the present tick, or why there can't be one.
fn settle(looked: &Look, option: &OpenOption, capability: Capability) -> Result<(Owner, Tick)> {
    let owner = settle_owner(looked, option, capability)?;
    let source = option.tick_source.as_ref();
    let now = source.map_or_else(|| WallClock.now(), |source| source.now());
    let last = looked.numbered.as_ref().map(|it| it.record.header.tick);
    check_clock(last.unwrap_or(Tick::ZERO), now, option)?;
    Ok((owner, now))
}

/// The new owner, or why there can't be one.
fn settle_owner(looked: &Look, option: &OpenOption, capability: Capability) -> Result<Owner> {
    let Some((last, released)) = looked.owner else {
        return Ok(Owner::new(option.term.unwrap_or(Term::FIRST)));
    };
    if let Some(term) = option.term {
        if term <= last.term {
            return Err(named(
                ErrorKind::Fenced,
                "the term is not larger than that of the last owner",
                option,
            )
            .with_context("term", term)
            .with_context("last owner", last));
        }
        return Ok(Owner::new(term));
    }
    // A lock that the operating system has released tells as much as a Release.
    let free = released == Released::Yes || option.take_over || capability.fence == Fence::Lock;
    if !free {
        let message =
            "the last owner has not released the channel; wait for its end, or open with take_over";
        return Err(named(ErrorKind::Conflict, message, option)
            .with_context("owner", last)
            .with_context("who", who(looked)));
    }
    let next = last.term.next().ok_or_else(|| {
        named(
            ErrorKind::Conflict,
            "the last owner has the largest term there is",
            option,
        )
    })?;
    Ok(Owner::new(next))
}

/// Who the last owner was, as its Barrier says.
fn who(looked: &Look) -> String {
    match looked.who.as_deref() {
        Some(who) if who == this_process() => format!("{who}, which is this process"),
        who => who.unwrap_or("unknown").to_owned(),
    }
}

fn check_clock(floor: Tick, now: Tick, option: &OpenOption) -> Result<()> {
    let ahead_ms = floor.unix_ms().saturating_sub(now.unix_ms());
    if u128::from(ahead_ms) <= option.max_clock_ahead.as_millis() {
        return Ok(());
    }
    let message = "the log's last tick lies ahead of this machine's clock; set the clock right, or open with a larger \
                   max_clock_ahead";
    Err(named(ErrorKind::Unavailable, message, option)
        .with_context("ahead by ms", ahead_ms)
        .with_context("max_clock_ahead in ms", option.max_clock_ahead.as_millis()))
}

/// Between two numbered records lies no seq.
fn check_dense(last: Option<&StoredRecord>, it: &StoredRecord) -> Result<()> {
    let Some(last) = last else { return Ok(()) };
    let (before, here) = (&last.record.header, &it.record.header);
    if before.seq.map(Seq::next) == here.seq && before.owner <= here.owner {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Corrupt,
        "the newest records don't carry on from each other; salvage the store",
    )
    .with_context("record", format!("{before} at {}", last.id))
    .with_context("next", format!("{here} at {}", it.id)))
}

/// What a Barrier says: who, where, the owner before, and how far the numbers had come.
fn introduce(looked: &Look, next_seq: Seq) -> Properties {
    let mut properties = Properties::default();
    properties.push(barrier::WHO, this_process());
    if let Some((owner, _)) = looked.owner {
        properties.push(barrier::PREVIOUS, owner.to_string());
    }
    properties.push(barrier::NEXT_SEQ, Bytes::from(next_seq.to_string()));
    properties
}

fn this_process() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    format!("{host} pid {}", std::process::id())
}

fn named(kind: ErrorKind, message: &'static str, option: &OpenOption) -> Error {
    let channel: &ChannelName = &option.channel;
    Error::new(kind, message)
        .with_operation("open")
        .with_channel(channel)
}
