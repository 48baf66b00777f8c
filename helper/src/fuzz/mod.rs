//! What must hold of the parsers here, whatever they are given. Compiled for tests and for fuzzing only.
//!
//! Each function takes any bytes, panics where a promise is broken, and says whether the input was taken. The fuzz
//! targets in `helper/fuzz` call them, and so do tests with the inputs that are kept there.

mod config;
mod place;
mod record;
#[cfg(test)]
mod tests;
mod uri;

use std::fmt::Debug;

use walx_core::{Error, ErrorKind, Result};

pub use config::config;
pub use place::{id, name, token};
pub use record::{header, record};
pub use uri::uri;

/// What was taken, or `None` where it was refused as it must be: with a kind that fits, and a text that says more than
/// that something is wrong.
fn taken<T>(outcome: Result<T>, kinds: &[ErrorKind], says: &str) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            is_refusal(&error, kinds, says);
            None
        }
    }
}

fn is_refusal(error: &Error, kinds: &[ErrorKind], says: &str) {
    assert!(kinds.contains(&error.kind()), "another kind: {error}");
    let text = error.to_string();
    assert!(text.contains(says), "{says:?} is not said: {text}");
}

/// The value that `text` must stand for, being the printed form of one.
fn back<T, E: Debug>(outcome: std::result::Result<T, E>, text: impl Debug) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("what was printed is not taken back: {text:?}: {error:?}"),
    }
}

/// Text, if it is one: the parsers of texts are given nothing else.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
