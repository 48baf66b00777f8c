//! Who the next owner of a channel is, or why there can't be one.

use walx_core::{Capability, Error, ErrorKind, OpenOption, Owner, Result, Term, Tick, TickSource};
use walx_impls::Fence;
use walx_utility::clock::WallClock;

use crate::barrier::this_process;
use crate::look::{Look, Released};

/// The new owner and the present tick, or why there can't be one.
pub(crate) fn settle(
    looked: &Look,
    option: &OpenOption,
    capability: Capability,
) -> Result<(Owner, Tick)> {
    let owner = settle_owner(looked, option, capability)?;
    let source = option.tick_source.as_ref();
    let now = source.map_or_else(|| WallClock.now(), |source| source.now());
    check_clock(looked.tick.unwrap_or(Tick::ZERO), now, option)?;
    Ok((owner, now))
}

/// The new owner, or why there can't be one.
fn settle_owner(looked: &Look, option: &OpenOption, capability: Capability) -> Result<Owner> {
    let Some((last, released)) = looked.owner else {
        return Ok(Owner::new(option.term.unwrap_or(Term::FIRST)));
    };
    if let Some(term) = option.term {
        if term <= last.term {
            return Err(refused(
                ErrorKind::Fenced,
                "the term is not larger than that of the last owner",
                option,
            )
            .with_context("term", term)
            .with_context("last owner", last));
        }
        return Ok(Owner::new(term));
    }
    // A lock that the operating system has released tells as much as a Release.
    let free = released == Released::Yes || option.take_over || capability.fence == Fence::Lock;
    if !free {
        let message =
            "the last owner has not released the channel; wait for its end, or open with take_over";
        return Err(refused(ErrorKind::Conflict, message, option)
            .with_context("owner", last)
            .with_context("who", who(looked)));
    }
    let next = last.term.next().ok_or_else(|| {
        refused(
            ErrorKind::Conflict,
            "the last owner has the largest term there is",
            option,
        )
    })?;
    Ok(Owner::new(next))
}

/// Who the last owner was, as its Barrier says.
fn who(looked: &Look) -> String {
    match looked.who.as_deref() {
        Some(who) if who == this_process() => format!("{who}, which is this process"),
        who => who.unwrap_or("unknown").to_owned(),
    }
}

fn check_clock(floor: Tick, now: Tick, option: &OpenOption) -> Result<()> {
    let ahead_ms = floor.unix_ms().saturating_sub(now.unix_ms());
    if u128::from(ahead_ms) <= option.max_clock_ahead.as_millis() {
        return Ok(());
    }
    let message = "the log's last tick lies ahead of this machine's clock; set the clock right, or open with a larger \
                   max_clock_ahead";
    Err(refused(ErrorKind::Unavailable, message, option)
        .with_context("ahead by ms", ahead_ms)
        .with_context("max_clock_ahead in ms", option.max_clock_ahead.as_millis()))
}

pub(crate) fn refused(kind: ErrorKind, message: &'static str, option: &OpenOption) -> Error {
    Error::new(kind, message)
        .with_operation("open")
        .with_channel(&option.channel)
}
