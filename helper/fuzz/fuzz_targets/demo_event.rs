#![no_main]

//! What the demo's writers tell their parent. The command is a program, so its file is taken in by path.

#[path = "../../../cli/src/demo/wire.rs"]
mod wire;

/// As many as the demo has.
const CHANNELS: [(); 2] = [(); 2];

walx_fuzz::fuzz_target!(|input: &[u8]| walx_fuzz::run(wire::fuzz::event, input));
