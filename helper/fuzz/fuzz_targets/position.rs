#![no_main]

//! `--from` and its like. The command is a program, so its file is taken in by path.

#[path = "../../../cli/src/tail/position.rs"]
mod position;

walx_fuzz::fuzz_target!(|input: &[u8]| walx_fuzz::run(position::fuzz::position, input));
