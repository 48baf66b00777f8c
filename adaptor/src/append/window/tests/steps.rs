//! What happens to a window.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Append {
        key: u8,
        stream: bool,
        transaction: Option<u8>,
        bytes: u16,
    },
    Chunked {
        key: u8,
        chunks: u8,
    },
    Begin,
    End {
        transaction: u8,
        commit: bool,
    },
    Decide {
        refuse: bool,
    },
    /// So many of the records without an answer have landed.
    Recover {
        landed: u8,
    },
    Wait {
        ms: u16,
    },
    Reopen,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (
        0..6u8,
        any::<bool>(),
        prop::option::weighted(0.5, any::<u8>()),
        0..900u16,
    )
        .prop_map(|(key, stream, transaction, bytes)| Step::Append {
            key,
            stream,
            transaction,
            bytes,
        });
    let step = prop_oneof![
        8 => append,
        1 => (0..6u8, 2..4u8).prop_map(|(key, chunks)| Step::Chunked { key, chunks }),
        2 => Just(Step::Begin),
        2 => (any::<u8>(), any::<bool>())
            .prop_map(|(transaction, commit)| Step::End { transaction, commit }),
        8 => prop::bool::weighted(0.1).prop_map(|refuse| Step::Decide { refuse }),
        1 => any::<u8>().prop_map(|landed| Step::Recover { landed }),
        1 => (0..400u16).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..120)
}
