//! Names of interceptors, and the chain that a store's configuration makes of them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use walx_adaptor::interceptor::check_order;
use walx_core::{Config, Error, ErrorKind, Interceptor, Result, Stage};

use crate::{builtin, settings};

/// A hook of a chain.
pub(crate) type Hook = Arc<dyn Interceptor>;
/// Makes a hook of the keys that stand behind its name and a dot.
pub(crate) type Factory = dyn Fn(Config) -> Result<Hook> + Send + Sync;

static FACTORIES: LazyLock<DashMap<String, Arc<Factory>>> = LazyLock::new(|| {
    let factories = builtin::all().into_iter();
    factories
        .map(|(name, make)| (name.to_owned(), Arc::new(make) as _))
        .collect()
});

/// Registers what makes interceptors of a name, for `chain=NAME` in a store's configuration. It gets the keys `NAME.KEY`
/// of the store without its name, for `walx_helper::config::parse_for`, once for each store that is opened; all wals of
/// the store share what it makes.
///
/// # Errors
/// `InvalidInput` for a name that is none; `Conflict` where it is taken.
pub fn register_interceptor(
    name: &str,
    make: impl Fn(Config) -> Result<Arc<dyn Interceptor>> + Send + Sync + 'static,
) -> Result<()> {
    let named = |error: Error| error.with_operation("register");
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(legal) {
        let text = format!(
            "{name:?} is no name of an interceptor: use a-z, 0-9, '-' and '_', starting with a letter"
        );
        return Err(named(Error::new(ErrorKind::InvalidInput, text)));
    }
    let taken = || {
        let text = format!(
            "an interceptor named '{name}' is registered already, or walx uses the name; take another one, once"
        );
        Err(named(Error::new(ErrorKind::Conflict, text)))
    };
    if settings::OWN.contains(&name) {
        return taken();
    }
    match FACTORIES.entry(name.to_owned()) {
        Entry::Occupied(_) => taken(),
        Entry::Vacant(free) => {
            free.insert(Arc::new(make));
            Ok(())
        }
    }
}

/// The names of the interceptors that a chain can have, ascending.
pub fn interceptor_names() -> Vec<String> {
    let mut names: Vec<_> = FACTORIES.iter().map(|it| it.key().clone()).collect();
    names.sort();
    names
}

pub(crate) fn is_registered(name: &str) -> bool {
    FACTORIES.contains_key(name)
}

/// The hooks of these names, each made of its section.
pub(crate) fn make(names: &[String], mut sections: BTreeMap<String, Config>) -> Result<Vec<Hook>> {
    let mut hooks = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            let text = format!("the chain names '{name}' twice; leave one of them out");
            return Err(wrong(text));
        }
        // Cloned, so that no lock is held while a user's code runs.
        let Some(make) = FACTORIES.get(name).map(|it| Arc::clone(&it)) else {
            return Err(unknown(name));
        };
        hooks.push(make(sections.remove(name).unwrap_or_default())?);
    }
    if let Some((name, section)) = sections.first_key_value() {
        let key = section.iter().next().map_or("", |(key, _)| key);
        let text = format!(
            "the key '{name}.{key}' is the interceptor's '{name}', which the chain does not name; add it to the key \
             'chain'"
        );
        return Err(wrong(text));
    }
    check_order(&hooks).map_err(|error| error.with_operation("configure"))?;
    Ok(hooks)
}

fn unknown(name: &str) -> Error {
    let way_out = match name {
        "zstd" => "; build walx with the feature 'zstd' to add it",
        _ => "; one of your own is registered before the store is opened",
    };
    wrong(format!(
        "there is no interceptor named '{name}'; known are: {}{way_out}",
        interceptor_names().join(", ")
    ))
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput, text).with_operation("configure")
}

/// The chain of a wal: what code says, and what the store says of the stages that code leaves out. Hooks without a stage
/// keep their places among their own.
pub(crate) fn merge(code: Vec<Hook>, store: &[Hook]) -> Vec<Hook> {
    // A wrong order is told at the open, as the user wrote it.
    if store.is_empty() || check_order(&code).is_err() {
        return code;
    }
    let is_left_out = |hook: &Hook| {
        let stage = hook.stage();
        stage.is_none() || code.iter().all(|it| it.stage() != stage)
    };
    let store: Vec<_> = store.iter().filter(|it| is_left_out(it)).cloned().collect();
    let mut both = ranked(code);
    both.extend(ranked(store));
    both.sort_by_key(|(rank, _)| *rank);
    both.into_iter().map(|(_, hook)| hook).collect()
}

/// Each hook with the stage that it has, or stands behind.
fn ranked(hooks: Vec<Hook>) -> Vec<(Option<Stage>, Hook)> {
    let mut last = None;
    let ranked = hooks.into_iter().map(|hook| {
        last = hook.stage().or(last);
        (last, hook)
    });
    ranked.collect()
}
