//! Finds out where a scan starts and ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use walx_core::{
    BackendName, End, Error, ErrorKind, Gap, GapReason, LostPolicy, Lsn, MessageId, Position,
    Result, ResumeToken, ScanOption, Scanner, Seq, Tick,
};
use walx_impls::{Mark, RoWalImpls, ScanOptions, Scanned, ScannerImpls, Start};

use super::assembly::Assembly;
use super::check::Check;
use super::confirmed::Confirmed;
use super::deliver::unreadable;
use super::foreign::Foreign;
use super::log::{Log, Role};
use super::range::{From, Until, goes_on};
use super::resume::{Resumed, resume};
use super::source::{Opened, Source, open};
use super::{Parts, ScannerAdaptor};
use crate::cache::{Found, Reader};
use crate::interceptor::scan_span;
use crate::look::next_batch;
use crate::planted::{self, Bug};

/// Starts a scanner: at once in the cache where the position is there, else in the backend.
pub(crate) async fn start(log: &Arc<Log>, option: ScanOption) -> Result<Box<dyn Scanner>> {
    let backend = log.backend()?;
    let assembly = Assembly::new(&option, &log.limits);
    let tail = Confirmed::of(log, backend.as_ref(), &option).await?;
    let until = match option.until {
        None => Until {
            end: None,
            tail: None,
        },
        Some(end @ (End::Tail | End::Id(_) | End::Lsn(_) | End::Tick(_))) => Until {
            end: Some(end),
            tail: tail.reaches(end, backend.as_ref()).await?.then_some(tail),
        },
        Some(_) => {
            return Err(unreadable(
                "this version does not know the scan's end bound",
            ));
        }
    };
    let (plan, gap) = match option.from {
        Position::Resume(token) => {
            let resumed = resume(token, tail.newest, backend.as_ref(), option.on_lost).await?;
            by_token(token, resumed)
        }
        _ => (plan(log, &option, tail)?, None),
    };
    if until.tail.is_some() && plan.is_behind(tail) {
        return Ok(Box::new(ScannerAdaptor::ended(log).telling(gap)));
    }
    let follow = if option.until.is_none() && !option.foreign {
        log.follow()?
    } else {
        None
    };
    let options = ScanOptions::new(option.read_ahead_bytes);
    let from_lsn = match plan.from {
        From::Lsn(lsn) if !plan.lenient => Some(lsn),
        _ => None,
    };
    // Only the owner's cache knows of truncations.
    let cached = plan
        .cached
        .filter(|_| matches!(log.role, Role::Owner { .. }) && !option.foreign);
    let reader = cached.and_then(|found| Reader::attach(&log.cache, found.seq()));
    // A start beyond the tail stands before records that it does not want, so its first seq is not known yet.
    let expected = match cached {
        Some(Found::Here(seq)) if reader.is_some() => Some(seq),
        _ => None,
    };
    let mut check = plan.check.starting(expected, from_lsn);
    let (mut pending, mut earliest) = (VecDeque::new(), None);
    let strict = !plan.lenient && plan.from != From::Source;
    // In the cache the first record is known to be the right one.
    let proved = !strict || reader.is_some();
    let source = match reader {
        Some(reader) => Source::Cache(reader),
        None => {
            let ((mut scanner, kept), lost) = open_or_go_on(
                backend.as_ref(),
                plan.start,
                &options,
                !proved,
                option.on_lost,
            )
            .await?;
            earliest = kept;
            if let Some(detail) = lost {
                check.expect_hole(GapReason::Truncated, detail);
            }
            if !proved && matches!(plan.start, Start::Near(_)) {
                prime(
                    scanner.as_mut(),
                    &mut pending,
                    plan.from,
                    (earliest, tail),
                    option.on_lost,
                )
                .await?;
            }
            Source::Backend(scanner)
        }
    };
    // A scan from the tail has nothing before it; of other ones it is known once they have read.
    let first = match (option.from, plan.from) {
        (Position::Latest | Position::Last(0), _) => Lsn::new(u64::MAX),
        (_, From::Lsn(lsn) | From::Message(lsn)) => lsn,
        _ => Lsn::ZERO,
    };
    let span = scan_span(&log.channel.name, &option.from);
    let parts = Parts {
        log: Arc::clone(log),
        source,
        pending,
        check,
        foreign: Foreign::new(option.foreign, plan.from),
        start: plan.start,
        from: plan.from,
        strict,
        proved,
        earliest,
        until,
        on_lost: option.on_lost,
        assembly,
        back: None,
        options,
        follow,
    };
    Ok(Box::new(
        ScannerAdaptor::new(parts, first, span).telling(gap),
    ))
}

