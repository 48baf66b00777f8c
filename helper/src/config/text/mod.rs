//! A serde deserializer over a table of texts: a text becomes what the field asks for.

mod error;
mod value;

use std::collections::{BTreeMap, btree_map};

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess};
use walx_core::Config;

use error::{Error, Result};
use value::Value;

pub(super) fn parse<C: DeserializeOwned>(config: &Config) -> Result<C> {
    C::deserialize(Value::table("", config.iter().collect()))
}

/// The keys of a table: what is grouped by a key's first part, or the keys as they are.
struct Table<'a> {
    fields: btree_map::IntoIter<&'a str, Value<'a>>,
    next: Option<Value<'a>>,
}

impl<'a> Table<'a> {
    /// For a struct: `retry.first` and `retry.most` are the field `retry`.
    fn grouped(prefix: &str, entries: Vec<(&'a str, &'a str)>) -> Self {
        let mut fields = BTreeMap::new();
        for (key, text) in entries {
            let (name, rest) = key
                .split_once('.')
                .map_or((key, None), |(name, rest)| (name, Some(rest)));
            let value: &mut Value<'a> = fields
                .entry(name)
                .or_insert_with(|| Value::empty(&joined(prefix, name)));
            match rest {
                Some(rest) => value.under.push((rest, text)),
                None => value.text = Some(text),
            }
        }
        Self {
            fields: fields.into_iter(),
            next: None,
        }
    }

    /// For a map: its keys may have dots of their own, as a broker's settings do.
    fn flat(prefix: &str, entries: Vec<(&'a str, &'a str)>) -> Self {
        let fields: BTreeMap<_, _> = entries
            .into_iter()
            .map(|(key, text)| {
                (
                    key,
                    Value {
                        text: Some(text),
                        ..Value::empty(&joined(prefix, key))
                    },
                )
            })
            .collect();
        Self {
            fields: fields.into_iter(),
            next: None,
        }
    }
}

impl<'de> MapAccess<'de> for Table<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((name, value)) = self.fields.next() else {
            return Ok(None);
        };
        self.next = Some(value);
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match self.next.take() {
            Some(value) => {
                let place = (value.path.clone(), value.text);
                seed.deserialize(value)
                    .map_err(|error| error.at(&place.0, place.1))
            }
            None => Err(serde::de::Error::custom(
                "a value was asked for before its key",
            )),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.fields.len())
    }
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}
