use std::sync::Arc;

use bytes::Bytes;

use crate::VirtualChannel;

/// What a user hands in: a payload, and properties beside it.
///
/// Cheap to clone: payload and properties are shared. The payload is kept as it was given, in memory too (in flight
/// and in the write-ahead cache): a small slice of a large buffer keeps the whole buffer alive, so copy such slices.
///
/// ```
/// use walx_core::Message;
///
/// let message = Message::new("paid").with_property("order", "4711");
/// assert_eq!(message.property("order"), Some(&b"4711"[..]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The bytes of the message; may be empty.
    pub payload: Bytes,
    /// A small list of (text, bytes) beside the payload.
    pub properties: Properties,
    /// The logical stream it belongs to; none = meant for all of them.
    pub virtual_channel: Option<VirtualChannel>,
    /// A key that names the message in its stream, at most 256 bytes. It is stored with it. Where the wal was opened
    /// with [`idempotency`](crate::OpenOption::idempotency), a message whose key is still in the window is not written
    /// again: its append gets the place of the first one.
    pub idempotency_key: Option<Bytes>,
    /// Whether it ends the open transactions of its stream; one that is meant for all ends those of all streams.
    pub exclusive: bool,
}

impl Message {
    /// The most bytes an idempotency key may have.
    pub const MAX_KEY_BYTES: usize = 256;

    /// A message without properties.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            ..Self::default()
        }
    }

    /// Adds a property; the same name may stand more than once.
    #[must_use]
    pub fn with_property(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.properties.push(name, value);
        self
    }

    /// Puts the message into a logical stream of its channel.
    #[must_use]
    pub fn with_virtual_channel(mut self, virtual_channel: VirtualChannel) -> Self {
        self.virtual_channel = Some(virtual_channel);
        self
    }

    /// Names the message; see [`idempotency_key`](Self::idempotency_key).
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<Bytes>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Lets the message end the open transactions of its stream: they are rolled back right before it.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// The value of the first property of this name.
    pub fn property(&self, name: &str) -> Option<&[u8]> {
        self.properties.get(name)
    }

    /// The bytes that count against limits: payload, properties, names.
    pub fn bytes(&self) -> usize {
        let virtual_channel = self
            .virtual_channel
            .as_ref()
            .map_or(0, |name| name.as_str().len());
        let key = self.idempotency_key.as_ref().map_or(0, Bytes::len);
        self.payload.len() + self.properties.bytes() + virtual_channel + key
    }
}

impl<T: Into<Bytes>> From<T> for Message {
    fn from(payload: T) -> Self {
        Self::new(payload)
    }
}

/// A small list of (text, bytes), in the order in which it was made. Cheap to clone; none costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Option<Arc<Vec<(String, Bytes)>>>);

impl Properties {
    /// The most properties a message may have.
    pub const MAX_COUNT: usize = u16::MAX as usize;

    /// Adds one at the end; the same name may stand more than once.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Bytes>) {
        Arc::make_mut(self.0.get_or_insert_default()).push((name.into(), value.into()));
    }

    /// Takes the first one of this name out.
    pub fn remove(&mut self, name: &str) -> Option<Bytes> {
        let at = self.iter().position(|(it, _)| it == name)?;
        let (_, value) = Arc::make_mut(self.0.as_mut()?).remove(at);
        self.0 = self.0.take().filter(|list| !list.is_empty());
        Some(value)
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| &value[..])
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Bytes)> {
        self.0
            .as_deref()
            .map_or(&[][..], |list| &list[..])
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |list| list.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the list itself takes, beside the names and values.
    pub fn held_bytes(&self) -> usize {
        self.len() * size_of::<(String, Bytes)>()
    }

    /// The bytes of all names and values.
    pub fn bytes(&self) -> usize {
        self.iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }
}

impl<N: Into<String>, V: Into<Bytes>> FromIterator<(N, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(iter: I) -> Self {
        let list: Vec<_> = iter
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self((!list.is_empty()).then(|| Arc::new(list)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_shares_properties_until_one_side_changes_them() {
        let first = Message::new("x")
            .with_property("a", "1")
            .with_property("a", "2");
        let second = first.clone().with_property("b", "3");
        assert_eq!(first.property("a"), Some(&b"1"[..]));
        assert_eq!(first.properties.len(), 2);
        assert_eq!(second.property("b"), Some(&b"3"[..]));
        assert_eq!((first.bytes(), second.bytes()), (1 + 4, 1 + 6));
    }

    #[test]
    fn the_first_of_a_name_is_taken_out_and_a_clone_keeps_it() {
        let first = Message::new("x")
            .with_property("a", "1")
            .with_property("b", "2")
            .with_property("a", "3");
        let mut second = first.clone();
        assert_eq!(second.properties.remove("a"), Some("1".into()));
        assert_eq!(second.properties.remove("c"), None);
        let left: Vec<_> = second.properties.iter().map(|(name, _)| name).collect();
        assert_eq!((left, first.properties.len()), (vec!["b", "a"], 3));
        second.properties.remove("b");
        second.properties.remove("a");
        assert_eq!(second, Message::new("x"), "none is none");
    }
}
