//! What must hold of any damaged store: everything acknowledged is delivered once and in order, or the damage has a
//! name. Never a wrong byte, a silent loss, a panic, or a hang.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use walx_core::{Error, ErrorKind};
use walx_impls::{Claim, ScanOptions, Scanned, Start};

use super::super::{name, record, salvage, scratch, small};
use super::image::{CHANNELS, Files, Image, Lost};
use crate::config::FileConfig;
use crate::directory::Directory;
use crate::disk::RealDisk;
use crate::group::Encoded;
use crate::read;
use crate::store::Store;

/// How long one case may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Many: a manifest that looks torn is waited for.
const THREADS: usize = 24;

/// One damaged store.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) image: &'static Image,
    pub(super) files: Files,
    /// What it may lose; nothing else is lost to those who salvage.
    pub(super) lost: Lost,
    /// Whether those who salvage may be refused, too.
    pub(super) hopeless: bool,
    /// Whether marks and numbers may be as old as an older manifest.
    pub(super) old_marks: bool,
    /// Where there are very many like it: the channel that is looked at, and whether the writer salvages.
    pub(super) one_of_many: Option<(u32, bool)>,
}

impl Case {
    pub(super) fn new(name: String, image: &'static Image, files: Files, lost: Lost) -> Self {
        Self {
            name: format!("{} store, {name}", image.name),
            image,
            files,
            lost,
            hopeless: false,
            old_marks: false,
            one_of_many: None,
        }
    }

    /// One of very many: what one of them leaves out another one looks at.
    pub(super) fn one_of_many(self, at: usize) -> Self {
        let channel = self
            .lost
            .first()
            .map_or(at as u32 % 3, |(channel, _)| *channel);
        Self {
            one_of_many: Some((channel, (at / 3).is_multiple_of(2))),
            ..self
        }
    }

    /// The channels that are looked at.
    fn channels(&self) -> impl Iterator<Item = (u32, &'static str)> {
        let only = self.one_of_many.map(|(channel, _)| channel);
        let all = (0..).zip(CHANNELS);
        all.filter(move |(number, _)| only.is_none_or(|only| only == *number))
    }
}

/// Checks all cases, and says how many strict readers met damage in.
pub(super) fn check(cases: impl Iterator<Item = Case> + Send) -> (usize, usize) {
    let (checked, named) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let cases = Mutex::new(cases);
    let (begun, watch) = mpsc::sync_channel::<()>(THREADS);
    // A hang must fail: the test's thread watches, and whoever ends tells it so.
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let begun = begun.clone();
            let (cases, checked, named) = (&cases, &checked, &named);
            scope.spawn(move || {
                let dir = scratch();
                let path = dir.path().join("store");
                loop {
                    let Some(case) = cases.lock().unwrap().next() else {
                        return;
                    };
                    if case.check(&path) {
                        named.fetch_add(1, Ordering::Relaxed);
                    }
                    checked.fetch_add(1, Ordering::Relaxed);
                    begun.send(()).unwrap();
                }
            });
        }
        drop(begun);
        loop {
            match watch.recv_timeout(LIMIT) {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    // No unwinding: the scope would wait for the thread that hangs.
                    eprintln!("a case took longer than {LIMIT:?}");
                    std::process::abort();
                }
            }
        }
    });
    (checked.into_inner(), named.into_inner())
}

/// What one reader of a channel got.
#[derive(Debug, Default)]
struct Got {
    records: Vec<(u64, Vec<u8>)>,
    damage: Vec<String>,
    error: Option<Error>,
}

impl Case {
    /// Whether a strict reader met damage.
    fn check(&self, dir: &Path) -> bool {
        let strict = small(dir);
        let salvaging = salvage(&strict);
        self.write(dir);
        let mut named = false;
        for (number, channel) in self.channels() {
            let got = self.read(&strict, channel, None);
            named |= got.error.is_some();
            self.is_strict(&got, number, "strict reader");
            let got = self.read(&salvaging, channel, None);
            self.is_salvaged(&got, number, "salvaging reader", None);
        }
        assert!(self.same(dir), "{}: a reader changed something", self.name);
        match self.one_of_many {
            None => {
                self.writer(&strict, false);
                self.write(dir);
                self.writer(&salvaging, true);
            }
            Some((_, true)) => self.writer(&salvaging, true),
            Some((_, false)) => self.writer(&strict, false),
        }
        named
    }

