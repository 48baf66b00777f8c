//! The hooks that every wal has.

mod metrics;
mod tracing;

use std::sync::Arc;

use walx_core::Interceptor;

/// The built-in hooks, outermost, then the user's.
pub(crate) fn stack(user: &[Arc<dyn Interceptor>]) -> Arc<[Arc<dyn Interceptor>]> {
    let built_in: [Arc<dyn Interceptor>; 2] = [
        Arc::new(metrics::Metrics::new()),
        Arc::new(tracing::Tracing),
    ];
    built_in.into_iter().chain(user.iter().cloned()).collect()
}
