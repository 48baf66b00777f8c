use walx_core::{Error, ErrorKind, Result};
use walx_impls::FenceToken;

use crate::record::Token;

/// What a writer is known by: the offset of its mark, and what the mark holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WriterToken {
    pub(crate) mark: i64,
    pub(crate) token: Token,
}

impl WriterToken {
    pub(crate) fn to_fence_token(self) -> FenceToken {
        let mut bytes = Vec::with_capacity(24);
        bytes.extend_from_slice(&self.mark.to_le_bytes());
        bytes.extend_from_slice(&self.token);
        FenceToken::new(bytes)
    }

    pub(crate) fn of(token: &FenceToken) -> Result<Self> {
        let parts = token.bytes().split_first_chunk::<8>();
        let parts = parts.and_then(|(mark, token)| Some((mark, token.try_into().ok()?)));
        let Some((mark, token)) = parts else {
            let text =
                "no Kafka writer gave this token; open with the one of the handle that failed";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        };
        let mark = i64::from_le_bytes(*mark);
        Ok(Self { mark, token })
    }
}
