//! Points in time: what is told to be the newest tick is there, and readers reach it.

use walx_core::{Tick, VirtualChannel};

use super::Findings;
use crate::history::event::{Ending, Start, Stop, What};
use crate::history::index::{Fate, Index, Newest, Row, Scan};

pub(super) const PROMISE: &str = "the newest tick of a stream is not before anything that was acknowledged in it, every later scan of the \
     stream up to the tail reaches it, and so it does a point in time that was acknowledged (invariant 3)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    for newest in &index.newest {
        let Some((answered, Ok(tick))) = newest.answered else {
            continue;
        };
        if !covers(index, newest, answered, tick, findings) {
            return;
        }
        let Some(tick) = tick else { continue };
        let stream = Some(newest.virtual_channel);
        for scan in &index.scans {
            let reached = reached(index, scan, tick);
            // Without points in time, it may be the tick of one.
            let may_be_point = !scan.ticks && !is_known(index, scan.channel, tick);
            if reached || may_be_point || !must_reach(index, scan, newest.handle, stream, answered)
            {
                continue;
            }
            let events = [newest.called, answered, scan.called].into_iter();
            let events = events.chain(scan.end.map(|(at, _)| at));
            let go_on = findings.add(events, || {
                format!(
                    "scan {} does not reach tick {tick}, which was told to be the newest of {}",
                    index.id(scan.called),
                    newest.virtual_channel
                )
            });
            if !go_on {
                return;
            }
        }
    }
    points(index, findings);
}

/// What was acknowledged before is not behind it.
fn covers(
    index: &Index<'_>,
    newest: &Newest<'_>,
    answered: Row,
    tick: Option<Tick>,
    findings: &mut Findings,
) -> bool {
    let channel = index.handles[newest.handle].channel;
    let writes = matches!(
        index.events[index.handles[newest.handle].called].what,
        What::OpenCalled { write: true, .. }
    );
    let messages = index.messages.iter().filter_map(|it| {
        let plain = it.transaction.is_none() && it.is_own();
        match it.fate {
            Fate::Acknowledged(place) if plain => Some((
                it.handle,
                it.virtual_channel,
                it.called,
                it.answered?,
                place,
            )),
            _ => None,
        }
    });
    let commits = index.transactions.iter().filter_map(|it| match it.fate {
        Fate::Acknowledged(place) if it.end?.1 == Ending::Commit => Some((
            it.handle,
            it.virtual_channel,
            it.end?.0,
            it.end_answered?,
            place,
        )),
        _ => None,
    });
    for (handle, stream, called, at, place) in messages.chain(commits) {
        // An owner knows of its own, and of what was there when it opened the channel.
        let since = match writes && handle != newest.handle {
            true => index.handles[newest.handle].called,
            false => newest.called,
        };
        if stream.is_some_and(|it| it != newest.virtual_channel)
            || index.handles[handle].channel != channel
            || tick.is_some_and(|tick| tick >= place.tick)
            || !index.before(at, since)
            || index.era(at) != index.era(answered)
            || index.may_be_dropped(channel, place.id, answered)
            || index.damaged.is_some()
        {
            continue;
        }
        return findings.add([called, at, newest.called, answered], || {
            format!(
                "the newest tick of {} is told to be {tick:?}, and call {} was answered with tick {}",
                newest.virtual_channel,
                index.id(called),
                place.tick
            )
        });
    }
    true
}

fn is_known(index: &Index<'_>, channel: Row, tick: Tick) -> bool {
    let delivered = index.deliveries.iter().filter(|it| {
        let body = it
            .message
            .is_some_and(|row| index.messages[row].transaction.is_some());
        !body && index.scans[it.scan].channel == channel
    });
    let wholes = index
        .wholes
        .iter()
        .filter(|it| index.scans[it.scan].channel == channel);
    let mut ticks = delivered
        .map(|it| it.place.tick)
        .chain(wholes.map(|it| it.place.tick));
    ticks.any(|it| it == tick)
}

/// Whether a scan came to an entry with this tick or a later one.
fn reached(index: &Index<'_>, scan: &Scan<'_>, tick: Tick) -> bool {
    let deliveries = scan
        .deliveries
        .iter()
        .map(|row| index.deliveries[*row].place);
    let wholes = scan.wholes.iter().map(|row| index.wholes[*row].place);
    let marks = scan.marks.iter().map(|row| index.marks[*row].place);
    let mut all = deliveries.chain(wholes).chain(marks);
    all.any(|place| place.tick >= tick)
}

/// Whether a scan reads all of a stream that was there at an event.
fn must_reach(
    index: &Index<'_>,
    scan: &Scan<'_>,
    handle: Row,
    stream: Option<&VirtualChannel>,
    since: Row,
) -> bool {
    let scanning = &index.handles[scan.handle];
    let writes = matches!(
        index.events[scanning.called].what,
        What::OpenCalled { write: true, .. }
    );
    // An owner knows of its own, and of what was there when it opened the channel.
    let knows = !writes || scan.handle == handle || index.before(since, scanning.called);
    scan.channel == index.handles[handle].channel
        && !scan.raw
        && scan.from == Start::Earliest
        && scan.until == Stop::Tail
        && scan.reached_its_end()
        && scan.holes.is_empty()
        && scan.wants_stream(stream)
        && knows
        && index.before(since, scan.called)
        && index.era(since) == index.era(scan.last)
        && !index
            .truncations
            .iter()
            .any(|it| it.channel == scan.channel && !index.before(scan.last, it.called))
}

/// A point in time that was acknowledged is delivered to those who ask for them.
fn points(index: &Index<'_>, findings: &mut Findings) {
    for point in &index.points {
        let (Fate::Acknowledged(place), Some(answered)) = (point.fate, point.answered) else {
            continue;
        };
        for scan in index.scans.iter().filter(|it| it.ticks) {
            let mut marks = scan.marks.iter().map(|row| index.marks[*row].place);
            let is_there = marks.any(|it| it == place);
            if is_there || !must_reach(index, scan, point.handle, point.virtual_channel, answered) {
                continue;
            }
            let events = [point.called, answered, scan.called].into_iter();
            let events = events.chain(scan.end.map(|(at, _)| at));
            let go_on = findings.add(events, || {
                format!(
                    "scan {} has nothing of the point in time {} at {place:?}",
                    index.id(scan.called),
                    index.id(point.called)
                )
            });
            if !go_on {
                return;
            }
        }
    }
}
