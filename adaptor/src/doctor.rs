//! Looks at everything that a store needs to work, and changes nothing.

use std::time::Duration;

use walx_core::{Capability, ChannelName, Check, Config, Error, ErrorKind, Health, Result, Tick};
use walx_impls::{Durability, Fence, OpenerBuilderImpls, OpenerImpls};
use walx_utility::clock;

use crate::describe::tail;
use crate::look::look;

/// How far a log's last tick may be ahead of the clock: an open refuses more, unless it is told otherwise.
const MAX_CLOCK_AHEAD: Duration = Duration::from_secs(60);
/// How long the store, and each of its channels, may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The backend's own checks, then those that hold for every backend.
pub(crate) async fn doctor(builder: &dyn OpenerBuilderImpls, config: Config) -> Vec<Check> {
    let own = in_time(async { Ok(builder.doctor(config.clone()).await) });
    let mut checks = own
        .await
        .unwrap_or_else(|error| vec![problem("store", &error)]);
    let opener = match in_time(builder.build(config)).await {
        Ok(opener) => opener,
        Err(error) => {
            checks.push(problem("store", &error));
            return checks;
        }
    };
    checks.extend(capability(opener.capability()));
    channels(opener.as_ref(), &mut checks).await;
    if let Err(error) = in_time(opener.close()).await {
        checks.push(problem("close", &error));
    }
    checks
}

async fn channels(opener: &dyn OpenerImpls, checks: &mut Vec<Check>) {
    let names = match in_time(opener.list()).await {
        Ok(names) => names,
        // Nobody has written to it yet.
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return checks.push(problem("channels", &error)),
    };
    let text = match names.len() {
        0 => "none yet".to_owned(),
        1 => "1 channel".to_owned(),
        many => format!("{many} channels"),
    };
    checks.push(Check::new("channels", Health::Good, text));
    let mut newest = Tick::ZERO;
    for name in &names {
        match in_time(newest_tick(opener, name)).await {
            Ok(tick) => newest = newest.max(tick),
            Err(error) => checks.push(problem("channel", &error.with_channel(name))),
        }
    }
    checks.push(clock_check(newest));
}

/// What `asked` answers, unless it takes too long.
async fn in_time<T>(asked: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| {
        let text = format!("no answer in {PATIENCE:?}; see whether the store can be reached");
        Err(Error::new(ErrorKind::Unavailable, text))
    };
    clock::timeout(PATIENCE, asked).await.unwrap_or_else(late)
}

/// The newest tick of a channel, which a reader can find only where its end is sound.
async fn newest_tick(opener: &dyn OpenerImpls, channel: &ChannelName) -> Result<Tick> {
    let named = |error: Error| error.with_channel(channel);
    let reader = opener.open_read_only(channel).await.map_err(named)?;
    let looked = look(reader.as_ref()).await;
    reader.close().await.map_err(named)?;
    Ok(tail(&looked.map_err(named)?).tick)
}

fn clock_check(newest: Tick) -> Check {
    let now = u64::try_from(clock::unix_time().as_millis()).unwrap_or(u64::MAX);
    let ahead = Duration::from_millis(newest.unix_ms().saturating_sub(now));
    if ahead <= MAX_CLOCK_AHEAD {
        return Check::new("clock", Health::Good, "not behind the newest tick");
    }
    let text = format!(
        "the newest tick lies {} ahead of this machine's clock, and an open refuses that; set the clock right",
        seconds(ahead)
    );
    Check::new("clock", Health::Problem, text)
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

/// What the backend can do, in words.
fn capability(can: Capability) -> Vec<Check> {
    let batch = if can.atomic_batch {
        "whole or not at all"
    } else {
        "may be cut by a crash"
    };
    let unsafe_fence = matches!(can.fence, Fence::None);
    let worst = |bad| if bad { Health::Warning } else { Health::Good };
    vec![
        Check::new("fence", worst(unsafe_fence), can.fence.in_words()),
        Check::new(
            "durability",
            worst(can.durability == Durability::None),
            can.durability.in_words(),
        ),
        Check::new("truncation", Health::Good, can.truncation.in_words()),
        Check::new("batches", Health::Good, batch),
        Check::new(
            "largest record",
            Health::Good,
            format!("{} bytes", can.max_record_bytes),
        ),
    ]
}

fn problem(name: &'static str, error: &Error) -> Check {
    Check::new(name, Health::Problem, error.to_string())
}
