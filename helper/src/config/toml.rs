use serde_json::{Map, Value};
use walx_core::{BackendName, Config, Error, ErrorKind, Result};

use super::flat;

/// The backend and the configuration of a TOML table: `backend = "file"`, and the backend's own keys beside it.
/// A table without `backend` gives `None`.
///
/// ```
/// let (backend, config) = walx_helper::config::from_toml("backend = \"file\"\nlocation = \"./data\"").unwrap();
/// assert_eq!(backend.unwrap().as_str(), "file");
/// assert_eq!(config.get("location"), Some("./data"));
/// ```
///
/// # Errors
/// `InvalidInput` where it isn't TOML, or holds what a configuration can't.
pub fn from_toml(text: &str) -> Result<(Option<BackendName>, Config)> {
    let mut table: Map<String, Value> = toml::from_str(text).map_err(|error| {
        // The error's own text shows the line, and in it a value that may be secret: its message is enough.
        let line = error.span().map(|span| {
            1 + text.as_bytes()[..span.start.min(text.len())]
                .split(|&c| c == b'\n')
                .count()
                - 1
        });
        let place = line.map_or_else(String::new, |line| format!(" in line {line}"));
        wrong(format!("this is no TOML{place}: {}", error.message()))
    })?;
    let backend = match table.remove("backend") {
        None => None,
        Some(Value::String(name)) => Some(BackendName::new(&name)?),
        Some(_) => {
            return Err(wrong(
                "the key 'backend' must be a text, such as backend = \"file\"".to_owned(),
            ));
        }
    };
    Ok((backend, flat::flatten(Value::Object(table))?))
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message).with_operation("configure")
}
