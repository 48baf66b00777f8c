//! Reads everything that a store holds, footers or not, and tells what is wrong. Beside a writer it reads what is
//! acknowledged, and takes nothing for damage that the writer changes meanwhile.

mod heads;
mod tell;

use std::path::Path;
use std::sync::Arc;

use walx_core::{Progress, Result};

use crate::acked::Acked;
use crate::fault::{self, Damage};
use crate::footer;
use crate::lock;
use crate::loss::{Loss, Losses, TO_THE_END};
use crate::manifest::{self, Manifest};
use crate::segment::{self, BLOCK, Found, Segment, SegmentHeader};
use crate::shared::Shared;
use crate::summary::Summary;
use crate::through::{self, Through, Until, read_through};
use crate::walk;

pub(crate) use self::heads::{UNFINISHED, unfinished};
use self::tell::Teller;
pub(crate) use self::tell::{Kind, Trouble, Watcher};

/// Beside whom it is read.
#[derive(Clone)]
pub(crate) enum Beside {
    /// Nobody: the caller has the lock.
    Nobody,
    /// Whoever comes and goes; the store of this process, if it has it open.
    Anybody(Option<Arc<Shared>>),
}

/// Reads all, and tells each trouble in the order of the log. `None` where there is no store.
///
/// # Errors
/// `Corrupt` where the manifest is lost; what the watcher answers; what can't be read.
pub(crate) fn inspect(
    dir: &Path,
    beside: Beside,
    watcher: &mut dyn Watcher,
    progress: &Progress,
) -> Result<Option<Manifest>> {
    let Some(scene) = Scene::look(dir, &beside)? else {
        return Ok(None);
    };
    let refused = |error| fault::refused("listing the segments", dir, error);
    let first = scene.manifest.first_segment.unwrap_or_default();
    let mut numbers = segment::list(dir).map_err(refused)?;
    numbers.retain(|number| *number >= first);
    let mut inspector = Inspector {
        dir,
        beside,
        teller: Teller::new(watcher, progress, &scene),
        scene,
        carry: None,
    };
    for number in &numbers {
        inspector.teller.expect(size(dir, *number));
    }
    inspector.heads(&numbers)?;
    inspector.segments(&numbers)?;
    inspector.teller.done();
    Ok(Some(inspector.scene.manifest))
}

fn size(dir: &Path, number: u64) -> u64 {
    std::fs::metadata(segment::path(dir, number)).map_or(0, |meta| meta.len())
}

/// What is known of a store before its segments are read.
struct Scene {
    manifest: Manifest,
    losses: Losses,
    /// A writer lives.
    live: bool,
    /// Records below this serial must be there.
    floor: u64,
    /// Those at and behind this one are left alone.
    limit: u64,
    /// What was said without `ACKED` is said by the frames alone.
    blind: bool,
}

impl Scene {
    fn look(dir: &Path, beside: &Beside) -> Result<Option<Self>> {
        let live = match beside {
            Beside::Nobody => false,
            Beside::Anybody(_) => lock::is_held(dir)?,
        };
        let Some(manifest) = Manifest::load(dir)? else {
            return match segment::list(dir) {
                Ok(numbers) if !numbers.is_empty() => Err(manifest::lost(dir)),
                _ => Ok(None),
            };
        };
        let acked = Acked::load(dir, manifest.uuid());
        let sealed = manifest.clean.map_or(0, |seal| seal.serial);
        let floor = acked
            .map_or(0, |acked| acked.evidence())
            .max(sealed)
            .max(manifest.floor);
        let own = match beside {
            Beside::Anybody(Some(shared)) if !shared.is_over() => Some(*shared.acked.borrow()),
            _ => None,
        };
        let floor = own.unwrap_or(floor);
        Ok(Some(Self {
            losses: Losses::load(dir, &manifest.uuid)?,
            live,
            floor,
            limit: if live { floor } else { u64::MAX },
            blind: acked.is_none() && own.is_none(),
            manifest,
        }))
    }
}

struct Inspector<'a> {
    dir: &'a Path,
    beside: Beside,
    teller: Teller<'a>,
    scene: Scene,
    /// What the segment before knew of all channels, where nothing is lost in between.
    carry: Option<Summary>,
}