    fn write(&self, dir: &Path) {
        let _ = std::fs::remove_dir_all(dir);
        std::fs::create_dir(dir).unwrap();
        for (name, bytes) in &self.files {
            std::fs::write(dir.join(name), bytes).unwrap();
        }
    }

    fn same(&self, dir: &Path) -> bool {
        self.files
            .iter()
            .all(|(name, bytes)| std::fs::read(dir.join(name)).is_ok_and(|there| there == *bytes))
    }

    /// Opens the store for writing, reads all, appends, closes, and reads again.
    fn writer(&self, config: &FileConfig, salvaging: bool) {
        let how = if salvaging {
            "salvaging writer"
        } else {
            "strict writer"
        };
        let directory = Directory::enter_apart(config.clone(), Arc::new(RealDisk));
        let mut claims = Vec::new();
        for (_, channel) in self.channels() {
            match directory.claim(&name(channel), &Claim::TakeOver) {
                Ok(claimed) => claims.push(claimed),
                Err(error) => {
                    Self::is_named(&error, how);
                    assert!(!salvaging || self.hopeless, "{}: {how}: {error}", self.name);
                    let before = self.files.iter().filter(|(name, _)| name.ends_with(".wal"));
                    for (name, bytes) in before {
                        let there = std::fs::read(config.path.join(name)).unwrap();
                        assert!(
                            there == *bytes,
                            "{}: a refused open changed {name}",
                            self.name
                        );
                    }
                    return;
                }
            }
        }
        let mut new = Vec::new();
        for ((number, channel), (store, handle)) in self.channels().zip(&claims) {
            let owner = Some((Arc::clone(&store.shared), handle.channel));
            let got = self.read(config, channel, owner);
            if salvaging {
                self.is_salvaged(&got, number, how, None);
            } else {
                self.is_strict(&got, number, how);
            }
            new.push(append(store, handle.channel));
        }
        drop(claims);
        let closed = directory.leave(true);
        closed.unwrap_or_else(|error| panic!("{}: {how}: closing: {error}", self.name));
        for ((number, channel), new) in self.channels().zip(new) {
            let given = self.image.model[&number].1.len() as u64;
            assert!(
                new >= given || self.old_marks && new + 100 > given,
                "{}: {how}: number {new} of channel {channel} was given twice, {given} were given",
                self.name
            );
            let got = self.read(config, channel, None);
            if salvaging {
                self.is_salvaged(&got, number, "reader after it", Some(new));
            } else if got.error.is_some() {
                self.is_strict(&got, number, "reader after it");
            } else {
                assert_eq!(
                    got.records.last().map(|(last, _)| *last),
                    Some(new),
                    "{}: {how}: what was appended is not there",
                    self.name
                );
            }
        }
    }

    /// Reads a channel from its start to the tail.
    fn read(
        &self,
        config: &FileConfig,
        channel: &str,
        owner: Option<(Arc<crate::shared::Shared>, u32)>,
    ) -> Got {
        let mut got = Got::default();
        let options = ScanOptions::default();
        let mut reader = match read::start(config, &name(channel), owner, Start::Earliest, &options)
        {
            Ok(reader) => reader,
            Err(error) => {
                got.error = Some(error);
                return got;
            }
        };
        for _ in 0..10_000 {
            match reader.next() {
                Ok(None) => return got,
                Ok(Some(items)) => items.into_iter().for_each(|item| match item {
                    Scanned::Record(stored) => {
                        let number = stored.id.to_u64().unwrap();
                        got.records.push((number, stored.record.payload.to_vec()));
                    }
                    Scanned::Damage(text) => got.damage.push(text),
                    other => panic!("{other:?} is new to this test"),
                }),
                Err(error) => {
                    got.error = Some(error);
                    return got;
                }
            }
        }
        panic!("{}: {channel} is read for ever", self.name);
    }