/// Where to read from.
struct Plan {
    /// Where the backend starts.
    start: Start,
    /// What is read and not delivered.
    from: From,
    /// The seq from which the cache may serve it all.
    cached: Option<Found>,
    check: Check,
    /// Whether a start that is no longer kept is no loss.
    lenient: bool,
}

impl Plan {
    fn new(start: Start) -> Self {
        Self {
            start,
            from: From::Source,
            cached: None,
            check: Check::default(),
            lenient: false,
        }
    }

    /// Whether it starts behind the tail.
    fn is_behind(&self, tail: Confirmed) -> bool {
        let Some(last) = tail.last() else {
            return true;
        };
        let by_id = match self.start {
            Start::After(id) => id >= last,
            Start::At(id) => id > last,
            _ => false,
        };
        // Seqs say nothing of foreign records behind the newest one with a seq.
        let foreign = tail.foreign.is_some() && self.from == From::Source;
        let by_seq = self.cached.zip(tail.next).filter(|_| !foreign);
        by_id || by_seq.is_some_and(|(cached, next)| cached.seq() >= next)
    }
}

fn plan(log: &Log, option: &ScanOption, tail: Confirmed) -> Result<Plan> {
    Ok(match option.from {
        Position::Earliest => earliest(log),
        Position::Last(messages) if messages > 0 && messages >= tail.lsn.get() => earliest(log),
        // From here on it is a concrete place, so that opening again skips nothing.
        Position::Latest | Position::Last(0) => Plan {
            cached: tail.next.map(Found::Here),
            ..Plan::new(tail.last().map_or(Start::Earliest, Start::After))
        },
        Position::At(id) => Plan::new(Start::At(id)),
        Position::After(id) => Plan {
            check: Check::behind(id),
            ..Plan::new(Start::After(id))
        },
        Position::Lsn(lsn) => by_lsn(log, lsn, tail),
        Position::Tick(tick) => by_tick(log, tick, tail),
        Position::Time(time) => by_tick(log, tick_of(time), tail),
        Position::Last(messages) => {
            let lsn = Lsn::new(tail.lsn.get() - messages);
            Plan {
                from: From::Message(lsn),
                lenient: true,
                ..by_lsn(log, lsn, tail)
            }
        }
        _ => return Err(unreadable("this version does not know the scan's position")),
    })
}

fn earliest(log: &Log) -> Plan {
    let first = log.cache.range().map(|(first, _)| first);
    let whole = first.filter(|first| *first == Seq::ZERO);
    Plan {
        cached: whole.map(Found::Here),
        ..Plan::new(Start::Earliest)
    }
}

fn by_lsn(log: &Log, lsn: Lsn, tail: Confirmed) -> Plan {
    // Marks behind the newest message stand at the lsn of the next one, of which a backend need not know.
    let near = match lsn == tail.lsn {
        true => Lsn::new(lsn.get().saturating_sub(1)),
        false => lsn,
    };
    let start = beyond(log, tail, tail.lsn < lsn).unwrap_or(Start::Near(Mark::Lsn(near)));
    Plan {
        from: From::Lsn(lsn),
        cached: log.cache.find_lsn(lsn),
        ..Plan::new(start)
    }
}

fn by_tick(log: &Log, tick: Tick, tail: Confirmed) -> Plan {
    let start = beyond(log, tail, tail.tick < tick).unwrap_or(Start::Near(Mark::Tick(tick)));
    Plan {
        from: From::Tick(tick),
        cached: log.cache.find_tick(tick),
        ..Plan::new(start)
    }
}

