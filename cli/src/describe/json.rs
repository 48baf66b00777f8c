use serde::Serialize;

use walx::{Description, LastOwner, ScanMode, ScannerInfo, StoreProcess};

use crate::text;

/// A channel as `describe --output json` and `ls --output json` print it. The names are stable.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    channel: &'a str,
    earliest_lsn: Option<u64>,
    next_lsn: u64,
    earliest_id: Option<String>,
    newest_id: Option<String>,
    newest_tick: Option<u64>,
    newest_time: Option<String>,
    owner: Option<Owner<'a>>,
    records: Option<u64>,
    bytes: Option<u64>,
    retained_bytes: Option<u64>,
    durability: String,
    fence: String,
    truncation: String,
    atomic_batch: bool,
    start_by_time: bool,
    max_record_bytes: usize,
    needs_server: bool,
    processes: Vec<Process<'a>>,
    scanners: Vec<Scanner>,
}

#[derive(Serialize)]
struct Owner<'a> {
    term: u64,
    incarnation: u32,
    who: Option<&'a str>,
    released: bool,
}

#[derive(Serialize)]
struct Process<'a> {
    pid: u32,
    name: Option<&'a str>,
    writes: bool,
}

#[derive(Serialize)]
struct Scanner {
    mode: &'static str,
    lsn: Option<u64>,
    lag: u64,
}

impl<'a> Line<'a> {
    pub(crate) fn new(it: &'a Description) -> Self {
        let can = &it.capability;
        let time = text::time(it.tail.tick);
        Self {
            channel: it.channel.as_str(),
            earliest_lsn: it.earliest.map(|lsn| lsn.get()),
            next_lsn: it.tail.lsn.get(),
            earliest_id: it.bounds.earliest.map(|id| id.to_string()),
            newest_id: it.bounds.newest.map(|id| id.to_string()),
            newest_tick: time.is_some().then(|| it.tail.tick.get()),
            newest_time: time,
            owner: it.owner.as_ref().map(owner),
            records: it.usage.records,
            bytes: it.usage.bytes,
            retained_bytes: it.usage.retained_bytes,
            durability: can.durability.to_string(),
            fence: word(can.fence),
            truncation: word(can.truncation),
            atomic_batch: can.atomic_batch,
            start_by_time: can.start_by_time,
            max_record_bytes: can.max_record_bytes,
            needs_server: can.needs_server,
            processes: it.processes.iter().map(process).collect(),
            scanners: it.scanners.iter().map(scanner).collect(),
        }
    }
}

/// The name of a variant in words of small letters: `BySegment` is `by-segment`.
pub(crate) fn word(variant: impl std::fmt::Debug) -> String {
    let mut word = String::new();
    for c in format!("{variant:?}").chars() {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

fn owner(it: &LastOwner) -> Owner<'_> {
    Owner {
        term: it.owner.term.get(),
        incarnation: it.owner.incarnation,
        who: it.who.as_deref(),
        released: it.released,
    }
}

fn process(it: &StoreProcess) -> Process<'_> {
    Process {
        pid: it.pid,
        name: it.name.as_deref(),
        writes: it.writes,
    }
}

fn scanner(it: &ScannerInfo) -> Scanner {
    Scanner {
        mode: match it.mode {
            ScanMode::CatchUp => "catch-up",
            ScanMode::Tailing => "tailing",
        },
        lsn: it.lsn.map(|lsn| lsn.get()),
        lag: it.lag,
    }
}

#[cfg(test)]
mod tests {
    use walx::{Fence, Truncation};

    use super::*;

    #[test]
    fn capabilities_are_words() {
        assert_eq!(word(Fence::ReadBack), "read-back");
        assert_eq!(word(Fence::None), "none");
        assert_eq!(word(Truncation::BySegment), "by-segment");
    }
}
