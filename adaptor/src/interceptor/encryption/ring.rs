use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use aes_gcm::{Aes256Gcm, KeyInit};
use walx_core::{Error, ErrorKind, Result};

use super::Key;

/// The most messages that may be written under one key; see [`Encryption`](super::Encryption).
const MOST_MESSAGES: u64 = 1 << 32;
/// The most bytes of a key's id, which each message carries.
const MAX_ID_BYTES: usize = 64;

/// Keys by id: one to write with, any to read with. Cheap to clone; all clones are one ring, so that wals that are open
/// see a [`rotate`](Self::rotate) at once. `Debug` shows the ids only.
///
/// ```
/// use walx_adaptor::interceptor::{Encryption, Key, KeyRing};
///
/// # let (first, second) = (Key::new([1; 32]), Key::new([2; 32]));
/// let keys = KeyRing::new("2026-01", first)?;
/// let hook = Encryption::new(keys.clone());
/// keys.rotate("2026-02", second)?; // what is written from now on; the older messages stay readable
/// # drop(hook);
/// # Ok::<(), walx_core::Error>(())
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<RwLock<Ring>>);

struct Ring {
    current: Arc<str>,
    keys: BTreeMap<Arc<str>, Arc<Cipher>>,
}

/// A key as it is used.
pub(in crate::interceptor) struct Cipher {
    pub(super) cipher: Aes256Gcm,
    written: AtomicU64,
}

impl KeyRing {
    /// A ring of one key.
    ///
    /// # Errors
    /// `InvalidInput` for an id that is none: 1 to 64 visible ASCII characters.
    pub fn new(id: &str, key: Key) -> Result<Self> {
        let ring = Self(Arc::new(RwLock::new(Ring {
            current: id.into(),
            keys: BTreeMap::new(),
        })));
        ring.add(id, key)?;
        Ok(ring)
    }

    /// Adds a key to read with.
    ///
    /// # Errors
    /// `InvalidInput` for an id that is none; `Conflict` for one that is taken: what was written under it would be lost.
    pub fn add(&self, id: &str, key: Key) -> Result<()> {
        if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(
                wrong("the id of a key has 1 to 64 visible ASCII characters")
                    .with_context("id", id.escape_debug()),
            );
        }
        let mut ring = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if ring.keys.contains_key(id) {
            let text = "the ring has a key of this id; give each key an id of its own";
            return Err(Error::new(ErrorKind::Conflict, text).with_context("id", id));
        }
        let cipher = Cipher {
            cipher: Aes256Gcm::new(key.bytes().into()),
            written: AtomicU64::new(0),
        };
        ring.keys.insert(id.into(), Arc::new(cipher));
        Ok(())
    }

    /// Adds a key, and writes with it from now on.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn rotate(&self, id: &str, key: Key) -> Result<()> {
        self.add(id, key)?;
        self.write_with(id)
    }

    /// Writes with a key that is there.
    ///
    /// # Errors
    /// `NotFound` where it isn't.
    pub fn write_with(&self, id: &str) -> Result<()> {
        let mut ring = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some((id, _)) = ring.keys.get_key_value(id) else {
            let text = "the ring has no key of this id; add it first";
            return Err(Error::new(ErrorKind::NotFound, text).with_context("id", id));
        };
        ring.current = Arc::clone(id);
        Ok(())
    }

    /// The key to write one more message with.
    pub(in crate::interceptor) fn to_write(&self) -> Result<(Arc<str>, Arc<Cipher>)> {
        let ring = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let id = Arc::clone(&ring.current);
        let key = ring.keys.get(&id).map(Arc::clone);
        drop(ring);
        let key = key.ok_or_else(|| wrong("the ring has no current key"))?;
        if key.written.fetch_add(1, Ordering::Relaxed) >= MOST_MESSAGES {
            let text = "this key has encrypted 2^32 messages, beyond which it is not safe; rotate to a new one";
            return Err(Error::new(ErrorKind::Denied, text)
                .with_context("interceptor", "encryption")
                .with_context("key", id));
        }
        Ok((id, key))
    }

    /// The key to read with; `None` where the ring has none of this id.
    pub(super) fn to_read(&self, id: &str) -> Option<Arc<Cipher>> {
        let ring = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ring.keys.get(id).map(Arc::clone)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("KeyRing")
            .field("current", &ring.current)
            .field("ids", &ring.keys.keys())
            .finish()
    }
}

pub(super) fn wrong(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_worn_out_and_another_one_goes_on() {
        let ring = KeyRing::new("a", Key::new([1; 32])).unwrap();
        let (_, key) = ring.to_write().unwrap();
        key.written.store(MOST_MESSAGES, Ordering::Relaxed);
        let error = ring.to_write().map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.to_string().contains("rotate to a new one"), "{error}");
        assert!(ring.to_read("a").is_some(), "what is there can be read");
        ring.rotate("b", Key::new([2; 32])).unwrap();
        assert_eq!(&*ring.to_write().unwrap().0, "b");
        ring.write_with("a").unwrap();
        assert!(ring.to_write().is_err());
        assert_eq!(
            ring.write_with("c").unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
