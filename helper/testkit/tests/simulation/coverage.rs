//! What runs reach. A promise is put to the test only where the workload comes to what may break it.

use std::collections::{BTreeMap, BTreeSet};

use walx_core::{ErrorKind, GapReason};
use walx_testkit::history::{Appended, EventId, ScanEnd, Start, Stop, What};
use walx_utility::metric;

use crate::run::{Run, run};

/// So many seeds reach everything.
const SEEDS: u64 = 500;

/// What only the workload knows: each of these it tells its trace.
const TOLD: &[&str] = &[
    "a reservation is given up",
    "a scan falls out of the cache",
    "a scan reaches the cache",
    "an append is never polled",
    "an append that must not wait is refused",
    "an open has a term of a coordinator",
    "an open is given up",
    "an owner is asked for its tail",
];

/// What the adaptor counts: the metric, and the value of its label.
const COUNTED: &[(&str, &str)] = &[
    (metric::APPEND_RECOVERY_TOTAL, "ok"),
    (metric::APPEND_RECOVERY_TOTAL, "unavailable"),
    (metric::APPEND_RECOVERY_TOTAL, "fenced"),
    (metric::BACKEND_FAILURE_TOTAL, "not_written"),
    (metric::BACKEND_FAILURE_TOTAL, "outcome_unknown"),
    (metric::BACKEND_FAILURE_TOTAL, "fenced"),
    (metric::CACHE_EVICTED_TOTAL, "age"),
    (metric::CACHE_EVICTED_TOTAL, "size"),
    (metric::CACHE_EVICTED_TOTAL, "truncated"),
    (metric::CACHE_EVICTED_TOTAL, "reset"),
    (metric::SCAN_RETRY_TOTAL, "own"),
    (metric::SCAN_RETRY_TOTAL, "shared"),
    (metric::APPEND_SLOW_TOTAL, ""),
];

/// What the history shows.
const SHOWN: &[&str] = &[
    "a batch is acknowledged",
    "a channel is opened that is not there",
    "a close comes while appends are on their way",
    "a dropped append is delivered",
    "a dropped append is not delivered",
    "a message above the limit is refused",
    "a message is acknowledged",
    "a message with room of its own is acknowledged",
    "a scan follows the log until it is dropped",
    "a scan from a place that is gone fails",
    "a scan from an id delivers",
    "a scan from an lsn delivers",
    "a scan from a tick delivers",
    "a scan from behind an id delivers",
    "a scan from so many before the tail delivers",
    "a scan from the earliest delivers",
    "a scan from the latest delivers",
    "a scan of a virtual channel delivers",
    "a scan tells what was truncated",
    "a scan up to an id ends",
    "a scan up to an lsn ends",
    "a scan up to a tick ends",
    "a scan up to the tail ends",
    "a truncation fails",
    "a truncation meets a scan",
    "an append behind a close is refused",
    "an append has an unknown outcome and is delivered",
    "an append has an unknown outcome and is not delivered",
    "an append is fenced",
    "an append is not written",
    "an interceptor refuses a message",
    "an open conflicts with an owner",
    "an open is fenced",
    "an open is refused for a clock or a fault",
    "an owner appends though a later one was opened",
    "owners of two channels append at once",
];

#[test]
fn the_first_500_seeds_reach_everything_that_matters() {
    let mut reached = BTreeMap::<String, u64>::new();
    for seed in 0..SEEDS {
        for what in of(&run(seed)) {
            *reached.entry(what).or_default() += 1;
        }
    }
    println!("| reached | seeds of {SEEDS} |\n|---|---|");
    for (what, seeds) in &reached {
        println!("| {what} | {seeds} |");
    }
    let counted = COUNTED.iter().map(|(name, label)| counted(name, label));
    let known = TOLD.iter().chain(SHOWN).map(|it| (*it).to_owned());
    let known: BTreeSet<String> = known.chain(counted).collect();
    let reached: BTreeSet<String> = reached.into_keys().collect();
    let missed: Vec<_> = known.difference(&reached).collect();
    assert!(missed.is_empty(), "no seed reaches {missed:#?}");
    let untold: Vec<_> = reached.difference(&known).collect();
    assert!(untold.is_empty(), "nobody asks for {untold:#?}");
}

