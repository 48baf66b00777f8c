use walx_core::Bytes;

/// By what right a writer opens a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A new owner: every writer opened before becomes powerless. Where the fence is a lock, a live holder can't be
    /// pushed out and the answer is `Conflict`, which names it.
    TakeOver,
    /// The owner that got this token opens again after a failure. `Fenced` if anyone opened since, also one who has
    /// appended nothing: where only the storage itself can tell, an open leaves a mark there before it answers. A stale
    /// owner that wakes up must not disturb the new one, so the storage is looked at before anything changes, and again
    /// after. Its former handle may still be open, also where the fence is a lock: it becomes powerless.
    Resume(FenceToken),
}

/// What a backend knows its present writer by. Opaque to everybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceToken(Bytes);

impl FenceToken {
    /// A token of the backend's own making.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// A token that is one number.
    pub fn from_u64(number: u64) -> Self {
        Self(Bytes::copy_from_slice(&number.to_be_bytes()))
    }

    /// The bytes as they were given.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