impl Inspector<'_> {
    fn segments(&mut self, numbers: &[u64]) -> Result<()> {
        let Some(first) = self.scene.manifest.first_segment else {
            let begun = numbers.iter().all(|it| size(self.dir, *it) <= BLOCK);
            if begun || self.scene.live || !self.is_settled()? {
                return Ok(());
            }
            // More than a crash leaves of a first segment: the manifest is older than the log.
            return Err(manifest::lost(self.dir));
        };
        let mut before: Option<Segment> = None;
        let (mut stub, mut any) = (false, false);
        for (at, number) in numbers.iter().copied().enumerate() {
            let last = at + 1 == numbers.len();
            match self.find(number)? {
                Found::Segment(segment) => {
                    match before.take() {
                        Some(before) => self.sealed(&before, &segment.header, last)?,
                        None if any => {}
                        None => self.start(&segment, first)?,
                    }
                    (before, any) = (Some(segment), true);
                }
                Found::Headless { bytes } if last && bytes <= BLOCK && number != first => {
                    stub = true
                }
                Found::Headless { .. } | Found::Missing => {
                    if self.is_truncated(number)? {
                        (before, any) = (None, true);
                        self.carry = None;
                    }
                }
            }
        }
        let highest = numbers.last().copied().filter(|_| !stub);
        match before {
            Some(last) => self.tail(last, stub, highest),
            None if any || self.is_truncated(first)? => Ok(()),
            None => {
                let lost = through::missing(self.dir, first, 0, self.scene.floor.max(1));
                self.teller.lost(&lost.0, lost.1)
            }
        }
    }

    fn find(&self, number: u64) -> Result<Found> {
        Segment::find(self.dir, self.scene.manifest.uuid(), number, false)
    }

    /// Whether a segment was truncated since the manifest was read.
    fn is_truncated(&mut self, number: u64) -> Result<bool> {
        if matches!(self.beside, Beside::Nobody) {
            return Ok(false);
        }
        let now = Manifest::load(self.dir)?;
        Ok(now.is_none_or(|now| now.first_segment > Some(number)))
    }

    /// Whether what looked like nobody's store is still nobody's: a writer that came has changed its end.
    fn is_settled(&self) -> Result<bool> {
        if self.scene.live || matches!(self.beside, Beside::Nobody) {
            return Ok(true);
        }
        let generation = Manifest::load(self.dir)?.map(|it| it.generation());
        Ok(!lock::is_held(self.dir)? && generation == Some(self.scene.manifest.generation()))
    }

    fn start(&mut self, segment: &Segment, first: u64) -> Result<()> {
        let number = segment.header.number;
        let lost = if number > first && !self.is_truncated(first)? {
            Some(through::missing(
                self.dir,
                first,
                0,
                segment.header.first_serial,
            ))
        } else {
            through::before(segment)
        };
        match lost {
            Some((loss, damage)) => self.teller.lost(&loss, damage),
            None => Ok(()),
        }
    }

    /// A segment that another one follows, which may be the last one.
    fn sealed(&mut self, segment: &Segment, next: &SegmentHeader, last: bool) -> Result<()> {
        let adjacent = next.number == segment.header.number + 1;
        let until = if adjacent {
            Until::Next(next.previous_end)
        } else {
            Until::Lost
        };
        let mut summary = match &self.carry {
            Some(carry) => carry.following(segment.header.first_serial),
            None => Summary::default().following(segment.header.first_serial),
        };
        self.teller.begin(size(self.dir, segment.header.number));
        let through = read_through(segment, until, &mut summary, &mut self.teller)?;
        self.teller.end();
        self.names(segment, &summary)?;
        let lost = through::between(segment, through.spot, through.sealed, next);
        let lost = match lost {
            Some(_) if !adjacent && self.is_truncated(next.number - 1)? => None,
            lost => lost,
        };
        let torn = lost.is_some() && !through.sealed;
        if !torn {
            self.footer(segment, &through, &summary, last)?;
        }
        if let Some((loss, damage)) = &lost {
            self.teller.lost(loss, damage.clone())?;
        }
        // Of channels without records here only those before tell, and where not all of these were read, the footer.
        self.carry = match lost {
            Some(_) => None,
            None if !adjacent => None,
            None if through.whole && self.carry.is_some() => Some(summary),
            None => footer::read(segment)?.map(|it| it.2),
        };
        Ok(())
    }

    /// Whether the footer says what the segment holds.
    fn footer(
        &mut self,
        segment: &Segment,
        through: &Through,
        held: &Summary,
        last: bool,
    ) -> Result<()> {
        let spot = through.spot;
        let there = segment.len()? > spot.offset;
        let footer = footer::read(segment)?;
        let unfinished = footer.is_none();
        let what = match footer {
            Some((_, at, said)) if at.offset == spot.offset && at.serial == spot.serial => {
                if spot.chain.is_some_and(|chain| at.chain != Some(chain)) {
                    "the footer does not follow the frame before it"
                } else if !through.whole || says(&said, held, self.carry.is_some()) {
                    return Ok(());
                } else {
                    "the footer says something else than the segment holds"
                }
            }
            Some(_) => "the footer stands elsewhere than the segment ends",
            None if there => "the footer is damaged",
            None if self.scene.live => return Ok(()),
            None => "the footer is missing",
        };
        // The next segment is begun before the footer is written, and a crash may come in between.
        let begun = last && (self.scene.live || self.scene.manifest.clean.is_none());
        if begun && unfinished || !self.is_settled()? {
            return Ok(());
        }
        let beyond = Loss {
            segment: segment.header.number,
            epoch: Some(segment.header.epoch),
            offset: spot.offset,
            end: TO_THE_END,
            first: spot.serial,
            behind: spot.serial,
        };
        let kind = Kind::Footer {
            segment: segment.header.number,
            beyond: (!through.whole).then_some(beyond),
        };
        let damage = Damage::new(&segment.path, spot.offset, what);
        let known = !through.whole && self.teller.knows(&beyond);
        self.teller.tell(kind, damage, known)
    }

    /// The end of the log.
    fn tail(&mut self, mut last: Segment, stub: bool, highest: Option<u64>) -> Result<()> {
        // A writer goes on meanwhile: what was the last segment may be sealed by now.
        while self.scene.live
            && last.header.first_serial < self.scene.limit
            && footer::read(&last)?.is_some()
        {
            let Found::Segment(next) = self.find(last.header.number + 1)? else {
                break;
            };
            self.sealed(&last, &next.header, true)?;
            self.teller.expect(size(self.dir, next.header.number));
            last = next;
        }
        let size = size(self.dir, last.header.number);
        self.teller.hold();
        self.teller.begin(size);
        self.last(&last, stub, highest)?;
        if self.teller.holds() && !self.is_settled()? {
            // A writer came: only what is acknowledged counts.
            let Some(scene) = Scene::look(self.dir, &self.beside)? else {
                return Ok(());
            };
            self.scene = Scene {
                live: true,
                limit: scene.floor,
                ..scene
            };
            self.teller.forget();
            self.last(&last, true, None)?;
        }
        self.teller.end();
        self.teller.release()
    }

    fn last(&mut self, last: &Segment, stub: bool, highest: Option<u64>) -> Result<()> {
        let number = last.header.number;
        let Scene { live, floor, .. } = self.scene;
        if live && self.scene.blind {
            let said = walk::acked_behind(last, BLOCK)?;
            self.scene.limit = self.scene.limit.max(said);
        }
        let until = Until::Tail {
            reach: floor,
            limit: self.scene.limit,
            live,
        };
        let mut summary = Summary::default().following(last.header.first_serial);
        let through = read_through(last, until, &mut summary, &mut self.teller)?;
        let sealed = !live && footer::read(last)?.is_some();
        if (stub && sealed) || highest > Some(number) {
            let serial = through.spot.serial;
            let (loss, damage) = through::missing(self.dir, number + 1, serial, floor.max(serial));
            self.teller.lost(&loss, damage)?;
        }
        self.names(last, &summary)
    }

    /// A channel that the log has and the manifest doesn't: the manifest is older than the log.
    fn names(&mut self, segment: &Segment, summary: &Summary) -> Result<()> {
        let unknown = |manifest: &Manifest| {
            let mut numbers = summary.channels.keys();
            numbers.any(|number| !manifest.channels.contains_key(number))
        };
        if !unknown(&self.scene.manifest) {
            return Ok(());
        }
        if let Some(now) = Manifest::load(self.dir)?.filter(|now| !unknown(now)) {
            self.teller.learn(&now);
            self.scene.manifest.channels = now.channels;
            return Ok(());
        }
        let what = "it has records of a channel that neither manifest names";
        let damage = Damage::new(&segment.path, BLOCK, what);
        self.teller.tell(Kind::Nameless, damage, false)
    }
}

/// Whether a footer says what was found. `carried`: what it says of channels without records here is known, too.
fn says(said: &Summary, held: &Summary, carried: bool) -> bool {
    let here = |summary: &Summary| {
        let channels = summary.channels.iter();
        channels
            .filter(|(_, span)| carried || span.records > 0)
            .map(|(channel, span)| (*channel, *span))
            .collect::<Vec<_>>()
    };
    said.first_serial == held.first_serial
        && said.end_serial == held.end_serial
        && said.index == held.index
        && here(said) == here(held)
}
