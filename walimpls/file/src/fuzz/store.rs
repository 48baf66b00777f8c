use std::path::Path;
use std::sync::{Arc, LazyLock};

use walx_core::{
    ChannelName, Error, ErrorKind, Finding, Progress, Record, RepairMode, Repaired, Result,
};
use walx_helper::config::ByteSize;
use walx_impls::{Batch, Claim, Maintenance, OpenerImpls, ScanOptions, Scanned, Start};

use super::change::Change;
use super::image::{CHANNELS, Files, RECORDS, record};
use crate::config::FileConfig;
use crate::directory::Directory;
use crate::disk::RealDisk;
use crate::doctor::doctor;
use crate::lock;
use crate::opener::FileOpener;
use crate::read;
use crate::setting::FileDamage;

/// A whole store, changed as the bytes say, is read, verified, and then written, salvaged or repaired in `dir`, which
/// is emptied first. Says whether a strict reader gets all that was appended.
pub fn store(dir: &Path, bytes: &[u8]) -> bool {
    let change = Change::of(bytes);
    let case = Case {
        dir,
        files: change.files(),
        change,
    };
    case.write();
    let strict = case.config(FileDamage::Strict);
    let mut refused = None;
    let mut all = true;
    for channel in 0..CHANNELS.len() as u32 {
        let got = Got::read(&strict, channel);
        case.is_true(&got, channel);
        case.is_whole(&got);
        all &= got.records.len() as u64 == RECORDS;
        let damage = |error: &Error| error.kind() == ErrorKind::Corrupt && !is_content(error);
        refused = refused.or_else(|| got.error.filter(damage));
        let salvaged = Got::read(&case.config(FileDamage::Salvage), channel);
        case.is_true(&salvaged, channel);
    }
    let clean = case.verify().is_ok_and(|found| found.is_empty());
    assert!(
        !clean || refused.is_none(),
        "a reader met damage, and no verification does: {refused:?}"
    );
    case.is_described();
    assert!(case.is_as_written(""), "a reader changed a file");
    match case.change.then {
        0 => case.writer(FileDamage::Strict, clean),
        1 => case.writer(FileDamage::Salvage, clean),
        2 => case.repair(),
        _ => {}
    }
    all
}

struct Case<'a> {
    dir: &'a Path,
    change: Change<'a>,
    files: Files,
}

/// What one reader of a channel got.
#[derive(Debug, Default)]
struct Got {
    records: Vec<(u64, Record)>,
    damage: Vec<String>,
    error: Option<Error>,
}

impl Got {
    /// Reads from the start to the tail.
    fn read(config: &FileConfig, channel: u32) -> Self {
        let mut got = Self::default();
        let options = ScanOptions::default();
        let outcome = read::start(config, &name(channel), None, Start::Earliest, &options);
        let outcome = outcome.and_then(|mut reader| {
            for _ in 0..1_000 {
                match reader.next()? {
                    None => return Ok(()),
                    Some(items) => items.into_iter().for_each(|item| got.put(item)),
                }
            }
            panic!("a channel is read for ever: {got:?}");
        });
        got.error = outcome.err();
        got
    }

    fn put(&mut self, item: Scanned) {
        match item {
            Scanned::Record(stored) => {
                let number = stored.id.to_u64().unwrap_or(u64::MAX);
                self.records.push((number, stored.record));
            }
            Scanned::Damage(text) => {
                assert!(text.contains(" at "), "{text} names no place");
                self.damage.push(text);
            }
            other => panic!("{other:?} is new here"),
        }
    }
}

