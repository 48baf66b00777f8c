use std::sync::Arc;

use walx_core::{End, OpenOption, Opener, Position, ResumeToken, ScanOption};
use walx_utility::clock;

use super::unit::Unit;
use super::{END, RESTARTS};
use crate::case::same;
use crate::log::{PATIENCE, entries};
use crate::{Failure, Outcome};

/// What a reader got, and the text of its token behind each.
pub(super) struct Found {
    pub(super) units: Vec<Unit>,
    tokens: Vec<String>,
    filter: ScanOption,
}

/// Follows a channel to its last message.
pub(super) async fn follow(
    store: Arc<dyn Opener>,
    option: OpenOption,
    filter: ScanOption,
) -> Outcome<Found> {
    let wal = store.open_read_only(option).await?;
    let mut scanner = wal.scan(filter.clone()).await?;
    let mut found = Found {
        units: Vec::new(),
        tokens: Vec::new(),
        filter,
    };
    loop {
        // Owners that come and go take their time.
        let batch = clock::timeout(6 * PATIENCE, scanner.next_batch(64)).await;
        let behind = found.units.len();
        let batch = batch
            .map_err(|_| Failure::new(format!("behind {behind} entries a reader waits on")))??;
        for entry in &batch {
            let unit = Unit::of(entry)?;
            let token = entry.token();
            let token = token.ok_or_else(|| Failure::new("an entry has no token"))?;
            found.tokens.push(token.to_string());
            let is_last = matches!(&unit, Unit::Message(it) if it.message.payload == END);
            found.units.push(unit);
            if is_last {
                wal.close().await?;
                return Ok(found);
            }
        }
    }
}

/// From some of its tokens, by their text, a reader gets exactly the rest.
pub(super) async fn resume(store: &Arc<dyn Opener>, option: &OpenOption, found: &Found) -> Outcome {
    let wal = store.open_read_only(option.clone()).await?;
    let step = (found.tokens.len() / RESTARTS).max(1);
    for (at, token) in found.tokens.iter().enumerate().step_by(step) {
        let mut option = found.filter.clone().until(End::Tail);
        option.from = Position::Resume(token.parse::<ResumeToken>()?);
        let rest = entries(&*wal, option).await?;
        let rest = rest.iter().map(Unit::of).collect::<Outcome<Vec<_>>>()?;
        let what = format!("what comes behind the token of entry {at}, {token}");
        same(&rest, &found.units[at + 1..], &what)?;
    }
    Ok(wal.close().await?)
}
