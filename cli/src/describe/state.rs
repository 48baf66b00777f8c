use std::fmt;

use walx::{Description, StoreProcess};

/// Whether somebody has a channel, as far as its records and the store's processes tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody ever owned it.
    Unowned,
    /// Its last owner ended cleanly.
    Released,
    /// Its last owner did not, and this process writes to the store.
    Writing(StoreProcess),
    /// Its last owner did not, and no writer is known.
    Unreleased,
}

impl State {
    pub(crate) fn of(it: &Description) -> Self {
        let writer = || it.processes.iter().find(|it| it.writes);
        match &it.owner {
            None => Self::Unowned,
            Some(owner) if owner.released => Self::Released,
            Some(_) => writer().cloned().map_or(Self::Unreleased, Self::Writing),
        }
    }

    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Unowned => "nobody ever owned it".to_owned(),
            Self::Released => "released".to_owned(),
            Self::Writing(StoreProcess { pid, name, .. }) => {
                let name = name.as_ref().map(|name| format!(" ({name})"));
                format!(
                    "not released; process {pid}{} has the store open for writing",
                    name.unwrap_or_default()
                )
            }
            Self::Unreleased => {
                "not released; its owner lives, or ended without a close".to_owned()
            }
        }
    }
}

/// A word, for a column.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unowned => f.pad("unowned"),
            Self::Released => f.pad("released"),
            Self::Writing(process) => f.pad(&format!("pid {}", process.pid)),
            Self::Unreleased => f.pad("unreleased"),
        }
    }
}

#[cfg(test)]
mod tests {
    use walx::{Capability, ChannelName, LastOwner, Lsn, Owner, Tail, Term, Tick};

    use super::*;

    #[test]
    fn a_state_is_told_by_the_last_owner_and_the_writer() {
        let tail = Tail::new(Lsn::ZERO, None, Tick::ZERO);
        let name = ChannelName::new("orders").unwrap();
        let mut it = Description::new(name, Capability::new(1), tail);
        let writer = StoreProcess::new(7, Some("walx".to_owned()), true);
        it.processes = vec![StoreProcess::new(6, None, false), writer.clone()];
        assert_eq!(State::of(&it), State::Unowned);
        let owned = |released| Some(LastOwner::new(Owner::new(Term::FIRST), released, None));
        it.owner = owned(true);
        assert_eq!(State::of(&it), State::Released);
        it.owner = owned(false);
        assert_eq!(State::of(&it), State::Writing(writer));
        assert_eq!(
            State::of(&it).in_words(),
            "not released; process 7 (walx) has the store open for writing"
        );
        it.processes.pop();
        assert_eq!(State::of(&it), State::Unreleased);
        assert_eq!(format!("{:<12}|", State::of(&it)), "unreleased  |");
    }
}
