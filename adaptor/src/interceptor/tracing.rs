//! Tells each append and gap to `tracing`: appends at trace level, failures and gaps as warnings.

use tracing::{trace, warn};
use walx_core::{AppendContext, Entry, Interceptor, Place, Result, ScanContext};

pub(crate) struct Tracing;

impl Interceptor for Tracing {
    fn name(&self) -> &'static str {
        "tracing"
    }

    fn after(&self, context: &AppendContext<'_>, result: &Result<Place>) {
        let (channel, owner, elapsed_us) =
            (&context.channel.name, context.owner, context.elapsed_us);
        match result {
            Ok(place) => {
                let (lsn, bytes) = (place.lsn.get(), context.bytes);
                trace!(%channel, %owner, lsn, bytes, elapsed_us, "appended");
            }
            Err(error) => warn!(%channel, %owner, elapsed_us, %error, "not appended"),
        }
    }

    fn scan(&self, context: &ScanContext<'_>, entry: &mut Entry) -> Result<()> {
        if let Entry::Gap(gap) = entry {
            warn!(channel = %context.channel.name, %gap, "a hole in the log");
        }
        Ok(())
    }
}
