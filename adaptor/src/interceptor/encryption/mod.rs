//! Makes payloads secret, and everything of a message authentic.

mod file;
mod key;
mod ring;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Nonce, Tag};
use walx_core::{
    AppendContext, Bytes, ChannelName, Error, ErrorKind, Interceptor, Kind, Message, PlacedMessage,
    Result, ScanContext, Stage, Term,
};

pub use self::key::Key;
pub use self::ring::KeyRing;
use super::mark::{self, ENCRYPTION, context, corrupt};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Encrypts payloads with AES-256-GCM, under a key that is named in the message.
///
/// **What is secret** is the payload. Properties, virtual channel and idempotency key stay readable, since backends and
/// foreign tools work with them: nothing secret belongs there. **What is authentic** is all of that, with the channel,
/// the owner's term and the key's id: a message whose payload, properties, stream or key were changed, or that was moved
/// to another channel, term or key, ends the scan with `Corrupt`. Not proved is the place: who can write to the store and
/// get past its fence can leave a message out, or put it elsewhere in the same channel under the same term, where walx's
/// own numbers let him.
///
/// **It fails closed.** A key that the ring lacks is `Denied`, with its id; so is a message in a channel that is read
/// without this hook. A message that is not encrypted is refused by a reader with this hook, unless it is told to
/// [`allow_plain`](Self::allow_plain) messages, which a log needs whose older part is plain.
///
/// **Nonces** are 96 random bits a message, from the operating system. Two equal ones under one key would give away the
/// difference of their payloads, and let messages be forged. After 2^32 messages under a key the chance of that is below 2^-32
/// (NIST SP 800-38D): rotate before. A ring refuses to write more under one key; what other processes and earlier
/// runs wrote under it is for you to count in.
///
/// Order: innermost of all that change messages. A record is larger by 16 bytes, the key's id and some 30 bytes.
/// It runs on the caller's thread, also for large payloads, since an append takes its place in its call.
#[derive(Clone, Debug)]
pub struct Encryption {
    keys: KeyRing,
    allows_plain: bool,
}

impl Encryption {
    /// Encrypts with the current key of the ring, and decrypts with any.
    pub fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            allows_plain: false,
        }
    }

    /// Lets readers take messages that are not encrypted, as those from before the encryption. Whoever can write to the
    /// store can then forge such messages.
    #[must_use]
    pub fn allow_plain(mut self) -> Self {
        self.allows_plain = true;
        self
    }
}

impl Interceptor for Encryption {
    fn name(&self) -> &'static str {
        "encryption"
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Encryption)
    }

    fn before(&self, append: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        let (id, key) = self.keys.to_write()?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| {
            let text =
                "the operating system gives no random numbers, without which nothing is encrypted";
            Error::new(ErrorKind::Unavailable, text).with_source(error)
        })?;
        let bound = bound(&append.channel.name, append.owner.term, &id, message);
        let mut secret = Vec::with_capacity(message.payload.len() + TAG_BYTES);
        secret.extend_from_slice(&message.payload);
        let tag = key
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), &bound, secret.as_mut_slice().into())
            .map_err(|_| {
                let text = "the payload is larger than what AES-GCM encrypts; split it";
                Error::new(ErrorKind::TooLarge, text)
            })?;
        secret.extend_from_slice(&tag);
        message.payload = secret.into();
        let mut mark = Vec::with_capacity(1 + NONCE_BYTES + id.len());
        mark.push(VERSION);
        mark.extend_from_slice(&nonce);
        mark.extend_from_slice(id.as_bytes());
        message.properties.push(ENCRYPTION, mark);
        Ok(())
    }

    fn scan(&self, scan: &ScanContext<'_>, placed: &mut PlacedMessage) -> Result<()> {
        let Some(mark) = mark::take(&mut placed.message, ENCRYPTION) else {
            if self.allows_plain {
                return Ok(());
            }
            let why = "the message is not encrypted, so that anybody may have written it; if the log has older ones \
                       that are plain, open it with the key 'plain' of the interceptor, or allow_plain";
            return Err(corrupt(placed, "encryption", why));
        };
        let (nonce, id) = read(placed, &mark)?;
        let key = self.keys.to_read(id).ok_or_else(|| denied(placed, id))?;
        let bound = bound(
            &scan.channel.name,
            placed.place.owner.term,
            id,
            &placed.message,
        );
        let opened = placed.message.payload.split_last_chunk::<TAG_BYTES>();
        let opened = opened.and_then(|(secret, tag)| {
            let (mut plain, tag) = (secret.to_vec(), Tag::from(*tag));
            key.cipher
                .decrypt_inout_detached(&nonce, &bound, plain.as_mut_slice().into(), &tag)
                .ok()
                .map(|()| plain)
        });
        match opened {
            Some(plain) => {
                placed.message.payload = Bytes::from(plain);
                Ok(())
            }
            None => {
                let why = "the message is not what was written here: it was changed or moved, or the key of this id is \
                           another one; restore it, or correct the key";
                Err(corrupt(placed, "encryption", why).with_context("key", id))
            }
        }
    }
}

/// What a scan without keys does with a message that is encrypted.
pub(super) fn refuse_without_keys(placed: &mut PlacedMessage) -> Result<()> {
    let Some(mark) = placed.message.property(ENCRYPTION) else {
        return Ok(());
    };
    let (_, id) = read(placed, mark)?;
    Err(denied(placed, id))
}

fn denied(placed: &PlacedMessage, id: &str) -> Error {
    let text = "the message is encrypted with a key that this wal does not have; open it with the interceptor \
                'encryption' and a key ring that has the key";
    Error::new(ErrorKind::Denied, text)
        .with_context("interceptor", "encryption")
        .with_context("key", id)
        .with_context("lsn", placed.place.lsn)
}

fn read<'a>(
    placed: &PlacedMessage,
    mark: &'a [u8],
) -> Result<(Nonce<aes_gcm::aead::consts::U12>, &'a str)> {
    let parsed = mark
        .split_first_chunk::<{ 1 + NONCE_BYTES }>()
        .and_then(|(head, id)| {
            let (&version, nonce) = head.split_first()?;
            let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
            let id = std::str::from_utf8(id).ok()?;
            (version == VERSION).then_some((Nonce::from(nonce), id))
        });
    parsed.ok_or_else(|| {
        let why = "the message is encrypted in a way that this version of walx does not know; use a newer one";
        mark::unknown(placed, "encryption", why)
    })
}

/// What a message is bound to, so that it is nothing anywhere else. Hooks see no other kind of record.
fn bound(channel: &ChannelName, term: Term, id: &str, message: &Message) -> Vec<u8> {
    let mut bound = vec![VERSION, Kind::Data.code()];
    bound.extend(term.get().to_be_bytes());
    for text in [channel.as_str(), id] {
        bound.extend((text.len() as u64).to_be_bytes());
        bound.extend_from_slice(text.as_bytes());
    }
    context(message, |bytes| bound.extend_from_slice(bytes));
    bound
}
