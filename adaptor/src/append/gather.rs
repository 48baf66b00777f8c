//! A batch of which some messages are written by earlier appends, under the same keys.

use walx_core::{Error, ErrorKind, Place, Result};
use walx_impls::Batch;

/// What is known of such a batch.
pub(super) struct Gather {
    parts: Vec<Part>,
    /// Why an append that it depends on failed.
    failed: Option<Error>,
}

/// One message of the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// The batch writes it itself, as the message with this index.
    Own(usize),
    /// An append on its way does.
    Joined,
    /// It is durable here.
    There(Place),
    /// That append has failed.
    Lost,
}

impl Gather {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self {
            parts,
            failed: None,
        }
    }

    /// What the batch writes itself is durable.
    pub(super) fn own(&mut self, places: &Batch<Place>) {
        for part in &mut self.parts {
            if let Part::Own(index) = *part
                && let Some(place) = places.as_slice().get(index)
            {
                *part = Part::There(*place);
            }
        }
    }

    /// The append on its way that the message with this index depends on is decided.
    pub(super) fn joined(&mut self, index: usize, outcome: Result<Place>) {
        let has_own = self.parts.iter().any(|it| matches!(it, Part::Own(_)));
        let part = match outcome {
            Ok(place) => Part::There(place),
            Err(error) => {
                let error = if has_own { in_part(error) } else { error };
                self.failed.get_or_insert(error);
                Part::Lost
            }
        };
        if let Some(it) = self.parts.get_mut(index) {
            *it = part;
        }
    }

    /// What its caller gets, once nothing is open any more.
    pub(super) fn outcome(&self) -> Option<Result<Batch<Place>>> {
        let mut places = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match part {
                Part::There(place) => places.push(*place),
                Part::Lost => {}
                Part::Own(_) | Part::Joined => return None,
            }
        }
        Some(match &self.failed {
            Some(error) => Err(error.clone()),
            None => Ok(Batch::Many(places)),
        })
    }
}

/// Its caller must not take the batch for one of which nothing was written.
fn in_part(error: Error) -> Error {
    let text = "an append with the key of one of the batch's messages failed, the others may have been written";
    Error::new(ErrorKind::OutcomeUnknown, text)
        .with_context("way out", "append it again, with a key on each message")
        .with_source(error)
}
