//! Where a reader learns what it may read: from the store in this process, or from the files.

use std::sync::Arc;

use walx_core::{Error, ErrorKind, MessageId, Result};
use walx_impls::Scanned;

use crate::config::FileConfig;
use crate::cursor::{Cursor, Step};
use crate::follow::{self, Follower};
use crate::id::id;
use crate::segment::{self, Found, Segment};
use crate::setting::FileDamage;
use crate::shared::Shared;
use crate::through;

pub(crate) enum Source {
    /// The store in this process.
    Owner(Arc<Shared>),
    /// The files alone.
    Files(Box<Follower>),
}

/// A reader: what it may read, and where it stands. Everything but [`wait`](Self::wait) may block.
pub(crate) struct Reader {
    pub(crate) config: FileConfig,
    pub(crate) uuid: [u8; 16],
    pub(crate) channel: u32,
    pub(crate) source: Source,
    pub(crate) cursor: Cursor,
    /// Whether damage is told: the store is salvaged, or a repair took note of losses.
    pub(crate) tells: bool,
    /// What was read ahead of the caller, where damage is told.
    pub(crate) ahead: Option<Vec<Scanned>>,
}

impl Reader {
    /// The next records; `None` where there are none yet. What is lost right behind a record is told together with it:
    /// a scan that ends at the newest record would not ask again.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Scanned>>> {
        if !self.tells {
            return self.read();
        }
        let mut items = match self.ahead.take() {
            Some(items) => items,
            None => match self.read()? {
                Some(items) => items,
                None => return Ok(None),
            },
        };
        // An error is met again by the next read.
        if let Ok(Some(mut more)) = self.read() {
            let records = more.iter().position(|it| !matches!(it, Scanned::Damage(_)));
            let behind = more.split_off(records.unwrap_or(more.len()));
            items.append(&mut more);
            self.ahead = Some(behind).filter(|it| !it.is_empty());
        }
        Ok(Some(items))
    }

    fn read(&mut self) -> Result<Option<Vec<Scanned>>> {
        loop {
            if let Source::Owner(shared) = &self.source {
                let over = shared.is_over();
                let horizon = *shared.acked.borrow();
                if over && self.cursor.serial() >= horizon {
                    // The next writer may be another process; the files tell.
                    let dir = self.config.path.clone();
                    let follower = Follower::new(dir, &self.config, self.uuid, horizon);
                    self.source = Source::Files(Box::new(follower));
                }
            }
            let horizon = match &mut self.source {
                Source::Owner(shared) => {
                    let (from, end) = shared.kept(self.channel)?;
                    if self.cursor.next < from {
                        return Err(lost((from < end).then(|| id(from))));
                    }
                    *shared.acked.borrow()
                }
                Source::Files(follower) => follower.horizon(&self.cursor)?,
            };
            match self.cursor.step(horizon)? {
                Step::Items(items) => return Ok(Some(items)),
                Step::Tail => return Ok(None),
                Step::Missing { number, torn } => {
                    if let Some(outcome) = self.missing(number, torn, horizon)? {
                        return Ok(outcome);
                    }
                }
            }
        }
    }

    /// A segment is not there: truncated, or lost. `None` where reading goes on elsewhere.
    #[expect(
        clippy::option_option,
        reason = "go on, or an answer, which may be that there is nothing yet"
    )]
    fn missing(
        &mut self,
        number: u64,
        torn: bool,
        horizon: u64,
    ) -> Result<Option<Option<Vec<Scanned>>>> {
        if follow::is_there(&self.config, self.uuid, number)? {
            return Ok(None);
        }
        // Only now: a truncation sets its marks before it removes a file.
        let (from, first) = follow::from(&self.config, self.uuid, self.channel)?;
        let first = first.unwrap_or_default();
        if number < first {
            if self.cursor.next < from {
                return Err(lost(Some(id(from))));
            }
            self.move_to(first);
            return Ok(None);
        }
        let news = self.cursor.lose(number);
        if torn {
            return Ok(None);
        }
        // Those in between that have no sound header are lost with it.
        let later = self.later(number)?;
        let behind = later.map_or(horizon, |(_, serial)| serial);
        let (loss, damage) =
            through::missing(&self.config.path, number, self.cursor.serial(), behind);
        if self.config.damage == FileDamage::Strict
            && (later.is_none() || !self.cursor.is_noted(&loss)?)
        {
            return Err(damage.error());
        }
        match later {
            Some((later, _)) => {
                self.move_to(later);
                // It needn't say what is lost before it.
                self.cursor.lose(later);
            }
            None => self.cursor.pass(horizon),
        }
        let said = vec![Scanned::Damage(damage.text())];
        Ok(match (news, later) {
            (true, _) => Some(Some(said)),
            (false, Some(_)) => None,
            (false, None) => Some(None),
        })
    }

    /// The next segment with a sound header, and its first serial.
    fn later(&self, number: u64) -> Result<Option<(u64, u64)>> {
        let numbers = segment::list(&self.config.path).unwrap_or_default();
        for later in numbers.into_iter().filter(|later| *later > number) {
            if let Found::Segment(segment) =
                Segment::find(&self.config.path, self.uuid, later, false)?
            {
                return Ok(Some((later, segment.header.first_serial)));
            }
        }
        Ok(None)
    }

    fn move_to(&mut self, segment: u64) {
        let start = (segment, None, self.cursor.next);
        self.cursor = self.cursor.moved(start);
    }

    /// Waits until there may be more.
    pub(crate) async fn wait(&mut self) {
        match &mut self.source {
            Source::Owner(shared) => {
                let serial = self.cursor.serial();
                let mut acked = shared.acked.subscribe();
                // A store that is over wakes everybody, too.
                let _ = acked
                    .wait_for(|acked| *acked > serial || shared.is_over())
                    .await;
            }
            Source::Files(follower) => follower.wait().await,
        }
    }
}

/// What comes next is no longer kept.
pub(crate) fn lost(earliest: Option<MessageId>) -> Error {
    let text = match earliest {
        Some(id) => format!("the records here were truncated; the earliest one kept is {id}"),
        None => "the records here were truncated, and none are left".to_owned(),
    };
    Error::new(ErrorKind::PositionLost { earliest }, text)
}
