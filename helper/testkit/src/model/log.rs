//! What one channel may hold.

use walx_core::{BackendName, Capability, Error, ErrorKind, MessageId, Record, Result, Truncation};
use walx_impls::{Batch, Claim, FenceToken};

use super::Verdict;
use super::places::Places;

/// Which record it is: of which writer, and which one of that writer's calls. Places order as the log does.
pub(super) type Place = (usize, usize);

/// More than any backend adds to a record as it stores it: below the limit by so much, a record fits.
const FRAME: usize = 4096;

/// All that was called and answered, and what follows for the log.
pub(super) struct Log {
    backend: BackendName,
    capability: Capability,
    pub(super) writers: Vec<Writer>,
    /// Where records lie, as far as that was told.
    pub(super) places: Places,
    /// Everything up to here is truncated.
    pub(super) cut: Option<Place>,
    /// Truncations that were called and not refused: everything up to one of them may be gone.
    cuts: Vec<Option<Place>>,
    /// Opens on their way.
    opening: usize,
    /// An open may have taken place since the newest writer's.
    pub(super) opened_unseen: bool,
    /// Whether a writer's open was ever called.
    pub(super) asked_for: bool,
    /// Two opens at once: nobody knows which one came first, so nothing is said any more.
    pub(super) unknowable: bool,
    /// Somebody else writes into its storage.
    pub(super) foreign: bool,
}

/// The calls of one writer.
pub(super) struct Writer {
    pub(super) token: FenceToken,
    pub(super) sent: Vec<Sent>,
    /// So many of its records are in the log: all of these.
    pub(super) least: usize,
    /// No record from this one on is in the log.
    pub(super) most: usize,
    /// The first call that failed.
    failed: Option<usize>,
}

pub(super) struct Sent {
    pub(super) record: Record,
    pub(super) id: Option<MessageId>,
    /// Which call it belongs to.
    call: usize,
    /// It is at the limit, or beyond: it may be refused, and what comes behind it be taken all the same.
    pub(super) may_be_refused: bool,
    /// It was called after a newer writer's open had answered.
    late: bool,
}

/// A truncation on its way.
pub(super) struct Cut {
    number: usize,
    place: Option<Place>,
    late: bool,
}

impl Log {
    pub(super) fn new(backend: BackendName, capability: Capability) -> Self {
        Self {
            backend,
            capability,
            writers: Vec::new(),
            places: Places::default(),
            cut: None,
            cuts: Vec::new(),
            opening: 0,
            opened_unseen: false,
            asked_for: false,
            unknowable: false,
            foreign: false,
        }
    }

    /// A writer's open is called.
    pub(super) fn opening(&mut self) {
        self.asked_for = true;
        self.unknowable |= self.opening > 0;
        self.opening += 1;
    }

    /// An open ends without an answer.
    pub(super) fn not_opened(&mut self) {
        self.opening -= 1;
        self.opened_unseen = true;
    }

    /// An open has succeeded; the number of its writer.
    pub(super) fn opened(&mut self, claim: &Claim, token: FenceToken) -> (usize, Verdict) {
        self.opening -= 1;
        self.opened_unseen = false;
        let stale = self.newer_than(claim) == Some(true) && !self.unknowable;
        let given_again =
            *claim == Claim::TakeOver && self.writers.iter().any(|it| it.token == token);
        self.writers.push(Writer {
            token,
            sent: Vec::new(),
            least: 0,
            most: usize::MAX,
            failed: None,
        });
        let verdict = not(
            stale,
            "Resume succeeds though another writer was opened since",
        )
        .and_then(|()| not(given_again, "a new writer has the token of an older one"));
        (self.writers.len() - 1, verdict)
    }

    /// An open has failed.
    pub(super) fn refused(&mut self, claim: &Claim, error: &Error) -> Verdict {
        self.opening -= 1;
        let unseen = self.opened_unseen || self.unknowable;
        self.opened_unseen |= !disturbs_nobody(error);
        let fresh = self.newer_than(claim) == Some(false) && !unseen;
        let wrong = fresh && error.kind() == ErrorKind::Fenced;
        not(wrong, "Resume is Fenced though nobody opened since")
    }

    /// Whether a writer is newer than the token; `None` without one.
    fn newer_than(&self, claim: &Claim) -> Option<bool> {
        match (claim, self.writers.last()) {
            (Claim::Resume(token), Some(newest)) => Some(newest.token != *token),
            _ => None,
        }
    }

    /// An append is called; the number of its first record among the writer's.
    pub(super) fn called(&mut self, writer: usize, records: &Batch<Record>) -> usize {
        let late = writer + 1 < self.writers.len();
        let limit = self.capability.max_record_bytes.saturating_sub(FRAME);
        let may_be_refused = records.as_slice().iter().any(|it| it.bytes() > limit);
        let sent = &mut self.writers[writer].sent;
        let first = sent.len();
        sent.extend(records.as_slice().iter().map(|record| Sent {
            record: record.clone(),
            id: None,
            call: first,
            may_be_refused,
            late,
        }));
        first
    }

