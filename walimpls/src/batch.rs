/// One thing, or several: a single one, the usual case, needs no allocation. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Batch<T> {
    /// Exactly one.
    One(T),
    /// At least one.
    Many(Vec<T>),
}

impl<T> Batch<T> {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// All of them, in order.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    /// Makes another thing of each.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Batch<U> {
        match self {
            Self::One(one) => Batch::One(f(one)),
            Self::Many(many) => Batch::Many(many.into_iter().map(f).collect()),
        }
    }

    /// Each of them, in order, without an allocation.
    pub fn for_each(self, mut f: impl FnMut(T)) {
        match self {
            Self::One(one) => f(one),
            Self::Many(many) => many.into_iter().for_each(f),
        }
    }
}
