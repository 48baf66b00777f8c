//! What all targets share: the bound on memory, and the promise that one input always gives one answer.
//!
//! The promises themselves stand beside the parsers, in modules named `fuzz`, so that ordinary tests hold them to the
//! inputs that are kept in `seeds` and `found`.

pub use libfuzzer_sys::fuzz_target;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What any input may make a parser allocate, for errors and tables of its own.
const FREE_BYTES: usize = 256 << 10;
/// How many bytes may be allocated for each byte of input, over the whole run of a property: it parses, prints and
/// parses again.
const BYTES_A_BYTE: usize = 1 << 10;

/// Runs a property of a parser on an input, and holds it to a bound on memory: a length that an input claims must
/// not be believed.
pub fn run(property: fn(&[u8]) -> bool, input: &[u8]) {
    run_within(FREE_BYTES, property, input);
}

/// The same for one that needs so many bytes whatever the input is.
pub fn run_within(free_bytes: usize, property: impl FnOnce(&[u8]) -> bool, input: &[u8]) {
    let region = Region::new(MEMORY);
    property(input);
    let allocated = region.change().bytes_allocated;
    assert!(
        allocated <= free_bytes + BYTES_A_BYTE * input.len(),
        "{allocated} bytes were allocated for an input of {}",
        input.len()
    );
}
