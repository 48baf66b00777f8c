//! An append that has its place, until it is decided.

use std::sync::Arc;

use tracing::Span;
use walx_core::{Error, Expected, Place, Record};
use walx_impls::{Appending, Batch, Kind};

use super::slot::Slot;
use super::stages::Stages;

/// An append that has its place. Many thousands may be on their way, so it is small.
pub(super) struct Flight {
    /// The backend's answer; `None` where it was not handed to the backend.
    pub(super) appending: Option<Appending>,
    pub(super) records: Batch<Record>,
    pub(super) charge: usize,
    /// Where the caller waits; `None` where nobody does.
    pub(super) slot: Option<Arc<Slot>>,
    pub(super) stages: Stages,
    /// `None` where nothing in it differs from its default.
    pub(super) rare: Option<Box<Rare>>,
}

const _: () = assert!(size_of::<Flight>() <= 336);

/// What few appends have.
pub(super) struct Rare {
    /// What must hold wherever it is placed.
    pub(super) expected: Expected,
    /// What its caller gets though its record is durable.
    pub(super) refused: Option<Error>,
    /// What the caller gets for the records of its batch that landed when the append of all of them failed.
    pub(super) landed: Vec<(Place, usize, Kind)>,
    pub(super) span: Span,
}

impl Default for Rare {
    fn default() -> Self {
        Self {
            expected: Expected::new(),
            refused: None,
            landed: Vec::new(),
            span: Span::none(),
        }
    }
}

impl Rare {
    pub(super) fn new(expected: Expected, span: Span) -> Option<Box<Self>> {
        if span.is_none() && expected == Expected::new() {
            return None;
        }
        Some(Box::new(Self {
            expected,
            span,
            ..Self::default()
        }))
    }
}

impl Flight {
    /// What few appends have, to be changed.
    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Whether the first records of its batch landed when the append of all of them failed.
    pub(super) fn has_landed(&self) -> bool {
        self.rare.as_ref().is_some_and(|it| !it.landed.is_empty())
    }

    pub(super) fn expected(&self) -> Expected {
        self.rare
            .as_ref()
            .map_or_else(Expected::new, |it| it.expected)
    }

    /// Tells the append's span where it is.
    pub(super) fn tell_place(&self) {
        let first = self.records.as_slice().first();
        if let Some(rare) = &self.rare
            && let Some(lsn) = first.and_then(|it| it.header.lsn)
        {
            rare.span.record("lsn", lsn.get());
        }
    }
}