fn counted(name: &str, label: &str) -> String {
    format!("{name} {label}").trim_end().to_owned()
}

fn of(run: &Run) -> BTreeSet<String> {
    let told = run.reached.iter().map(|it| (*it).to_owned());
    let mut reached: BTreeSet<String> = told.collect();
    for key in &run.counted {
        let label = key.labels().next().map_or("", |it| it.value());
        if COUNTED.contains(&(key.name(), label)) {
            reached.insert(counted(key.name(), label));
        }
    }
    let mut seen = Seen::default();
    for event in run.history.events() {
        seen.event(event.id, &event.what);
    }
    reached.extend(seen.end().into_iter().map(str::to_owned));
    reached
}

/// What of a history has been seen so far.
#[derive(Default)]
struct Seen<'a> {
    reached: BTreeSet<&'static str>,
    /// The channel of each open for writing.
    writers: BTreeMap<EventId, &'a str>,
    /// The open that owns a channel since it was opened last.
    newest: BTreeMap<&'a str, EventId>,
    appends: BTreeMap<EventId, Append>,
    scans: BTreeMap<EventId, Scan<'a>>,
    delivered: BTreeSet<EventId>,
}

struct Append {
    handle: EventId,
    reserved: bool,
    messages: usize,
    answered: Option<&'static str>,
}

struct Scan<'a> {
    start: &'a Start,
    until: &'a Stop,
    part: bool,
    delivers: bool,
    over: bool,
}

impl<'a> Seen<'a> {
    fn event(&mut self, id: EventId, what: &'a What) {
        match what {
            What::OpenCalled { channel, write } if *write => {
                self.writers.insert(id, channel.as_str());
            }
            What::OpenAnswered { call, answer } => {
                let reach = match answer.as_ref().map_err(|failed| failed.kind) {
                    Ok(_) => {
                        if let Some(channel) = self.writers.get(call) {
                            self.newest.insert(channel, *call);
                        }
                        return;
                    }
                    Err(ErrorKind::NotFound) => "a channel is opened that is not there",
                    Err(ErrorKind::Conflict) => "an open conflicts with an owner",
                    Err(ErrorKind::Fenced) => "an open is fenced",
                    Err(ErrorKind::Unavailable) => "an open is refused for a clock or a fault",
                    Err(_) => return,
                };
                self.reached.insert(reach);
            }
            What::AppendCalled {
                handle,
                reserved,
                messages,
                ..
            } => self.append(id, *handle, *reserved, messages.len()),
            What::AppendAnswered { call, answer } => self.answered(*call, answer),
            What::CloseCalled { handle } => {
                let mut appends = self.appends.values();
                if appends.any(|it| it.handle == *handle && it.answered.is_none()) {
                    self.reached
                        .insert("a close comes while appends are on their way");
                }
            }
            What::TruncateAnswered { answer, .. } => {
                let open = self.scans.values().any(|it| it.delivers && !it.over);
                match answer {
                    Ok(()) if open => self.reached.insert("a truncation meets a scan"),
                    Ok(()) => false,
                    Err(_) => self.reached.insert("a truncation fails"),
                };
            }
            What::ScanCalled {
                from,
                until,
                virtual_channel,
                ..
            } => {
                let scan = Scan {
                    start: from,
                    until,
                    part: virtual_channel.is_some(),
                    delivers: false,
                    over: false,
                };
                self.scans.insert(id, scan);
            }
            What::ScanAnswered { call, answer } => {
                if matches!(answer, Err(it) if matches!(it.kind, ErrorKind::PositionLost { .. })) {
                    self.reached
                        .insert("a scan from a place that is gone fails");
                }
                if let (Some(scan), Err(_)) = (self.scans.get_mut(call), answer) {
                    scan.over = true;
                }
            }
            What::Delivered { scan, key, .. } => {
                self.delivered.extend(key.map(|key| key.call));
                self.delivers(*scan);
            }
            What::Gap { reason, .. } if *reason == GapReason::Truncated => {
                self.reached.insert("a scan tells what was truncated");
            }
            What::ScanEnded { scan, end } => self.ended(*scan, *end),
            _ => {}
        }
    }