/// Where a reader starts whose start lies beyond the tail: a backend need not find a record near that.
fn beyond(log: &Log, tail: Confirmed, is_beyond: bool) -> Option<Start> {
    let reader = matches!(log.role, Role::Reader { .. });
    tail.newest
        .filter(|_| reader && is_beyond)
        .map(Start::After)
}

/// Where a token leads, and what is told before.
fn by_token(token: ResumeToken, resumed: Resumed) -> (Plan, Option<Gap>) {
    match resumed {
        Resumed::Behind { .. } if planted::is(Bug::ResumesTwice) => {
            (Plan::new(Start::At(token.id())), None)
        }
        Resumed::Behind { proved } => {
            // By its seq alone it could be found in the cache of another log.
            let check = match proved {
                true => Check::resumed(token.id(), token.last(), token.tick()),
                false => Check::unproved(token.id(), token.last(), token.tick()),
            };
            let plan = Plan {
                cached: proved.then_some(Found::Here(token.last().next())),
                check,
                ..Plan::new(Start::After(token.id()))
            };
            (plan, None)
        }
        Resumed::Elsewhere { start, gap } => (Plan::new(start), Some(*gap)),
    }
}

/// The first tick that is not before `time`.
fn tick_of(time: SystemTime) -> Tick {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Tick::from_unix_ms(u64::try_from(since.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
}

/// Opens the backend; where the start is lost and the caller goes on, at the earliest record, with what was lost.
async fn open_or_go_on(
    backend: &dyn RoWalImpls,
    start: Start,
    options: &ScanOptions,
    strict: bool,
    on_lost: LostPolicy,
) -> Result<(Opened, Option<String>)> {
    match open(backend, start, options, strict).await {
        Ok(opened) => Ok((opened, None)),
        Err(error) if goes_on(on_lost, error.kind()) => {
            let opened = open(backend, Start::Earliest, options, strict).await?;
            Ok((opened, Some(error.message().to_owned())))
        }
        Err(error) => Err(error),
    }
}

/// Reads up to the first numbered record, so that a start that is no longer kept is told at once.
async fn prime(
    scanner: &mut dyn ScannerImpls,
    pending: &mut VecDeque<Scanned>,
    from: From,
    (earliest, tail): (Option<MessageId>, Confirmed),
    on_lost: LostPolicy,
) -> Result<()> {
    let Some(newest) = tail.newest else {
        return Ok(());
    };
    loop {
        // Foreign records before the start are nobody's concern, and there may be many.
        let mut before = true;
        for item in next_batch(scanner).await? {
            match &item {
                Scanned::Foreign(_) if before => continue,
                Scanned::Record(record) => before &= record.record.header.seq.is_none(),
                _ => {}
            }
            pending.push_back(item);
        }
        let mut records = pending.iter().filter_map(|item| match item {
            Scanned::Record(record) => Some(record),
            _ => None,
        });
        if records
            .clone()
            .next()
            .is_some_and(|it| from.is_kept_by(it, earliest))
        {
            return Ok(());
        }
        if let Some(first) = records.clone().find(|it| it.record.header.seq.is_some()) {
            return match from.check_kept(first) {
                Err(error) if !goes_on(on_lost, error.kind()) => Err(error),
                _ => Ok(()),
            };
        }
        if records.any(|it| it.id >= newest) {
            return Ok(());
        }
    }
}

/// Ids of another backend are told at once.
pub(crate) fn check_ids(own: BackendName, option: &ScanOption) -> Result<()> {
    let from = match option.from {
        Position::At(id) | Position::After(id) => Some(id),
        Position::Resume(token) => Some(token.id()),
        _ => None,
    };
    let until = match option.until {
        Some(End::Id(id)) => Some(id),
        _ => None,
    };
    match [from, until]
        .into_iter()
        .flatten()
        .find(|id| id.backend() != own)
    {
        None => Ok(()),
        Some(id) => Err(Error::new(
            ErrorKind::InvalidInput,
            "the id was made by another backend; use this store's own",
        )
        .with_context("id", id)
        .with_context("backend", own)),
    }
}
