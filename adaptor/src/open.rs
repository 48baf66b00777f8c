//! Becoming the owner of a channel: claim, look, settle, Barrier, read through it.

use std::sync::Arc;

use walx_core::{
    BackendName, Capability, ChannelInfo, Error, ErrorKind, Lsn, MessageId, OpenOption, Owner,
    Result, Seq, Tail, Term, Tick,
};
use walx_impls::{Claim, Fence, OpenerImpls, RoWalImpls, Start, StoredRecord, WalImpls};
use walx_utility::clock::{self};

use crate::append::{Numbering, Settled, Writer};
use crate::barrier::append_barrier;
use crate::cache::Cache;
use crate::current::Current;
use crate::found::{Found, find};
use crate::gauge::Presence;
use crate::look::{Look, TRIES, for_each_until, look};
use crate::patience::patiently;
use crate::planted::{self, Bug};
use crate::settle::{refused, settle};

/// An owner's wal, whose writing half runs.
pub(crate) struct Opened {
    pub(crate) writer: Arc<Writer>,
    pub(crate) backend: Arc<Current>,
    pub(crate) presence: Presence,
}

/// Opens the backend's writer, proves ownership in the log itself, and starts the writing half.
///
/// Whatever was opened is closed again where a step fails; dropped half-way, the backend's handle frees itself.
pub(crate) async fn open(
    opener: &Arc<dyn OpenerImpls>,
    backend_name: BackendName,
    option: &OpenOption,
) -> Result<Opened> {
    let capability = opener.capability();
    if capability.fence == Fence::None {
        let message = "the backend has no fence: an older owner could append beside this one; \
                       configure one, or use another backend";
        return Err(refused(ErrorKind::Unsupported, message, option));
    }
    if capability.fence != Fence::Lock {
        // A look before the claim, so that an owner who must not be disturbed isn't.
        match patiently(|| opener.open_read_only(&option.channel)).await {
            Ok(reader) => {
                let settled = settle_by(reader.as_ref(), option, capability).await;
                let closed = reader.close().await;
                settled?;
                closed?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let backend = opener.open(&option.channel, Claim::TakeOver).await?;
    match own(Arc::clone(&backend), capability, option).await {
        Ok(owned) => Ok(owned.start(Arc::clone(opener), backend_name, option)),
        Err(error) => {
            // The error that is told is the first one.
            let _ = backend.close().await;
            Err(error)
        }
    }
}

/// Whether there can be a next owner; who is in the way is looked for where there can't.
async fn settle_by(
    reader: &dyn RoWalImpls,
    option: &OpenOption,
    capability: Capability,
) -> Result<()> {
    let mut looked = look(reader).await?;
    if settle(&looked, option, capability).is_err() {
        looked.find_who(reader).await?;
    }
    settle(&looked, option, capability).map(|_| ())
}

/// A channel whose ownership is proved.
struct Owned {
    backend: Arc<dyn WalImpls>,
    owner: Owner,
    end: LogEnd,
    found: Found,
}

async fn own(
    backend: Arc<dyn WalImpls>,
    capability: Capability,
    option: &OpenOption,
) -> Result<Owned> {
    let looked = look(backend.as_ref()).await?;
    let (mut owner, now) = settle(&looked, option, capability)?;
    let known = looked.numbered.as_ref().map(|it| &it.record.header);
    let floor = looked.tick.unwrap_or(Tick::ZERO);
    let next_seq = known
        .and_then(|header| header.seq)
        .map_or(Seq::ZERO, Seq::next);
    let tick = now.max(floor.next());
    let previous = looked.owner.map(|(owner, _)| owner);
    let barrier = append_barrier(backend.as_ref(), owner, tick, previous, next_seq);
    let barrier = in_time(barrier, option).await?;

    let mut end = read_through(backend.as_ref(), &looked, tick, barrier).await?;
    if end.lost > 0 {
        // A store that salvages lost records that were acknowledged. None of their numbers is given again, and any of
        // them may have been a Barrier of a larger owner.
        tracing::warn!(channel = %option.channel, records = end.lost, "numbers of lost records are left out");
        end.numbering.seq = Seq::new(end.numbering.seq.get() + end.lost);
        end.numbering.lsn = Lsn::new(end.numbering.lsn.get() + end.lost);
    }
    if planted::is(Bug::LooksOnce) && looked.numbered.is_some() {
        let last = looked.numbered.as_ref().map(|it| &it.record.header);
        let lsn = last.and_then(|it| it.next_lsn());
        (end.numbering.seq, end.numbering.lsn) = (next_seq, lsn.unwrap_or(Lsn::ZERO));
    }
    if planted::is(Bug::GivesLsnTwice) {
        end.numbering.lsn = Lsn::new(end.numbering.lsn.get().saturating_sub(1));
    }
    let least = least_term(&end, owner, option)?;
    if least > owner.term && !planted::is(Bug::IgnoresALateOwner) {
        owner = Owner::new(least);
        let (tick, seq) = (end.numbering.tick.next(), end.numbering.seq);
        let barrier = append_barrier(backend.as_ref(), owner, tick, previous, seq);
        in_time(barrier, option).await?;
        end.numbering.tick = tick;
    }
    let mut found = find(backend.as_ref(), end.newest.as_ref(), option.idempotency).await?;
    if planted::is(Bug::LeavesFoundOpen) {
        found.open.clear();
    }
    Ok(Owned {
        backend,
        owner,
        end,
        found,
    })
}

/// A Barrier has no more time than any append.
async fn in_time(
    barrier: impl Future<Output = Result<MessageId>>,
    option: &OpenOption,
) -> Result<MessageId> {
    let Some(limit) = option.append_timeout else {
        return barrier.await;
    };
    clock::timeout(limit, barrier).await.unwrap_or_else(|_| {
        let text = "the backend has not answered the owner's first record in the time of append_timeout; open again";
        Err(refused(ErrorKind::Unavailable, text, option))
    })
}

/// The least term with which the log can go on, or why there is none.
fn least_term(end: &LogEnd, owner: Owner, option: &OpenOption) -> Result<Term> {
    let late = end.late.filter(|late| *late >= owner);
    match (option.term, late) {
        (Some(_), Some(late)) => {
            let text =
                "the term is not larger than that of another open, whose first record came late";
            Err(refused(ErrorKind::Fenced, text, option).with_context("that owner", late))
        }
        (Some(term), None) => Ok(term),
        (None, late) => {
            let behind_late = late.map_or(0, |late| late.term.get().saturating_add(1));
            let behind_lost = owner.term.get().saturating_add(end.lost);
            Ok(Term::new(behind_lost.max(behind_late)))
        }
    }
}

/// The end of the log, once nothing of an older owner can land any more.
struct LogEnd {
    numbering: Numbering,
    /// The newest record with numbers, and the id of the record before it.
    newest: Option<StoredRecord>,
    before: Option<MessageId>,
    /// How many records the backend may have lost behind it.
    lost: u64,
    /// The largest owner before our Barrier: an open that was overtaken may have written its own one late.
    late: Option<Owner>,
}

/// Whatever of an older owner landed late lies before our Barrier: after reading through it the numbers are final.
async fn read_through(
    backend: &dyn WalImpls,
    looked: &Look,
    tick: Tick,
    barrier: MessageId,
) -> Result<LogEnd> {
    let mut start = looked
        .numbered
        .as_ref()
        .map_or(Start::Earliest, |it| Start::At(it.id));
    for _ in 1..TRIES {
        match read_from(backend, start, looked, tick, barrier).await {
            // Truncated meanwhile, as far as to what landed late: the newest numbers are still there.
            Err(error) if matches!(error.kind(), ErrorKind::PositionLost { .. }) => {
                start = Start::Earliest;
            }
            read => return read,
        }
    }
    read_from(backend, start, looked, tick, barrier).await
}

async fn read_from(
    backend: &dyn WalImpls,
    start: Start,
    looked: &Look,
    tick: Tick,
    barrier: MessageId,
) -> Result<LogEnd> {
    let zero = Numbering {
        seq: Seq::ZERO,
        lsn: Lsn::ZERO,
        tick,
    };
    let mut end = LogEnd {
        numbering: zero,
        newest: None,
        before: looked.before,
        lost: 0,
        late: None,
    };
    let mut last = looked.before;
    for_each_until(backend, start, barrier, |it, damaged| {
        if damaged {
            end.lost += missing(last, it.id);
        }
        let header = &it.record.header;
        if it.id != barrier {
            end.late = end.late.max(Some(header.owner));
        }
        // A scan that ends at a tick ends with a Barrier as well.
        end.numbering.tick = end.numbering.tick.max(header.tick);
        let newest = end.newest.as_ref().map(|it| &it.record.header);
        // A copy, which scans drop as well.
        let is_copy = newest.is_some_and(|it| it.owner == header.owner && it.seq >= header.seq);
        if header.seq.is_some() && !is_copy {
            if !damaged {
                check_dense(end.newest.as_ref(), it)?;
            }
            end.numbering = Numbering {
                seq: header.seq.map_or(Seq::ZERO, Seq::next),
                lsn: header.next_lsn().unwrap_or(Lsn::ZERO),
                tick: end.numbering.tick,
            };
            (end.newest, end.before, end.lost) = (Some(it.clone()), last, 0);
        }
        last = Some(it.id);
        Ok(())
    })
    .await?;
    Ok(end)
}

/// How many ids lie between two records, where ids count.
fn missing(last: Option<MessageId>, here: MessageId) -> u64 {
    let last = last.and_then(|id| id.to_u64());
    let between = last
        .zip(here.to_u64())
        .map(|(last, here)| here.saturating_sub(last + 1));
    between.unwrap_or(0)
}

impl Owned {
    fn start(self, opener: Arc<dyn OpenerImpls>, name: BackendName, option: &OpenOption) -> Opened {
        let Numbering { seq, lsn, tick } = self.end.numbering;
        let newest = self.end.newest;
        let tail = Tail::new(lsn, newest.as_ref().map(|it| it.id), tick);
        // The newest record seeds the cache, so that scanners that reach it find their way in.
        let seed = newest.filter(|_| self.end.lost == 0);
        let first = seed
            .as_ref()
            .and_then(|it| it.record.header.seq)
            .unwrap_or(seq);
        let channel = ChannelInfo::read_write(option.channel.clone(), self.owner.term);
        let cache = Cache::new(
            &channel,
            option.cache,
            option.limits.clone(),
            Some(first),
            tail,
        );
        cache.publish(seed.into_iter().collect(), clock::now());
        cache.set_before(self.end.before);
        let indexed = opener.capability().start_by_time;
        let backend = Current::new(Arc::clone(&self.backend), indexed);
        let settled = Settled {
            owner: self.owner,
            numbering: self.end.numbering,
            newest: tail.id,
            keys: self.found.keys,
            open: self.found.open,
            opener,
            backend: self.backend,
            current: Arc::clone(&backend),
        };
        let presence = Presence::new(&channel, Some(self.owner), name);
        let span = presence.span.clone();
        Opened {
            writer: Writer::start(settled, cache, option, span),
            backend,
            presence,
        }
    }
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
