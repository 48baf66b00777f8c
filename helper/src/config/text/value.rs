use std::fmt::Display;
use std::str::FromStr;

use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor};

use super::Table;
use super::error::{Error, Result};

/// What stands at a key: a text, or keys behind a dot.
pub(super) struct Value<'a> {
    pub(super) path: String,
    pub(super) text: Option<&'a str>,
    pub(super) under: Vec<(&'a str, &'a str)>,
}

impl<'a> Value<'a> {
    pub(super) fn empty(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: None,
            under: Vec::new(),
        }
    }

    pub(super) fn table(path: &str, under: Vec<(&'a str, &'a str)>) -> Self {
        Self {
            under,
            ..Self::empty(path)
        }
    }

    fn text(&self) -> Result<&'a str> {
        match self.text {
            Some(text) if self.under.is_empty() => Ok(text),
            _ => Err(Error::custom(format_args!(
                "it takes one value, not the keys {}",
                self.names()
            ))),
        }
    }

    /// The keys behind the dot; a text beside them is refused.
    fn keys(self) -> Result<(String, Vec<(&'a str, &'a str)>)> {
        match self.text {
            None => Ok((self.path, self.under)),
            Some(_) => Err(Error::custom(format_args!(
                "it takes keys of its own, such as '{}.name'",
                self.path
            ))),
        }
    }

    fn number<T: FromStr>(&self, least: impl Display, most: impl Display) -> Result<T> {
        self.text()?
            .trim()
            .parse()
            .map_err(|_| Error::custom(format_args!("use a number from {least} to {most}")))
    }

    fn names(&self) -> String {
        let names: Vec<_> = self
            .under
            .iter()
            .map(|(name, _)| super::joined(&self.path, name))
            .collect();
        names.join(", ")
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            visitor.$visit(self.number::<$type>(<$type>::MIN, <$type>::MAX)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    numbers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128, deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128, deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64,
    }

    /// What a field that takes several forms gets: the text, or the keys.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.under.is_empty() && self.text.is_some() {
            return visitor.visit_borrowed_str(self.text()?);
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.text()?.trim() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(Error::custom("use true or false")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    /// A list: its values are separated by commas; an empty text is an empty list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let items = self
            .text()?
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let items: Vec<_> = items
            .map(|item| Value {
                text: Some(item),
                ..Value::empty(&self.path)
            })
            .collect();
        visitor.visit_seq(SeqDeserializer::new(items.into_iter()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let (path, under) = self.keys()?;
        visitor
            .visit_map(Table::flat(&path, under))
            .map_err(|error| error.within(&path))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let (path, under) = self.keys()?;
        visitor
            .visit_map(Table::grouped(&path, under))
            .map_err(|error| error.within(&path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(Name(self.text()?.trim()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { char str string bytes byte_buf unit unit_struct identifier }
}

impl<'de> IntoDeserializer<'de, Error> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A variant of an enum, by name.
struct Name<'a>(&'a str);

impl<'de> EnumAccess<'de> for Name<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: serde::de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        let name: serde::de::value::StrDeserializer<'_, Error> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Name<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        Ok(())
    }

    fn newtype_variant_seed<T: serde::de::DeserializeSeed<'de>>(self, _: T) -> Result<T::Value> {
        Err(needs_more(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value> {
        Err(needs_more(self.0))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value> {
        Err(needs_more(self.0))
    }
}

fn needs_more(name: &str) -> Error {
    Error::custom(format_args!(
        "'{name}' needs a value of its own, which a text can't give; set it in code"
    ))
}