    fn append(&mut self, id: EventId, handle: EventId, reserved: bool, messages: usize) {
        if let Some(channel) = self.writers.get(&handle)
            && self.newest.get(channel).is_some_and(|it| *it > handle)
        {
            self.reached
                .insert("an owner appends though a later one was opened");
        }
        let here = self.writers.get(&handle);
        let mut on_their_way = self.appends.values().filter(|it| it.answered.is_none());
        if on_their_way.any(|it| self.writers.get(&it.handle) != here) {
            self.reached.insert("owners of two channels append at once");
        }
        let append = Append {
            handle,
            reserved,
            messages,
            answered: None,
        };
        self.appends.insert(id, append);
    }

    fn answered(&mut self, call: EventId, answer: &Appended) {
        let Some(append) = self.appends.get_mut(&call) else {
            return;
        };
        let what = match answer {
            Appended::Acknowledged(_) if append.messages > 1 => "a batch is acknowledged",
            Appended::Acknowledged(_) if append.reserved => {
                "a message with room of its own is acknowledged"
            }
            Appended::Acknowledged(_) => "a message is acknowledged",
            Appended::Dropped => DROPPED,
            Appended::Failed(failed) => match failed.kind {
                ErrorKind::OutcomeUnknown => UNKNOWN,
                ErrorKind::NotWritten => "an append is not written",
                ErrorKind::Fenced => "an append is fenced",
                ErrorKind::Closed => "an append behind a close is refused",
                ErrorKind::TooLarge => "a message above the limit is refused",
                ErrorKind::Denied => "an interceptor refuses a message",
                _ => "",
            },
        };
        append.answered = Some(what);
        if !["", DROPPED, UNKNOWN].contains(&what) {
            self.reached.insert(what);
        }
    }

    fn delivers(&mut self, scan: EventId) {
        let Some(scan) = self.scans.get_mut(&scan) else {
            return;
        };
        if std::mem::replace(&mut scan.delivers, true) {
            return;
        }
        if scan.part {
            self.reached.insert("a scan of a virtual channel delivers");
        }
        self.reached.insert(match scan.start {
            Start::Earliest => "a scan from the earliest delivers",
            Start::Latest => "a scan from the latest delivers",
            Start::At(_) => "a scan from an id delivers",
            Start::After(_) => "a scan from behind an id delivers",
            Start::Lsn(_) => "a scan from an lsn delivers",
            Start::Tick(_) => "a scan from a tick delivers",
            Start::Somewhere => "a scan from so many before the tail delivers",
        });
    }

    fn ended(&mut self, scan: EventId, end: ScanEnd) {
        let Some(scan) = self.scans.get_mut(&scan) else {
            return;
        };
        scan.over = true;
        let what = match (end, scan.until) {
            (ScanEnd::Dropped, Stop::Never) => "a scan follows the log until it is dropped",
            (ScanEnd::Reached, Stop::Tail) => "a scan up to the tail ends",
            (ScanEnd::Reached, Stop::Id(_)) => "a scan up to an id ends",
            (ScanEnd::Reached, Stop::Lsn(_)) => "a scan up to an lsn ends",
            (ScanEnd::Reached, Stop::Tick(_)) => "a scan up to a tick ends",
            _ => return,
        };
        self.reached.insert(what);
    }

    /// With what only the whole history shows.
    fn end(mut self) -> BTreeSet<&'static str> {
        for (call, append) in &self.appends {
            let delivered = self.delivered.contains(call);
            self.reached.insert(match (append.answered, delivered) {
                (Some(DROPPED), true) => "a dropped append is delivered",
                (Some(DROPPED), false) => "a dropped append is not delivered",
                (Some(UNKNOWN), true) => "an append has an unknown outcome and is delivered",
                (Some(UNKNOWN), false) => "an append has an unknown outcome and is not delivered",
                _ => continue,
            });
        }
        self.reached
    }
}

const DROPPED: &str = "dropped";
const UNKNOWN: &str = "unknown";
