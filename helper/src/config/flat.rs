use serde_json::{Map, Value};
use walx_core::{Config, Error, ErrorKind, Result};

/// A table of texts of nested values: what lies deeper gets dotted keys, what is null is left out.
pub(super) fn flatten(value: Value) -> Result<Config> {
    let mut config = Config::new();
    match value {
        Value::Object(map) => add_table("", map, &mut config)?,
        Value::Null => {}
        _ => {
            return Err(wrong(
                "a configuration is a table of keys and values, not a single value".to_owned(),
            ));
        }
    }
    Ok(config)
}

fn add_table(prefix: &str, map: Map<String, Value>, config: &mut Config) -> Result<()> {
    for (name, value) in map {
        let key = format!("{prefix}{name}");
        let text = match value {
            Value::Null => continue,
            Value::Object(map) => {
                add_table(&format!("{key}."), map, config)?;
                continue;
            }
            Value::Array(items) => items
                .into_iter()
                .map(|item| element(&key, item))
                .collect::<Result<Vec<_>>>()?
                .join(","),
            plain => text(plain),
        };
        if config.set(key.clone(), text).is_some() {
            return Err(wrong(format!(
                "the key '{key}' stands twice, once with a dot in its name and once as a table"
            )));
        }
    }
    Ok(())
}

fn element(key: &str, item: Value) -> Result<String> {
    match item {
        Value::Null | Value::Object(_) | Value::Array(_) => Err(wrong(format!(
            "the key '{key}' is a list of tables or lists; a list holds plain values"
        ))),
        Value::String(text) if text.contains(',') => Err(wrong(format!(
            "a value in the list '{key}' has a comma, which separates the values of a list"
        ))),
        plain => Ok(text(plain)),
    }
}

fn text(plain: Value) -> String {
    match plain {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message).with_operation("configure")
}