    /// What was acknowledged comes first and whole, or an error says why it ends.
    fn is_strict(&self, got: &Got, channel: u32, who: &str) {
        let place = format!("{}: {who} of {}", self.name, CHANNELS[channel as usize]);
        assert!(got.damage.is_empty(), "{place}: {:?}", got.damage);
        let (from, payloads) = &self.image.model[&channel];
        let numbers: Vec<_> = got.records.iter().map(|(number, _)| *number).collect();
        self.are_true(got, channel, &place, None);
        let first = numbers.first().copied().unwrap_or(*from);
        assert!(
            first == *from || self.old_marks && first < *from,
            "{place}: it starts at {first}"
        );
        let dense = (first..).zip(&numbers).all(|(one, other)| one == *other);
        assert!(dense, "{place}: {numbers:?} is not dense");
        match &got.error {
            Some(error) => Self::is_named(error, &place),
            None => assert_eq!(
                numbers.last().map_or(*from, |last| last + 1),
                payloads.len() as u64,
                "{place}: lost in silence"
            ),
        }
    }

    /// All that is sound comes, in order; where something is missing, that is said.
    fn is_salvaged(&self, got: &Got, channel: u32, who: &str, new: Option<u64>) {
        let place = format!("{}: {who} of {}", self.name, CHANNELS[channel as usize]);
        if let Some(error) = &got.error {
            assert!(self.hopeless, "{place}: {error}");
            return Self::is_named(error, &place);
        }
        self.are_true(got, channel, &place, new);
        let (from, payloads) = &self.image.model[&channel];
        let there: std::collections::BTreeSet<_> =
            got.records.iter().map(|(number, _)| *number).collect();
        let missing: Vec<_> = (*from..payloads.len() as u64)
            .filter(|number| !there.contains(number))
            .collect();
        assert!(
            missing.is_empty() || !got.damage.is_empty(),
            "{place}: {missing:?} are lost in silence"
        );
        for number in missing {
            assert!(
                self.lost.contains(&(channel, number)),
                "{place}: {number} is sound and was not delivered; told: {:?}",
                got.damage
            );
        }
        assert!(
            new.is_none_or(|new| there.contains(&new)),
            "{place}: {new:?} is not there"
        );
        for text in &got.damage {
            assert!(text.contains(" at "), "{place}: {text} names no place");
        }
    }

    /// Ascending numbers with the bytes that were appended under them.
    fn are_true(&self, got: &Got, channel: u32, place: &str, new: Option<u64>) {
        let (_, payloads) = &self.image.model[&channel];
        let mut last = None;
        for (number, payload) in &got.records {
            assert!(last < Some(*number), "{place}: {last:?} before {number}");
            last = Some(*number);
            let appended = if new == Some(*number) {
                &b"new"[..]
            } else {
                let appended = payloads.get(*number as usize);
                appended.unwrap_or_else(|| panic!("{place}: {number} was never appended"))
            };
            assert!(*payload == *appended, "{place}: {number} has wrong bytes");
        }
    }

    fn is_named(error: &Error, place: &str) {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{place}: {error}");
        let text = error.to_string();
        assert!(
            text.contains("file: ") && text.contains("offset: "),
            "{place}: {text} names no place"
        );
    }
}

/// Appends one record; it is written at the latest when the store is closed.
fn append(store: &Store, channel: u32) -> u64 {
    let record = record(1_000, "new");
    let mut bytes = Vec::new();
    walx_helper::frame::encode(&record, &mut bytes);
    let encoded = Encoded::new(bytes, &record.header);
    let mut state = store.shared.stage.lock().unwrap();
    let (number, _) = state.stage(channel, &[encoded]).unwrap();
    drop(state);
    store.shared.stage.wake();
    number
}
