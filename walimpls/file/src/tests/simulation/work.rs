//! What a process does with the store while it lives.

use walx_core::ErrorKind;
use walx_impls::{Appending, Batch, WalImpls};

use super::life::{Life, Step};
use super::model::{Entry, Verdict, demand};
use super::world::World;
use super::{CHANNELS, check};
use crate::setting::FileDurability;

/// Appends on their way: where their entries stand, and their answers.
type Flight = Vec<(std::ops::Range<usize>, Appending)>;

impl Life {
    /// One of the things that a process does; `None` where it is over.
    pub(super) fn work(&mut self, world: &mut World) -> Step<()> {
        match world.chance.within(0..20) {
            0..=9 => self.append(world),
            10..=12 => self.append_beside(world),
            13..=15 => self.truncate(world),
            16 => self.beside(world),
            17 => self.refused(world),
            _ => {
                let channel = world.channel();
                self.claim(world, channel)
            }
        }
    }

    /// Hands one batch in; `None` where its channel isn't open.
    fn hand_in(&self, world: &mut World, flight: &mut Flight) {
        let channel = world.channel();
        let Some(wal) = &self.wals[channel] else {
            return;
        };
        let records = match world.chance.within(0..10) {
            0..=6 => 1,
            _ => world.chance.within(1..5),
        };
        let sizes: Vec<_> = (0..records).map(|_| world.size()).collect();
        let place = world.model.append(channel, &sizes);
        let batch: Vec<_> = world.model.entries[place.clone()]
            .iter()
            .map(Entry::record)
            .collect();
        let one = batch.len() == 1 && world.chance.within(0..2) == 0;
        let batch = match batch.first() {
            Some(record) if one => Batch::One(record.clone()),
            _ => Batch::Many(batch),
        };
        flight.push((place, wal.append(batch)));
    }

    fn append(&mut self, world: &mut World) -> Step<()> {
        let mut flight = Flight::new();
        self.hand_in(world, &mut flight);
        self.land(world, flight)
    }

    /// Several in flight: while the writer is about to write the first, the others gather, and perhaps a truncation
    /// comes in between.
    fn append_beside(&mut self, world: &mut World) -> Step<()> {
        let mut flight = Flight::new();
        self.machine.hold(true);
        self.hand_in(world, &mut flight);
        if !flight.is_empty() {
            self.machine.held();
        }
        for _ in 0..world.chance.within(0..6) {
            self.hand_in(world, &mut flight);
        }
        let truncated = if world.chance.within(0..3) == 0 {
            self.truncate(world)
        } else {
            Ok(Some(()))
        };
        self.machine.hold(false);
        let landed = self.land(world, flight)?;
        Ok(truncated?.and(landed))
    }

    /// Waits for the answers.
    fn land(&self, world: &mut World, flight: Flight) -> Step<()> {
        let mut over = false;
        for (place, append) in flight {
            match world.wait(append) {
                Ok(ids) => {
                    demand(!over && place.start == world.model.acked, || {
                        format!("{place:?} was acknowledged before what comes before it")
                    })?;
                    world.model.acked = place.end;
                    let ids = match ids {
                        Batch::One(id) => vec![id],
                        Batch::Many(ids) => ids,
                    };
                    let known = world.model.entries[place].iter_mut().zip(ids);
                    for (entry, id) in known {
                        entry.number = id.to_u64();
                    }
                }
                Err(error) => {
                    if error.kind() == ErrorKind::NotWritten {
                        world.model.most.get_or_insert(place.start);
                    }
                    over = true;
                    self.answer::<()>("append", Err(error))?;
                }
            }
        }
        if over {
            return Ok(None);
        }
        match self.config.durability {
            FileDurability::Each => world.model.durable = world.model.acked,
            // What was due at once is on its way.
            FileDurability::Interval(every) if every.as_secs() == 0 => {
                self.machine.quiet(world.model.acked as u64);
            }
            FileDurability::Interval(_) | FileDurability::Os => {}
        }
        Ok((self.machine.ended().is_none()).then_some(()))
    }

    fn truncate(&mut self, world: &mut World) -> Step<()> {
        let channel = world.channel();
        let kept: Vec<_> = world.model.kept(channel, world.model.acked).collect();
        let (Some(number), Some(store)) = (self.owned[channel], &self.store) else {
            return Ok(Some(()));
        };
        if kept.is_empty() {
            return Ok(Some(()));
        }
        let id = match world.chance.within(0..4) {
            0 => kept[kept.len() - 1],
            _ => kept[world.chance.within(0..kept.len() as u64) as usize],
        };
        world.model.marks[channel].asked = id + 1;
        let outcome = self.answer("truncate", store.truncate(number, crate::id::id(id)))?;
        if outcome.is_some() {
            world.model.marks[channel].from = id + 1;
        }
        Ok(outcome)
    }

    /// A look from another process, while the owner lives: it sees what is acknowledged, at most.
    fn beside(&mut self, world: &mut World) -> Step<()> {
        let told: Vec<_> = world.channels.iter().map(|channel| channel.told).collect();
        let seen = check::outside(&self.config, &told)?;
        let acked = world.model.acked;
        world.model.compare(&seen, acked, Some(acked))?;
        Ok(Some(()))
    }

    /// A batch with a record that is too large: nothing of it is there, ever, and the writer ends.
    fn refused(&mut self, world: &mut World) -> Step<()> {
        let channel = world.channel();
        let Some(wal) = &self.wals[channel] else {
            return Ok(Some(()));
        };
        let entry = |tag, len| Entry {
            channel,
            tag,
            len,
            batch: 0,
            number: None,
            lost: false,
        };
        let large = self.config.max_record.0 as usize + 1;
        let batch = [(world.model.tag(), 10), (world.model.tag(), large)];
        let batch = batch.map(|(tag, len)| entry(tag, len).record());
        let answer = world.wait(wal.append(Batch::Many(batch.to_vec())));
        expect(answer, ErrorKind::TooLarge)?;
        let next = entry(world.model.tag(), 10).record();
        let answer = world.wait(wal.append(Batch::One(next)));
        expect(answer, ErrorKind::NotWritten)?;
        self.claim(world, channel)
    }
}

fn expect<T>(answer: walx_core::Result<T>, kind: ErrorKind) -> Verdict {
    match answer {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(format!("not {kind:?}: {error}")),
        Ok(_) => Err(format!("not {kind:?}, but done")),
    }
}

/// All channels, in the order of chance.
pub(super) fn shuffled(world: &mut World) -> Vec<usize> {
    let mut channels: Vec<_> = (0..CHANNELS.len()).collect();
    for at in (1..channels.len()).rev() {
        channels.swap(at, world.chance.within(0..=at as u64) as usize);
    }
    channels
}
