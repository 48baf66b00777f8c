//! The `walx` command.
fn main() {}
