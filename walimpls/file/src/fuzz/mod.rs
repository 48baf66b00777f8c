//! What must hold of everything that is read from files, whatever stands there. Compiled for tests and for fuzzing only.
//!
//! Each function takes any bytes, panics where a promise is broken, and says whether the input was taken. Checksums
//! are made right first: a fuzzer doesn't guess them, and what lies behind them is to be reached.

mod change;
mod image;
mod json;
mod parts;
mod settings;
mod store;
#[cfg(test)]
mod tests;

pub use json::{losses, manifest};
pub use parts::{footer, frame, head};
pub use settings::{config, mounts};
pub use store::store;

/// Whose store it is.
const UUID: [u8; 16] = *b"0123456789abcdef";
