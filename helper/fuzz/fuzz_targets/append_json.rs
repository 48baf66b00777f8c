#![no_main]

//! The lines of `walx append --json`. The command is a program, so its files are taken in by path.

#[path = "../../../cli/src/json.rs"]
#[expect(dead_code, reason = "the command prints with it, too")]
mod json;
#[path = "../../../cli/src/append/json.rs"]
mod line;

walx_fuzz::fuzz_target!(|input: &[u8]| walx_fuzz::run(line::fuzz::line, input));
