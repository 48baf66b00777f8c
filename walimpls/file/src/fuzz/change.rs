use std::ops::Range;

use super::image::{self, Files, NAMES};
use crate::varint;

/// Those with numbers in decimal digits.
const TEXTS: [&str; 4] = ["MANIFEST.a", "MANIFEST.b", "LOSSES", "LOCK"];

/// Numbers at which something ends.
const EDGES: [u64; 12] = [
    0,
    1,
    u64::MAX,
    u64::MAX - 1,
    1 << 63,
    1 << 32,
    u32::MAX as u64,
    4_095,
    4_096,
    6,
    varint::END - 1,
    varint::END,
];

/// What is done to a store: what the first byte says, then one change after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    /// The store was closed, not killed.
    closed: bool,
    /// Checksums are made right afterwards.
    pub(super) sealed: bool,
    /// Where a segment ends, and where one starts, what is named of the frame before is made right, too.
    linked: bool,
    /// What comes after reading.
    pub(super) then: u8,
    steps: &'a [u8],
}

impl<'a> Change<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let (first, steps) = bytes.split_first().unwrap_or((&0, &[]));
        Self {
            closed: first & 1 != 0,
            sealed: first & 2 != 0,
            linked: first & 4 != 0,
            then: first >> 3 & 3,
            steps,
        }
    }

    /// The changed files.
    pub(super) fn files(&self) -> Files {
        let mut files = image::files(self.closed);
        let mut steps = Steps(self.steps);
        while steps.change(&mut files).is_some() {}
        if self.sealed {
            image::seal(&mut files, self.linked);
        }
        files
    }

    /// Whether a sound footer may name another frame than the one before it. No damage does that; a repair that follows
    /// the frames may then differ from a reader that trusts the footer.
    pub(super) fn breaks_links(&self) -> bool {
        self.sealed && !self.linked
    }

    /// Whether it is known how much was acknowledged, and no checksum hides a change.
    pub(super) fn is_told(&self, files: &Files) -> bool {
        !self.sealed && files.get("ACKED") == image::files(self.closed).get("ACKED")
    }
}

struct Steps<'a>(&'a [u8]);

impl Steps<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<usize> {
        let (low, high) = (self.byte()?, self.byte()?);
        Some(usize::from(u16::from_le_bytes([low, high])))
    }

    /// `None` at the end.
    fn change(&mut self, files: &mut Files) -> Option<()> {
        let byte = self.byte()?;
        let name = NAMES[usize::from(byte) % NAMES.len()];
        let step = byte >> 3;
        match step % 8 {
            2 if TEXTS.contains(&name) => {
                let (which, edge) = (self.byte()?, self.byte()?);
                let file = files.get_mut(name)?;
                let numbers = numbers(file);
                let number = numbers.get(usize::from(which) % numbers.len().max(1))?;
                let edge = EDGES[usize::from(edge) % EDGES.len()].to_string();
                file.splice(number.clone(), edge.into_bytes());
            }
            0..=2 => {
                let (at, bits) = (self.number()?, self.byte()?);
                let file = files.get_mut(name)?;
                let at = place(at, file.len());
                *file.get_mut(at)? ^= bits;
            }
            3 => {
                let (at, edge, width) = (self.number()?, self.byte()?, self.byte()?);
                let number = EDGES[usize::from(edge) % EDGES.len()].to_le_bytes();
                let width = [1, 4, 8, 8][usize::from(width) % 4];
                let file = files.get_mut(name)?;
                let at = place(at, file.len());
                file.get_mut(at..at + width)?
                    .copy_from_slice(&number[..width]);
            }
            4 => {
                let (at, len) = (self.number()?, usize::from(self.byte()?));
                let (bytes, rest) = self.0.split_at_checked(len)?;
                self.0 = rest;
                let file = files.entry(name.to_owned()).or_default();
                let at = place(at, file.len()).min(file.len());
                let end = (at + len).min(file.len());
                file.splice(at..end, bytes.iter().copied());
            }
            5 => {
                let len = self.number()?;
                let file = files.get_mut(name)?;
                let len = place(len, file.len());
                file.truncate(len);
            }
            6 => _ = files.remove(name),
            _ => {
                let other = NAMES[usize::from(self.byte()?) % NAMES.len()];
                let file = files.get(other)?.clone();
                files.insert(name.to_owned(), file);
            }
        }
        Some(())
    }
}

/// Where the numbers of a text stand.
fn numbers(text: &[u8]) -> Vec<Range<usize>> {
    let mut numbers = Vec::<Range<usize>>::new();
    for (at, _) in text.iter().enumerate().filter(|it| it.1.is_ascii_digit()) {
        match numbers.last_mut().filter(|number| number.end == at) {
            Some(number) => number.end = at + 1,
            None => numbers.push(at..at + 1),
        }
    }
    numbers
}

/// A place in a file; a segment's first block, which is nearly empty, counts little.
fn place(at: usize, len: usize) -> usize {
    const BLANK: Range<usize> = 72..4_088;
    if len <= BLANK.end {
        return at % (len + 1);
    }
    let at = at % (len + 1 - BLANK.len());
    if at < BLANK.start {
        at
    } else {
        at + BLANK.len()
    }
}
