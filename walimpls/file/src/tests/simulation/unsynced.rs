//! What of one file is not synced: each sector as it was before each write, each size that it had.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use walx_utility::random::Stream;

pub(super) const SECTOR: u64 = 512;
/// So many former contents of a sector are remembered, the synced one among them.
const MOST: usize = 6;

pub(super) struct Unsynced {
    /// The size at the last sync, and each one since.
    sizes: Vec<u64>,
    /// What each sector held, the oldest first; the end of one that is short was never written.
    sectors: BTreeMap<u64, Vec<Vec<u8>>>,
}

impl Unsynced {
    pub(super) fn new(size: u64) -> Self {
        Self {
            sizes: vec![size],
            sectors: BTreeMap::new(),
        }
    }

    fn size(&self) -> u64 {
        self.sizes.last().copied().unwrap_or_default()
    }

    /// Remembers what is about to be written over.
    pub(super) fn remember(&mut self, file: &File, offset: u64, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        let (first, end) = (offset / SECTOR, (offset + len).div_ceil(SECTOR));
        let there = self.size().min(end * SECTOR).saturating_sub(first * SECTOR);
        let mut before = vec![0; there as usize];
        file.read_exact_at(&mut before, first * SECTOR)?;
        let mut before = before.chunks(SECTOR as usize);
        for sector in first..end {
            let versions = self.sectors.entry(sector).or_default();
            if versions.len() == MOST {
                versions.remove(1);
            }
            versions.push(before.next().unwrap_or_default().to_vec());
        }
        Ok(())
    }

    pub(super) fn grow(&mut self, size: u64) {
        if size > self.size() {
            self.resize(size);
        }
    }

    pub(super) fn resize(&mut self, size: u64) {
        self.sizes.push(size);
    }

    /// Leaves of a file what a loss of power leaves: each sector new, as it was at some time, or torn; any size that it
    /// had, or one between. Where nothing was ever written stands nothing, or what another file had there once: not all
    /// file systems zero a block before they say that it belongs to a file.
    pub(super) fn lose(
        &self,
        file: &File,
        chance: &mut Stream,
        stale: &[Vec<u8>],
    ) -> io::Result<()> {
        let (synced, now) = (self.sizes[0], self.size());
        let size = match chance.within(0..8) {
            0..=3 => now,
            4 | 5 => synced,
            6 => self.sizes[chance.within(0..self.sizes.len() as u64) as usize],
            _ => chance.within(synced.min(now)..=synced.max(now)),
        };
        let kept = [0, 10, 50, 90, 100, 100][chance.within(0..6) as usize];
        for (sector, versions) in &self.sectors {
            if chance.within(0..100) < kept {
                continue;
            }
            let at = match chance.within(0..4) {
                0 => chance.within(0..versions.len() as u64) as usize,
                _ => 0,
            };
            let mut image = versions[at].clone();
            if image.is_empty() && !stale.is_empty() && chance.within(0..8) == 0 {
                image.clone_from(&stale[chance.within(0..stale.len() as u64) as usize]);
            }
            image.resize(SECTOR as usize, 0);
            let torn = chance.within(0..16 * SECTOR) as usize;
            let (from, image) = match torn {
                0..512 => (torn, &image[torn..]),
                512..1024 => (0, &image[..torn - 512]),
                _ => (0, &image[..]),
            };
            file.write_all_at(image, sector * SECTOR + from as u64)?;
        }
        file.set_len(size)
    }
}
