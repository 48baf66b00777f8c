use std::collections::BTreeMap;
use std::fmt;

/// What a store is configured with, as (key, value) texts, whether it came from a URI, a TOML table or code.
///
/// `walx-helper` makes it from the first two and turns it into a backend's own struct. Values may be secrets:
/// `Debug` shows the keys only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Config(BTreeMap<String, String>);

impl Config {
    /// Nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key; a value that was there is replaced.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(key, value);
        self
    }

    /// Sets a key and gives the value that was there.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.0.insert(key.into(), value.into())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Config ")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let config = Config::new().with("password", "hunter2");
        assert_eq!(format!("{config:?}"), "Config {\"password\"}");
    }
}
