//! The steps of a repair that change the store.

use std::sync::Arc;

use walx_core::{Error, ErrorKind, Result};
use walx_utility::random;

use super::Repair;
use crate::acked::{self, Acked, AckedFile};
use crate::fault;
use crate::footer;
use crate::loss::{ByConfig, Losses, Note};
use crate::maintenance::inspect::{Kind, Trouble};
use crate::manifest::{Manifest, Seal};
use crate::recover::{self, Ready};
use crate::segment::{Found, Segment};
use crate::setting::FileDamage;
use crate::through::{Until, read_through};

impl Repair<'_> {
    /// Recovers as an open that salvages does, so that nothing is lost at the end of the log any more but between
    /// segments; then takes note of what is lost.
    pub(super) fn mend(&self, now: u64) -> Result<()> {
        let manifest = self.recover()?;
        let mut found = self.inspect()?;
        if self.footers(&manifest, &found)? {
            found = self.inspect()?;
        }
        self.note(&manifest, &found, now)?;
        match self
            .inspect()?
            .into_iter()
            .find(|it| !it.known && !is_mark(it))
        {
            None => Ok(()),
            Some(left) => {
                let text = format!(
                    "{} is damaged still, though the repair did all that it can; restore the file from a copy, and report it",
                    left.damage.file
                );
                Err(Error::new(ErrorKind::Corrupt, text).with_source(left.damage.error()))
            }
        }
    }

    /// Writes both manifests, `ACKED`, footers that can be, and says that the log ends cleanly.
    fn recover(&self) -> Result<Manifest> {
        let config = self
            .directory
            .config
            .clone()
            .with_damage(FileDamage::Salvage);
        let Ready {
            mut manifest,
            segment,
            spot,
            summary,
            ..
        } = recover::recover(self.dir, &config, self.disk.as_ref(), self.lock.right())?;
        let acked = Acked {
            uuid: manifest.uuid(),
            incarnation: random::number(),
            acked: spot.serial,
            durable: spot.serial,
            segment: segment.header.number,
            offset: spot.offset,
            boot: acked::boot(),
        };
        let path = self.dir.join("ACKED");
        AckedFile::open(self.dir, Arc::clone(&self.disk), &acked)
            .map_err(|error| fault::refused("writing ACKED", &path, error))?;
        for (number, line) in &mut manifest.channels {
            let end = summary.channels.get(number).map_or(0, |span| span.end);
            line.next = line.next.max(end);
        }
        manifest.floor = manifest.floor.max(spot.serial);
        manifest.clean = Some(Seal {
            segment: segment.header.number,
            offset: spot.offset,
            serial: spot.serial,
        });
        self.lock.right().check()?;
        manifest.store_on(self.dir, self.disk.as_ref())?;
        Ok(manifest)
    }

    /// Footers that recovery left alone: they are sound, and say what isn't so, or something stands behind them.
    fn footers(&self, manifest: &Manifest, found: &[Trouble]) -> Result<bool> {
        let mut any = false;
        for trouble in found {
            if let Kind::Footer {
                segment,
                beyond: None,
            } = trouble.kind
            {
                self.footer(manifest, segment)?;
                any = true;
            }
        }
        Ok(any)
    }

    fn footer(&self, manifest: &Manifest, number: u64) -> Result<()> {
        let uuid = manifest.uuid();
        let find = |number, writable| -> Result<Option<Segment>> {
            Ok(match Segment::find(self.dir, uuid, number, writable)? {
                Found::Segment(segment) => Some(segment),
                Found::Missing | Found::Headless { .. } => None,
            })
        };
        let Some(segment) = find(number, true)? else {
            return Ok(());
        };
        let before = match number.checked_sub(1) {
            Some(before) => find(before, false)?,
            None => None,
        };
        let carry = match &before {
            Some(before) => footer::read(before)?.map(|(_, _, summary)| summary),
            None => None,
        };
        let until = find(number + 1, false)?
            .map_or(Until::Lost, |next| Until::Next(next.header.previous_end));
        let mut summary = carry
            .unwrap_or_default()
            .following(segment.header.first_serial);
        let mut judge = ByConfig {
            damage: FileDamage::Salvage,
            losses: Losses::default(),
        };
        let through = read_through(&segment, until, &mut summary, &mut judge)?;
        let spot = through.spot;
        let bytes = footer::encode(&summary, &segment, spot, spot.serial);
        self.lock.right().check()?;
        let cut = self.disk.set_len(&segment.file, spot.offset);
        let written = cut
            .and_then(|()| self.disk.write(&segment.file, &bytes, spot.offset))
            .and_then(|()| self.disk.sync(&segment.file));
        written.map_err(|error| fault::refused("writing a footer", &segment.path, error))
    }

    /// Takes note of all that is lost now, and of nothing else: what was truncated or restored is forgotten.
    fn note(&self, manifest: &Manifest, found: &[Trouble], now: u64) -> Result<()> {
        let before = Losses::load(self.dir, &manifest.uuid)?;
        let notes = found.iter().filter_map(Trouble::loss).map(|loss| Note {
            loss,
            noted_unix_ms: before.note(&loss).map_or(now, |note| note.noted_unix_ms),
        });
        self.lock.right().check()?;
        Losses::new(&manifest.uuid, notes.collect()).store(self.dir, self.disk.as_ref())
    }
}

fn is_mark(trouble: &Trouble) -> bool {
    matches!(trouble.kind, Kind::Unfinished)
}
