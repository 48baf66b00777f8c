//! The order of a chain, and what a scan undoes.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use walx_core::{Error, ErrorKind, Interceptor, PlacedMessage, Result, ScanContext, Stage};

use super::{checksum, compression, encryption, mark};

/// The stages that change what is stored, in the order in which a scan undoes them.
const ENCODING: [Stage; 3] = [Stage::Encryption, Stage::Compression, Stage::Checksum];

/// Refuses a chain in which a hook would see, or change, what another one has encoded.
///
/// Walx's own hooks stand in the order of [`Stage`], each at most once. All others stand before checksum, compression,
/// encryption and chaos, where messages are plain; there in any order.
///
/// # Errors
/// `InvalidInput`, which names the chain as it is and as it should be.
pub fn check_order(hooks: &[Arc<dyn Interceptor>]) -> Result<()> {
    let mut last: Option<Stage> = None;
    for hook in hooks {
        let stage = hook.stage();
        let why = match (stage, last) {
            (Some(stage), Some(last)) if stage == last => {
                format!("the chain has two hooks for {stage}; leave one of them out")
            }
            (Some(stage), Some(last)) if stage < last => {
                format!(
                    "the hook '{}' stands behind {last}, but belongs before it",
                    hook.name()
                )
            }
            (None, Some(last)) if last >= Stage::Checksum => format!(
                "the hook '{}' stands behind {last}, where it would see what is stored",
                hook.name()
            ),
            _ => {
                last = stage.or(last);
                continue;
            }
        };
        return Err(wrong(why, hooks));
    }
    Ok(())
}

fn wrong(why: String, hooks: &[Arc<dyn Interceptor>]) -> Error {
    let names = |hooks: &[&Arc<dyn Interceptor>]| {
        let names: Vec<_> = hooks.iter().map(|it| it.name()).collect();
        names.join(", ")
    };
    let given: Vec<_> = hooks.iter().collect();
    let mut right = given.clone();
    // Hooks without a stage go behind the limit, which is as far inside as they may stand.
    right.sort_by_key(|it| it.stage().map_or((Stage::Limit, true), |it| (it, false)));
    right.dedup_by(|a, b| a.stage().is_some() && a.stage() == b.stage());
    let stages: Vec<_> = Stage::ALL.iter().map(|it| it.as_str()).collect();
    let text = format!(
        "{why}; the order is {}, and hooks of your own stand before checksum",
        stages.join(", ")
    );
    Error::new(ErrorKind::InvalidInput, text)
        .with_context("chain", names(&given))
        .with_context("right", names(&right))
}

/// What a scan does to a message before it is delivered: the chain's hooks, and what they leave undone.
pub(crate) struct Undo {
    /// In the order of the chain, which is a right one.
    hooks: Arc<[Arc<dyn Interceptor>]>,
    /// How many of them stand outside of all that encode.
    outer: usize,
}

impl Undo {
    pub(crate) fn new(hooks: Arc<[Arc<dyn Interceptor>]>) -> Self {
        let is_outer = |hook: &Arc<dyn Interceptor>| hook.stage() < Some(Stage::Checksum);
        let outer = hooks.iter().take_while(|hook| is_outer(hook)).count();
        Self { hooks, outer }
    }

    /// Makes a message plain, the innermost hook first, and lets the outer ones see it then.
    ///
    /// What each stage did stands in the message, so that a chain that is not the one that wrote it works as well.
    pub(crate) fn scan(&self, context: &ScanContext<'_>, placed: &mut PlacedMessage) -> Result<()> {
        let (outer, inner) = self.hooks.split_at(self.outer);
        let mut inner = inner.iter().rev().peekable();
        while let Some(hook) = inner.next_if(|it| it.stage() > Some(Stage::Encryption)) {
            hook.scan(context, placed)?;
        }
        for stage in ENCODING {
            if let Some(hook) = inner.next_if(|it| it.stage() == Some(stage)) {
                hook.scan(context, placed)?;
            }
            if !placed.message.properties.is_empty() {
                undo(stage, placed)?;
            }
        }
        if let Some(name) = mark::left(&placed.message) {
            let text = "a hook of the chain that wrote the message has changed it, and this version of walx does not \
                        know how to undo that; read it with a newer one, or with the same chain";
            return Err(Error::new(ErrorKind::Unsupported, text)
                .with_context("interceptor", name.trim_start_matches(mark::PREFIX))
                .with_context("lsn", placed.place.lsn));
        }
        outer
            .iter()
            .rev()
            .try_for_each(|hook| hook.scan(context, placed))
    }
}

/// Undoes by its mark what no hook of the chain has undone.
fn undo(stage: Stage, placed: &mut PlacedMessage) -> Result<()> {
    match stage {
        Stage::Encryption => encryption::refuse_without_keys(placed),
        Stage::Compression => compression::decompress(placed, Default::default()),
        Stage::Checksum => checksum::verify(placed),
        _ => Ok(()),
    }
}
