//! What is looked at before an append takes its place: sizes, limits, hooks.

use walx_core::{AppendContext, Error, ErrorKind, Message, Properties, Result};
use walx_impls::Batch;

use super::Writer;
use super::chunk;
use super::stages::Begun;
use crate::interceptor::{append_failed, check_reserved};

/// The most bytes of a record's header, without the virtual channel's name and the key, and of each property's frame.
pub(super) const HEADER_BYTES: usize = 128;
pub(super) const PROPERTY_BYTES: usize = 8;

impl Writer {
    /// Checks the messages and lets the hooks see them; they may change, or refuse, what they see.
    pub(super) fn admit(
        &self,
        mut messages: Batch<Message>,
        begun: &mut Begun,
    ) -> Result<Batch<Message>> {
        let admitted = begun.span.in_scope(|| match &mut messages {
            Batch::One(message) => self.admit_one(message),
            Batch::Many(many) => many
                .iter_mut()
                .try_for_each(|message| self.admit_one(message)),
        });
        if !self.hooks.is_empty() {
            begun.hooked();
        }
        match admitted {
            Ok(()) => Ok(messages),
            Err(error) => {
                append_failed(error.kind(), messages.len());
                Err(error)
            }
        }
    }

    fn admit_one(&self, message: &mut Message) -> Result<()> {
        check_reserved(message).map_err(|error| self.named(error))?;
        if !self.hooks.is_empty() {
            let context = AppendContext::new(&self.channel, self.owner(), message.bytes(), 0);
            for hook in self.hooks.iter() {
                hook.before(&context, message)
                    .map_err(|error| self.named(error))?;
            }
        }
        let bytes = record_bytes(message);
        if bytes > self.max_record_bytes && !self.may_be_split(message) {
            let text = "the message is larger than the backend's largest record; split it, or open with max_chunked_bytes";
            return Err(self
                .refused(ErrorKind::TooLarge, text)
                .with_context("bytes with header", bytes)
                .with_context("largest record in bytes", self.max_record_bytes)
                .with_context("max_chunked_bytes", self.max_chunked_bytes.unwrap_or(0)));
        }
        if message.properties.len() > Properties::MAX_COUNT {
            return Err(self
                .refused(
                    ErrorKind::InvalidInput,
                    "too many properties; put them into the payload",
                )
                .with_context("properties", message.properties.len())
                .with_context("most", Properties::MAX_COUNT));
        }
        if let Some((name, _)) = message
            .properties
            .iter()
            .find(|(name, _)| name.len() > usize::from(u16::MAX))
        {
            return Err(self
                .refused(
                    ErrorKind::InvalidInput,
                    "a property's name is longer than 65535 bytes; shorten it",
                )
                .with_context("bytes", name.len()));
        }
        match &message.idempotency_key {
            Some(key) if key.len() > Message::MAX_KEY_BYTES => Err(self.key_too_long(key.len())),
            _ => Ok(()),
        }
    }

    /// Whether it may have, and can have, several records.
    fn may_be_split(&self, message: &Message) -> bool {
        let most = self.max_chunked_bytes.unwrap_or(0);
        message.bytes() <= most && chunk::count(message, self.max_record_bytes).is_some()
    }

    fn key_too_long(&self, bytes: usize) -> Error {
        self.refused(
            ErrorKind::InvalidInput,
            "the idempotency key is too long; append a hash of it",
        )
        .with_context("bytes", bytes)
        .with_context("most", Message::MAX_KEY_BYTES)
    }
}

/// The most bytes that the message takes as one record.
pub(super) fn record_bytes(message: &Message) -> usize {
    message.bytes() + HEADER_BYTES + PROPERTY_BYTES * message.properties.len()
}