    /// An append of so many records from this place on is answered.
    pub(super) fn answered(
        &mut self,
        (writer, first): Place,
        count: usize,
        answer: &Result<Batch<MessageId>>,
    ) -> Verdict {
        if self.unknowable {
            return Ok(());
        }
        let (name, of) = (self.name((writer, first)), &mut self.writers[writer]);
        match answer {
            Ok(ids) => {
                if of.sent[first].late {
                    return Err(format!(
                        "{name} is acknowledged though another writer was opened before its call"
                    ));
                }
                if of.failed.is_some_and(|failed| failed < first) {
                    return Err(format!(
                        "{name} is acknowledged behind an append that failed"
                    ));
                }
                if ids.len() != count {
                    return Err(format!(
                        "{count} records from {name} on are answered with {} ids",
                        ids.len()
                    ));
                }
                for (at, id) in (first..).zip(ids.as_slice()) {
                    self.lies((writer, at), *id)?;
                }
                Ok(())
            }
            Err(error) => {
                let refused = matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::InvalidInput);
                let absent =
                    refused || matches!(error.kind(), ErrorKind::NotWritten | ErrorKind::Closed);
                if refused && !of.sent[first].may_be_refused {
                    return Err(format!(
                        "{name} is within the limit, and refused: {error:?}"
                    ));
                }
                if !of.sent[first].may_be_refused {
                    of.failed = Some(of.failed.map_or(first, |failed| failed.min(first)));
                    if absent {
                        return self.ends((writer, first));
                    }
                }
                Ok(())
            }
        }
    }

    /// A record lies at this id, and so everything of its writer before it is there.
    pub(super) fn lies(&mut self, place: Place, id: MessageId) -> Verdict {
        let name = self.name(place);
        if id.backend() != self.backend {
            return Err(format!("{name} has the id {id}, of another backend"));
        }
        let parsed = id.to_string().parse::<MessageId>();
        if parsed.ok() != Some(id) {
            return Err(format!(
                "the id {id} of {name} does not come back from its text"
            ));
        }
        let (before, from) = (self.places.before(&id), self.places.from(&id));
        let lies_wrong = before.is_some_and(|it| it >= place) || from.is_some_and(|it| it < place);
        not(
            lies_wrong,
            &format!("{name} has the id {id}, which is out of its order"),
        )?;
        let other = self.places.get(&id).is_some_and(|it| it != place);
        let writer = &mut self.writers[place.0];
        let sent = &mut writer.sent[place.1];
        if other || sent.id.is_some_and(|known| known != id) {
            return Err(format!("{name} has the id {id}, and had {:?}", sent.id));
        }
        if place.1 >= writer.most {
            return Err(format!("{name} is there, at {id}, and was said not to be"));
        }
        sent.id = Some(id);
        writer.least = writer.least.max(place.1 + 1);
        self.places.insert(id, place);
        Ok(())
    }

    /// Of this writer nothing from this place on is in the log.
    pub(super) fn ends(&mut self, (writer, end): Place) -> Verdict {
        let of = &mut self.writers[writer];
        let surely = |it: &Sent| !it.may_be_refused || it.id.is_some();
        if let Some(at) = (end..of.least).find(|at| surely(&of.sent[*at])) {
            return Err(format!(
                "{} is missing, and is in the log",
                self.name((writer, at))
            ));
        }
        let torn = end > 0
            && of
                .sent
                .get(end)
                .is_some_and(|it| it.call == of.sent[end - 1].call);
        if torn && self.capability.atomic_batch {
            return Err(format!(
                "the batch ends within: {} is not there",
                self.name((writer, end))
            ));
        }
        of.most = of.most.min(end);
        Ok(())
    }

    /// A truncation is called by this writer, or without one. An id that nobody was told may be any place.
    pub(super) fn cutting(&mut self, id: MessageId, by: Option<usize>) -> Cut {
        let anywhere = (self.writers.len(), 0);
        let place = self.places.get(&id);
        self.cuts.push(Some(place.unwrap_or(anywhere)));
        Cut {
            number: self.cuts.len() - 1,
            place,
            late: by.is_some_and(|by| by + 1 < self.writers.len()),
        }
    }

    /// A truncation is answered.
    pub(super) fn has_cut(&mut self, cut: Cut, answer: &Result<()>) -> Verdict {
        match answer {
            Ok(()) => {
                self.cut = self.cut.max(cut.place);
                let wrong = cut.late && !self.unknowable;
                not(
                    wrong,
                    "it succeeds though another writer was opened before its call",
                )
            }
            Err(error) => {
                if disturbs_nobody(error) {
                    self.cuts[cut.number] = None;
                }
                Ok(())
            }
        }
    }

    /// Up to here everything may be gone.
    pub(super) fn may_cut(&self) -> Option<Place> {
        self.cuts.iter().flatten().max().copied()
    }

    /// Whether the earliest record moves with a truncation's answer.
    pub(super) fn cuts_at_once(&self) -> bool {
        self.capability.truncation != Truncation::Permission
    }

    /// For people.
    pub(super) fn name(&self, (writer, at): Place) -> String {
        match self.writers.get(writer).and_then(|it| it.sent.get(at)) {
            Some(sent) => format!(
                "record {at} of writer {writer} ({:?}, seq {:?})",
                sent.record.header.kind, sent.record.header.seq
            ),
            None => format!("what comes behind record {at} of writer {writer}"),
        }
    }
}

/// Whether a call that fails like this has changed nothing.
fn disturbs_nobody(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Fenced
            | ErrorKind::Conflict
            | ErrorKind::Closed
            | ErrorKind::NotFound
            | ErrorKind::InvalidInput
            | ErrorKind::Unsupported
    )
}

pub(super) fn not(wrong: bool, why: &str) -> Verdict {
    match wrong {
        true => Err(why.to_owned()),
        false => Ok(()),
    }
}
