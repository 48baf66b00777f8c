use std::io;

use tracing_subscriber::EnvFilter;

use crate::args::Command;

/// Warnings, but not those of damage and holes: the command tells of them itself.
const DEFAULT: &str = "warn,walx_adaptor::interceptor=error,walx_file::loss=error";

/// Sends the log to stderr: warnings, or what `RUST_LOG` asks for.
pub(crate) fn install(command: &Command) {
    let default = match command {
        // It breaks stores on purpose, many at a time, and tells what comes of it.
        Command::Conformance(_) => "off",
        _ => DEFAULT,
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // A second subscriber is refused; there is none.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .try_init();
}