impl Case<'_> {
    fn config(&self, damage: FileDamage) -> FileConfig {
        // Room for no more than is written: a file system in memory fills it with zeros.
        FileConfig::new(self.dir)
            .with_damage(damage)
            .with_segment(ByteSize(64 << 10))
    }

    fn write(&self) {
        let _ = std::fs::remove_dir_all(self.dir);
        let mut outcome = std::fs::create_dir_all(self.dir);
        for (name, bytes) in &self.files {
            outcome = outcome.and_then(|()| std::fs::write(self.dir.join(name), bytes));
        }
        assert!(outcome.is_ok(), "the test's own folder: {outcome:?}");
    }

    fn is_as_written(&self, end: &str) -> bool {
        let mut files = self.files.iter().filter(|(name, _)| name.ends_with(end));
        files.all(|(name, bytes)| std::fs::read(self.dir.join(name)).is_ok_and(|it| it == *bytes))
    }

    /// Numbers ascend, and where no checksum was made right, there is nothing else than what was appended.
    fn is_true(&self, got: &Got, channel: u32) {
        got.error.iter().for_each(is_named);
        assert!(
            got.records.is_sorted_by(|one, other| one.0 < other.0),
            "the numbers don't ascend: {got:?}"
        );
        for (number, there) in &got.records {
            let appended = record(channel, *number);
            assert!(
                self.change.sealed || (*number < RECORDS && *there == appended),
                "{number} was never appended like that: {there:?}"
            );
        }
    }

    /// Where it is known how much was acknowledged, a strict reader gets all of it, or an error.
    fn is_whole(&self, got: &Got) {
        let known = self.change.is_told(&self.files);
        assert!(
            !known || got.error.is_some() || got.records.len() as u64 == RECORDS,
            "lost in silence: {got:?}"
        );
    }

    fn verify(&self) -> Result<Vec<Finding>> {
        let opener = self.opener(FileDamage::Strict);
        let (mut findings, progress) = (Vec::new(), Progress::default());
        let mut found = |finding: Finding| findings.push(finding);
        let outcome = RUNTIME.block_on(Maintenance::verify(&opener, &mut found, &progress));
        outcome.inspect_err(is_named)?;
        for finding in &findings {
            assert!(!finding.place.is_empty(), "{finding} names no place");
        }
        Ok(findings)
    }

    /// What operators ask of a store that can't be opened is answered as well.
    fn is_described(&self) {
        let config = self.config(FileDamage::Strict);
        assert!(!doctor(&(&config).into()).is_empty());
        let _ = lock::said(self.dir);
        let opener = self.opener(FileDamage::Strict);
        for channel in 0..CHANNELS.len() as u32 {
            let channel = name(channel);
            let usage = RUNTIME.block_on(Maintenance::usage(&opener, &channel));
            let bounds = RUNTIME.block_on(opener.bounds(&channel));
            usage.err().iter().chain(&bounds.err()).for_each(is_named);
        }
    }

    /// As another process opens it.
    fn opener(&self, damage: FileDamage) -> FileOpener {
        FileOpener::new(Directory::enter_apart(
            self.config(damage),
            Arc::new(RealDisk),
        ))
    }

    /// Opens for writing, appends, closes, and reads it all again.
    fn writer(&self, damage: FileDamage, clean: bool) {
        let opener = self.opener(damage);
        let wal = match RUNTIME.block_on(opener.open(&name(0), Claim::TakeOver)) {
            Ok(wal) => wal,
            Err(error) => {
                is_named(&error);
                assert!(
                    !clean,
                    "a verified store is not opened for writing: {error}"
                );
                assert!(
                    self.is_as_written(".wal"),
                    "a refused open changed a segment"
                );
                return;
            }
        };
        let mut expected = Got::read(&self.config(damage), 0);
        self.is_true(&expected, 0);
        let new = record(0, 1_000);
        let appended = RUNTIME.block_on(wal.append(Batch::One(new.clone())));
        drop(wal);
        let closed = RUNTIME.block_on(opener.close());
        let id = match (appended, closed) {
            (Ok(Batch::One(id)), Ok(())) => id,
            outcome => panic!("neither written nor refused: {outcome:?}"),
        };
        if expected.error.is_none() {
            expected
                .records
                .push((id.to_u64().unwrap_or_default(), new));
        }
        let after = Got::read(&self.config(damage), 0);
        if self.change.sealed {
            // A frame may claim more records than it has, and a reader waits before it.
            return self.is_true(&after, 0);
        }
        assert_eq!(after.records, expected.records, "{after:?}");
        let text = |got: Got| got.error.map(|error| error.to_string());
        assert_eq!(text(after), text(expected));
    }

    /// After a repair a strict reader reads all that a salvaging one read before, and there is nothing more to repair.
    fn repair(&self) {
        let read = |damage| {
            let channels = 0..CHANNELS.len() as u32;
            let config = self.config(damage);
            channels.map(move |channel| Got::read(&config, channel))
        };
        let salvaged: Vec<_> = read(FileDamage::Salvage).collect();
        let repair = || -> Result<Repaired> {
            let opener = self.opener(FileDamage::Strict);
            let progress = Progress::default();
            RUNTIME.block_on(Maintenance::repair(&opener, RepairMode::Apply, &progress))
        };
        if let Err(error) = repair() {
            is_named(&error);
            return;
        }
        if self.change.breaks_links() {
            return;
        }
        for (before, after) in salvaged.iter().zip(read(FileDamage::Strict)) {
            assert!(
                after.error.as_ref().is_none_or(is_content),
                "a repaired store is not read: {after:?}"
            );
            // It may find more: a footer that lied is written anew.
            assert!(
                before.records.iter().all(|it| after.records.contains(it)),
                "a repair lost records: {before:?} {after:?}"
            );
        }
        match repair() {
            Ok(again) => assert!(
                again.steps.iter().all(|step| step.finding.known),
                "{again:?}"
            ),
            Err(error) => panic!("a repaired store can't be repaired: {error}"),
        }
    }
}

/// Whether a record whose checksum is right is no record, which scans find out.
fn is_content(error: &Error) -> bool {
    error.operation() == "decode record"
}

fn is_named(error: &Error) {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Unsupported => {
            assert!(text.contains("file: "), "{text} names no file");
        }
        ErrorKind::NotFound | ErrorKind::PositionLost { .. } | ErrorKind::InvalidInput => {}
        kind => panic!("{kind:?} is no answer to what stands in a file: {text}"),
    }
}

fn name(channel: u32) -> ChannelName {
    let name = ChannelName::new(CHANNELS[channel as usize % CHANNELS.len()]);
    name.unwrap_or_else(|error| panic!("{error}"))
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap_or_else(|error| panic!("the runtime does not start: {error}"))
});
