#![no_main]

walx_fuzz::fuzz_target!(|input: &[u8]| walx_fuzz::run(
    walx::interceptor::fuzz::trace_parent,
    input
));
