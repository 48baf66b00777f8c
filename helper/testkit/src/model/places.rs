use std::collections::BTreeMap;

use walx_core::MessageId;

use super::log::Place;

/// Where the records of a channel lie, as far as that was told, in the order of their ids.
#[derive(Default)]
pub(super) struct Places(BTreeMap<Vec<u8>, (MessageId, Place)>);

impl Places {
    pub(super) fn get(&self, id: &MessageId) -> Option<Place> {
        let found = self.0.get(id.bytes()).filter(|it| it.0 == *id);
        found.map(|it| it.1)
    }

    /// The nearest one before the id.
    pub(super) fn before(&self, id: &MessageId) -> Option<Place> {
        let mut before = self.0.range(..id.bytes().to_vec());
        before.next_back().map(|it| it.1.1)
    }

    /// The nearest one at the id, or behind it.
    pub(super) fn from(&self, id: &MessageId) -> Option<Place> {
        self.0.range(id.bytes().to_vec()..).next().map(|it| it.1.1)
    }

    pub(super) fn insert(&mut self, id: MessageId, place: Place) {
        self.0.insert(id.bytes().to_vec(), (id, place));
    }
}
