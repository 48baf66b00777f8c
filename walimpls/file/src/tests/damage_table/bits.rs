//! One bit flips, in every byte of every file.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::scratch;
use super::checker::{Case, check};
use super::image::{BLOCK, IMAGES, Image};
use crate::frame::{FrameHeader, HEADER, Seed, bind, directory, kind};
use crate::manifest::{Manifest, NAMES};
use crate::segment::{Head, SegmentHeader};

/// A case for each byte of a file, each with another bit.
fn flips(
    image: &'static Image,
    file: &'static str,
    at: impl Iterator<Item = usize> + Send,
) -> impl Iterator<Item = Case> + Send {
    at.map(move |at| {
        let bit = at % 8;
        let mut files = image.files.clone();
        files.get_mut(file).unwrap()[at] ^= 1 << bit;
        let lost = image.lost(file, at..at + 1);
        let name = format!("bit {bit} of byte {at} of {file}");
        Case::new(name, image, files, lost).one_of_many(at)
    })
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_segment() {
    for image in IMAGES.iter() {
        let mut headers = 0;
        for file in image.segments() {
            let content = &image.files[file];
            // Of the first block one crc decides, whatever the bit: each of them by itself, and some by all of the
            // store.
            for at in 0..BLOCK * 8 {
                let mut block = content[..BLOCK].to_vec();
                block[at / 8] ^= 1 << (at % 8);
                assert!(matches!(SegmentHeader::decode(&block), Head::Damaged));
            }
            let header = (0..BLOCK).filter(|at| *at < 72 || *at % 64 == 3 || *at >= BLOCK - 4);
            headers += header.clone().count();
            let (checked, named) = check(flips(image, file, header));
            assert_eq!(checked, named);
        }
        // Of each part of a frame one checksum decides as well: each bit of them by itself, and some bytes of each part
        // by all of the store, and so all of footers and padding.
        let (mut all, mut some) = (0, Vec::new());
        for file in image.segments() {
            let content = &image.files[file];
            let parts = parts(content);
            parts.iter().for_each(|frame| frame.meets_each_bit(content));
            let inner = parts.iter().flat_map(|frame| &frame.parts);
            // Beside the ends of a part, such a step takes each of the eight bits in turn.
            let within = |part: &Range<usize>| part.start + 2..part.end - 2;
            let inner: BTreeSet<_> = inner
                .flat_map(within)
                .filter(|at| !at.is_multiple_of(9))
                .collect();
            all += content.len() - BLOCK;
            let at = (BLOCK..content.len()).filter(|at| !inner.contains(at));
            some.push((file, at.collect::<Vec<_>>()));
        }
        let count: usize = some.iter().map(|(_, at)| at.len()).sum();
        assert!(count > all / 9 && count < all / 2, "{count} of {all}");
        let behind = some
            .into_iter()
            .flat_map(|(file, at)| flips(image, file, at.into_iter()));
        let (checked, named) = check(behind);
        assert_eq!(checked, count);
        assert!(named > count * 3 / 4, "{named} of {count} were met");
        assert!(headers > 3 * 72);
    }
}

/// A frame of records: its header, its directory, its records.
struct Frame {
    seed: Seed,
    parts: Vec<Range<usize>>,
}

/// The frames of records in a segment.
fn parts(content: &[u8]) -> Vec<Frame> {
    let Head::Sound(segment) = SegmentHeader::decode(content) else {
        panic!("a segment has no header")
    };
    let (seed, mut at, mut frames) = (segment.seed(), BLOCK, Vec::new());
    while at < content.len() {
        let header = FrameHeader::decode(&content[at..], seed, at as u64).unwrap();
        let mut end = at + HEADER + header.dir_len as usize;
        if header.kind == kind::RECORDS {
            let mut parts = vec![at..at + HEADER, at + HEADER..end];
            for line in directory(&header, &content[parts[1].clone()]).unwrap() {
                parts.push(end..end + line.len);
                end += line.len;
            }
            let frame = Frame { seed, parts };
            assert!(frame.broken(content).is_empty());
            frames.push(frame);
        }
        at += header.stride() as usize;
    }
    assert!(!frames.is_empty());
    frames
}

impl Frame {
    fn meets_each_bit(&self, content: &[u8]) {
        let mut content = content.to_vec();
        for (part, range) in self.parts.iter().enumerate() {
            for (at, bit) in range
                .clone()
                .flat_map(|at| (0..8).map(move |bit| (at, bit)))
            {
                content[at] ^= 1 << bit;
                assert_eq!(self.broken(&content), [part], "bit {bit} of byte {at}");
                content[at] ^= 1 << bit;
            }
        }
    }

    /// The parts that are damaged, as readers find out.
    fn broken(&self, content: &[u8]) -> Vec<usize> {
        let at = self.parts[0].start;
        let Some(header) = FrameHeader::decode(&content[at..], self.seed, at as u64) else {
            return vec![0];
        };
        let Some(lines) = directory(&header, &content[self.parts[1].clone()]) else {
            return vec![1];
        };
        let records = (header.first_serial..).zip(lines).zip(&self.parts[2..]);
        let spoilt = records.map(|((serial, line), range)| {
            bind(crc32c::crc32c(&content[range.clone()]), serial) != line.crc
        });
        let spoilt = (2..).zip(spoilt).filter(|(_, spoilt)| *spoilt);
        spoilt.map(|(part, _)| part).collect()
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_manifest() {
    for image in IMAGES.iter() {
        for file in NAMES {
            let bytes = &image.files[file];
            let said = 32 + u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
            let cases = flips(image, file, 0..said).map(|case| Case {
                old_marks: true,
                ..case
            });
            let (checked, named) = check(cases);
            assert_eq!((checked, named), (said, 0));

            // Behind what it says nothing is read but by this.
            let dir = scratch();
            for name in NAMES {
                std::fs::write(dir.path().join(name), &image.files[name]).unwrap();
            }
            let load = || Manifest::load(dir.path()).unwrap();
            let sound = load();
            let mut bytes = bytes.clone();
            for at in (said..bytes.len()).step_by(7) {
                bytes[at] ^= 1 << (at % 8);
            }
            std::fs::write(dir.path().join(file), &bytes).unwrap();
            assert_eq!(load(), sound);
        }
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_acked() {
    for image in IMAGES.iter() {
        let size = image.files["ACKED"].len();
        assert_eq!(check(flips(image, "ACKED", 0..size)), (size, 0));
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_the_lock() {
    for image in IMAGES.iter() {
        let size = image.files["LOCK"].len();
        assert_eq!(check(flips(image, "LOCK", 0..size)), (size, 0));
    }
}
