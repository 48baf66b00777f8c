//! Carries the trace of a message through the log.

mod parent;

use std::fmt;

use walx_core::{AppendContext, Interceptor, Message, PlacedMessage, Result, ScanContext, Stage};

pub use self::parent::TraceParent;

/// The names that W3C gives.
const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Carries the W3C trace context, in the properties `traceparent` and `tracestate`, which foreign tools read as well.
///
/// A message that has a `traceparent` keeps it, as its user or whoever called him made it. One that has none gets that
/// of [`from_source`](Self::from_source), which asks the program's tracer: spans of the crate `tracing` have no W3C ids
/// of their own. Where there is neither, nothing is written.
///
/// A scan opens a span `deliver` at trace level around each message that has one, with its fields `traceparent` and
/// `tracestate`; a tracer of the program links it. A text that is no W3C one is carried, but not told.
///
/// Order: outermost, so that what it adds is covered by checksum and encryption.
#[derive(Default)]
pub struct Trace {
    source: Option<Box<Source>>,
}

type Source = dyn Fn() -> Option<TraceParent> + Send + Sync;

impl Trace {
    /// Carries what messages have.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `source` for the context of the caller where a message has none. It runs in each append and must not block.
    pub fn from_source(source: impl Fn() -> Option<TraceParent> + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").finish_non_exhaustive()
    }
}

impl Interceptor for Trace {
    fn name(&self) -> &'static str {
        "trace"
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Trace)
    }

    fn before(&self, _: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        if let Some(source) = &self.source
            && message.property(PARENT).is_none()
            && let Some(parent) = source()
        {
            message.properties.push(PARENT, parent.to_string());
        }
        Ok(())
    }

    fn scan(&self, context: &ScanContext<'_>, placed: &mut PlacedMessage) -> Result<()> {
        // Nobody listens, mostly.
        if !tracing::enabled!(tracing::Level::TRACE) {
            return Ok(());
        }
        let Some(parent) = TraceParent::of(&placed.message) else {
            return Ok(());
        };
        let channel = &context.channel.name;
        let (lsn, state) = (placed.place.lsn.get(), placed.message.property(STATE));
        let state = state.and_then(|it| std::str::from_utf8(it).ok());
        let span = tracing::trace_span!("deliver", %channel, lsn, traceparent = %parent, tracestate = state);
        span.in_scope(|| tracing::trace!("delivered"));
        Ok(())
    }
}
