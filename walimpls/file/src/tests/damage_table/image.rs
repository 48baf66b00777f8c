//! The files of a store in memory, to be damaged and written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use super::super::*;
use crate::frame::{self, FrameHeader, HEADER, kind};
use crate::segment::{Head, SegmentHeader};

pub(super) const BLOCK: usize = 4_096;
pub(super) const CHANNELS: [&str; 3] = ["a", "b", "c"];

/// The files of a store, by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A store and what stands where in it.
pub(super) struct Image {
    pub(super) name: &'static str,
    pub(super) files: Files,
    frames: Vec<Frame>,
    /// What was acknowledged, by channel: the first number that is kept, and the payloads from 0.
    pub(super) model: BTreeMap<u32, (u64, Vec<Vec<u8>>)>,
}

/// Where records lie: file, bytes of the frame, and its records as (channel, number).
type Frame = (String, Range<usize>, Vec<(u32, u64)>);

/// Records that the damage may take: (channel, number).
pub(super) type Lost = BTreeSet<(u32, u64)>;

/// A closed store and a killed one, each of which must survive all that is done to it.
pub(super) static IMAGES: LazyLock<[Image; 2]> = LazyLock::new(|| [made(true, 1), made(false, 2)]);
/// Another store, whose files are foreign.
pub(super) static OTHER: LazyLock<Image> = LazyLock::new(|| made(true, 3));

impl Image {
    /// The names of its segments.
    pub(super) fn segments(&self) -> Vec<&String> {
        let is_segment = |name: &&String| name.ends_with(".wal");
        self.files.keys().filter(is_segment).collect()
    }

    /// What may be missing where these bytes are damaged.
    pub(super) fn lost(&self, file: &str, bytes: Range<usize>) -> Lost {
        let touched = |frame: &Range<usize>| frame.start < bytes.end && bytes.start < frame.end;
        let headless = bytes.start < BLOCK;
        self.frames
            .iter()
            .filter(|(name, frame, _)| name == file && (headless || touched(frame)))
            .flat_map(|(_, _, records)| records.iter().copied())
            .collect()
    }

    /// What may be missing where the whole file is damaged.
    pub(super) fn lost_with(&self, file: &str) -> Lost {
        self.lost(file, 0..usize::MAX)
    }

    /// The first frame of records of a file.
    pub(super) fn first_frame(&self, file: &str) -> Range<usize> {
        let frame = self.frames.iter().find(|(name, ..)| name == file);
        frame.unwrap().1.clone()
    }
}

fn made(closed: bool, seed: u8) -> Image {
    // On a thread of its own: whoever asks may be within a runtime already.
    let make = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(store(closed, seed))
    };
    std::thread::scope(|scope| scope.spawn(make).join().unwrap())
}

async fn store(closed: bool, seed: u8) -> Image {
    let dir = scratch();
    let config = small(dir.path());
    let opener = apart(&config);
    let mut wals = Vec::new();
    for channel in CHANNELS {
        wals.push(opener.open(&name(channel), Claim::TakeOver).await.unwrap());
    }
    let mut model: BTreeMap<u32, (u64, Vec<Vec<u8>>)> = BTreeMap::new();
    // Frames of one record and of several, small ones and larger ones.
    let mut truncated = false;
    loop {
        for (channel, wal) in (0..).zip(&wals) {
            let (_, payloads) = model.entry(channel).or_default();
            let count = if channel == 1 { 3 } else { 1 };
            let records = (0..count)
                .map(|_| {
                    let number = payloads.len() as u64;
                    let mut payload = format!("{seed} {channel} {number} ").into_bytes();
                    payload.resize(40 + (number * 37 % 160) as usize, seed);
                    payloads.push(payload.clone());
                    record(number, payload)
                })
                .collect();
            deadline(wal.append(Batch::Many(records))).await.unwrap();
        }
        let there = segments(dir.path());
        let last = std::fs::metadata(there.last().unwrap()).unwrap().len();
        if there.len() == 2 && !truncated && last > 5_000 {
            // The first segment goes, and one channel is truncated within the next one.
            for (channel, wal) in (0..).zip(&wals) {
                let (from, payloads) = model.get_mut(&channel).unwrap();
                *from = payloads.len() as u64 - u64::from(channel != 0);
                wal.truncate(id(*from - 1)).await.unwrap();
            }
            truncated = true;
            assert_eq!(segments(dir.path()).len(), 1);
        }
        if there.len() == 3 && last > 5_000 {
            assert!(truncated);
            break;
        }
    }
    if closed {
        drop(wals);
        opener.close().await.unwrap();
    }
    let mut files = Files::new();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mut bytes = std::fs::read(entry.path()).unwrap();
        if name.starts_with("MANIFEST") {
            // The room behind what it says holds zeros, and is written thousands of times here.
            assert!(bytes[BLOCK..].iter().all(|byte| *byte == 0));
            bytes.truncate(BLOCK);
        }
        files.insert(name, bytes);
    }
    let frames = files
        .iter()
        .filter(|(name, _)| name.ends_with(".wal"))
        .flat_map(|(name, bytes)| frames(name, bytes))
        .collect();
    let name = if closed { "closed" } else { "killed" };
    let image = Image {
        name,
        files,
        frames,
        model,
    };
    assert!(image.segments().len() >= 3);
    image
}

fn frames(name: &str, bytes: &[u8]) -> Vec<Frame> {
    let Head::Sound(segment) = SegmentHeader::decode(bytes) else {
        panic!("{name} has no header")
    };
    let (mut at, mut frames) = (BLOCK, Vec::new());
    while at < bytes.len() {
        let header = FrameHeader::decode(&bytes[at..], segment.seed(), at as u64).unwrap();
        let end = at + header.stride() as usize;
        if header.kind == kind::RECORDS {
            let dir = at + HEADER..at + HEADER + header.dir_len as usize;
            let lines = frame::directory(&header, &bytes[dir]).unwrap();
            let records = lines.iter().map(|line| (line.channel, line.number));
            frames.push((name.to_owned(), at..end, records.collect()));
        }
        at = end;
    }
    frames
}
