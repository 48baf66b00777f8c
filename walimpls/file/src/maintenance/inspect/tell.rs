//! What an inspection tells, and whom.

use walx_core::{ChannelName, Finding, Progress, Result};

use super::Scene;
use crate::fault::Damage;
use crate::loss::{Judge, Loss, Losses};
use crate::manifest::Manifest;

/// The most troubles that are held back until the end of the log is judged; further ones are told at once.
const MOST_HELD: usize = 1 << 12;

/// Something wrong.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    pub(crate) damage: Damage,
    /// Whether a repair took note of it.
    pub(crate) known: bool,
    /// The channel, where it concerns only one.
    pub(crate) channel: Option<ChannelName>,
}

/// What is wrong.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Records are lost.
    Lost(Loss),
    /// The footer of a segment.
    Footer {
        segment: u64,
        /// Its place, where it can't be written anew: the segment isn't whole.
        beyond: Option<Loss>,
    },
    /// One of the two manifests.
    Manifest,
    /// `ACKED`.
    Acked,
    /// `LOSSES`.
    Losses,
    /// The mark of a repair that didn't end.
    Unfinished,
    /// A channel without a name.
    Nameless,
}

impl Trouble {
    /// What is lost with it.
    pub(crate) fn loss(&self) -> Option<Loss> {
        match self.kind {
            Kind::Lost(loss) => Some(loss),
            Kind::Footer { beyond, .. } => beyond,
            _ => None,
        }
    }

    pub(crate) fn finding(&self) -> Finding {
        let place = format!("{} at {}", self.damage.file, self.damage.offset);
        let finding = Finding::new(place, self.damage.what.clone()).with_known(self.known);
        match &self.channel {
            Some(channel) => finding.with_channel(channel),
            None => finding,
        }
    }
}

/// Who asked for an inspection.
pub(crate) trait Watcher: Send {
    /// # Errors
    /// Ends the inspection.
    fn found(&mut self, trouble: Trouble) -> Result<()>;

    /// Called often.
    ///
    /// # Errors
    /// Ends the inspection.
    fn go_on(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Makes troubles of what reading meets.
pub(super) struct Teller<'a> {
    watcher: &'a mut dyn Watcher,
    progress: &'a Progress,
    losses: Losses,
    names: Vec<(u32, ChannelName)>,
    /// Bytes of the present segment that are not yet counted.
    left: u64,
    /// Those of all segments.
    owed: u64,
    held: Option<Vec<Trouble>>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(watcher: &'a mut dyn Watcher, progress: &'a Progress, scene: &Scene) -> Self {
        let mut teller = Self {
            watcher,
            progress,
            losses: scene.losses.clone(),
            names: Vec::new(),
            left: 0,
            owed: 0,
            held: None,
        };
        teller.learn(&scene.manifest);
        teller
    }

    /// Takes the channels' names over.
    pub(super) fn learn(&mut self, manifest: &Manifest) {
        let channels = manifest.channels.iter();
        self.names = channels
            .filter_map(|(number, line)| Some((*number, ChannelName::new(&line.name).ok()?)))
            .collect();
    }

    pub(super) fn knows(&self, loss: &Loss) -> bool {
        self.losses.note(loss).is_some()
    }

    pub(super) fn lost(&mut self, loss: &Loss, damage: Damage) -> Result<()> {
        let known = self.knows(loss);
        self.tell(Kind::Lost(*loss), damage, known)
    }

    pub(super) fn tell(&mut self, kind: Kind, damage: Damage, known: bool) -> Result<()> {
        let channel = match (&damage.channel, self.names.as_slice()) {
            (Some(number), names) => names.iter().find(|(it, _)| it == number),
            // Whatever is lost was of the only channel that there is.
            (None, [only]) if matches!(kind, Kind::Lost(_)) => Some(only),
            _ => None,
        };
        let channel = channel.map(|(_, name)| name.clone());
        let trouble = Trouble {
            kind,
            damage,
            known,
            channel,
        };
        match &mut self.held {
            Some(held) if held.len() < MOST_HELD => {
                held.push(trouble);
                Ok(())
            }
            _ => self.watcher.found(trouble),
        }
    }

    /// From now on troubles are held back.
    pub(super) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    pub(super) fn holds(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_empty())
    }

    /// What is held back was none.
    pub(super) fn forget(&mut self) {
        self.held = Some(Vec::new());
    }

    pub(super) fn release(&mut self) -> Result<()> {
        let mut held = self.held.take().unwrap_or_default().into_iter();
        held.try_for_each(|trouble| self.watcher.found(trouble))
    }

    /// So much more is there to read.
    pub(super) fn expect(&mut self, bytes: u64) {
        self.progress.expect(bytes);
        self.owed += bytes;
    }

    /// A segment begins.
    pub(super) fn begin(&mut self, bytes: u64) {
        self.left = bytes;
    }

    /// A segment is done, whatever of it was read.
    pub(super) fn end(&mut self) {
        self.count(self.left);
    }

    /// All is done; files without a sound head were not read, and others may have grown or gone meanwhile.
    pub(super) fn done(&mut self) {
        self.left = self.owed;
        self.count(self.owed);
    }

    fn count(&mut self, bytes: u64) {
        let counted = bytes.min(self.left).min(self.owed);
        self.left -= counted;
        self.owed -= counted;
        self.progress.advance(counted);
    }
}

impl Judge for Teller<'_> {
    fn damaged(&mut self, loss: &Loss, damage: Damage) -> Result<bool> {
        self.lost(loss, damage)?;
        Ok(self.knows(loss))
    }

    fn passed(&mut self, bytes: u64) -> Result<()> {
        self.count(bytes);
        self.watcher.go_on()
    }
}
