//! What every author of a walx backend would write again.
//!
//! | Module | What |
//! |---|---|
//! | [`config`] | from a table of texts to a backend's own struct, with errors that name the key and the way out |
//! | [`uri`] | from `file:./data?sync=os` to a backend's name and its configuration |
//! | [`frame`] | a record as bytes, and a header as bytes for backends that keep payload and properties themselves |

pub mod config;
pub mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod uri;
