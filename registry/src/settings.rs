//! walx's own keys in a store's configuration, which every store takes beside its backend's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de};
use walx_core::{Config, Error, ErrorKind, IdempotencyOption, OpenOption, Result};
use walx_helper::config::{self, ByteSize, HumanDuration};
use walx_utility::flow::{FlowControl, FlowSource, FlowState, Rate};

use crate::chain::{self, Hook};

/// The first parts of keys that are walx's own, beside the names of interceptors.
pub(crate) const OWN: [&str; 5] = ["chain", "chunk", "idempotency", "limit", "txn"];
/// As errors list them.
pub(crate) const KNOWN: &str = "chain, chunk, idempotency, limit, txn.buffer, txn.spill, and NAME.KEY for each NAME of the chain";

/// What a store says of all that is opened through it.
pub(crate) struct Settings {
    pub(crate) hooks: Vec<Hook>,
    keys: Keys,
    /// What bounds the appends of all its wals together.
    limit: Option<Limit>,
}

struct Limit {
    flow: FlowControl,
    /// It has a say as long as it is there.
    _source: FlowSource,
}

impl Limit {
    fn new(ByteSize(bytes): ByteSize) -> Result<Self> {
        let rate = Rate::new(bytes).ok_or_else(|| {
            let text =
                "limit=0 lets nothing pass; give the bytes a second that may, such as limit=32MiB";
            Error::new(ErrorKind::InvalidInput, text)
        })?;
        let flow = FlowControl::new();
        let source = flow.source("limit");
        source.report(FlowState::SlowDown(rate));
        Ok(Self {
            flow,
            _source: source,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    chain: Vec<String>,
    chunk: Option<ByteSize>,
    idempotency: Option<Window>,
    limit: Option<ByteSize>,
    #[serde(default)]
    txn: Transactions,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transactions {
    buffer: Option<ByteSize>,
    spill: Option<PathBuf>,
}

/// `16MiB,10m`, or one of them.
#[derive(Clone, Copy)]
struct Window(IdempotencyOption);

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (mut bytes, mut keep) = (None, None);
        for part in text.split(',') {
            let set_twice = if let Ok(ByteSize(size)) = part.parse() {
                bytes.replace(ByteSize(size).as_usize()).is_some()
            } else if let Ok(HumanDuration(time)) = part.trim().parse() {
                keep.replace(time).is_some()
            } else {
                true
            };
            if set_twice {
                return Err(de::Error::custom(
                    "use a size and a time, such as 16MiB,10m",
                ));
            }
        }
        let default = IdempotencyOption::default();
        Ok(Self(IdempotencyOption::new(
            bytes.unwrap_or(default.bytes),
            keep.unwrap_or(default.keep),
        )))
    }
}

impl Settings {
    /// The settings of a store, and what is left for its backend; no settings where the store says nothing of them.
    ///
    /// # Errors
    /// `InvalidInput` for a wrong value, an unknown interceptor or key of one, or a wrong order; what an interceptor can't
    /// be made with.
    pub(crate) fn split(config: &Config) -> Result<(Option<Self>, Config)> {
        let (mut own, mut rest) = (Config::new(), Config::new());
        let mut sections: BTreeMap<String, Config> = BTreeMap::new();
        for (key, value) in config.iter() {
            let (head, inner) = key.split_once('.').unwrap_or((key, ""));
            if OWN.contains(&head) {
                own.set(key, value);
            } else if !inner.is_empty() && chain::is_registered(head) {
                let section = sections.entry(head.to_owned()).or_default();
                section.set(inner, value);
            } else {
                rest.set(key, value);
            }
        }
        if own.iter().len() == 0 && sections.is_empty() {
            return Ok((None, rest));
        }
        let keys: Keys = config::parse_for("the store", &own)?;
        let hooks = chain::make(&keys.chain, sections)?;
        let limit = keys.limit.map(Limit::new).transpose()?;
        Ok((Some(Self { hooks, keys, limit }), rest))
    }

    /// Sets what `option` leaves at its default.
    pub(crate) fn apply(&self, mut option: OpenOption) -> OpenOption {
        let Keys {
            chunk,
            idempotency,
            txn,
            ..
        } = &self.keys;
        option.interceptors = chain::merge(option.interceptors, &self.hooks);
        let window = || idempotency.map(|it| it.0);
        option.idempotency = option.idempotency.or_else(window);
        if let Some(limit) = self.limit.as_ref().filter(|_| option.flow.is_none()) {
            option.flow = Some(Arc::new(limit.flow.clone()));
        }
        let chunk = || chunk.map(ByteSize::as_usize);
        option.max_chunked_bytes = option.max_chunked_bytes.or_else(chunk);
        let buffer = || txn.buffer.map(ByteSize::as_usize);
        option.transaction_buffer_bytes = option.transaction_buffer_bytes.or_else(buffer);
        option.spill = option.spill.or_else(|| txn.spill.clone());
        option
    }

    /// The chain as `doctor` shows it; none where there is no hook.
    pub(crate) fn chain(&self) -> Option<String> {
        let names: Vec<_> = self.hooks.iter().map(|it| it.name()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}
