/// One thing that `doctor` looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// What was looked at, in a word or two.
    pub name: &'static str,
    /// How it is.
    pub health: Health,
    /// What was found; where it isn't good, the way out as well.
    pub text: String,
}

impl Check {
    /// A thing, and how it is.
    pub fn new(name: &'static str, health: Health, text: impl Into<String>) -> Self {
        Self {
            name,
            health,
            text: text.into(),
        }
    }
}

/// How a thing is, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, but will not for ever, or not as well as it could.
    Warning,
    /// It does not work.
    Problem,
}
