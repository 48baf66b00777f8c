use std::io;
use std::path::Path;

use walx_core::{Error, ErrorKind, Result};
use walx_helper::config::Secret;

/// Where a secret stands: in the configuration, in a file, or in the environment.
pub(super) struct Source<'a> {
    pub(super) key: &'static str,
    pub(super) inline: Option<&'a Secret>,
    pub(super) file: Option<&'a Path>,
    pub(super) variable: Option<&'a str>,
}

impl Source<'_> {
    pub(super) fn is_set(&self) -> bool {
        self.inline.is_some() || self.file.is_some() || self.variable.is_some()
    }

    /// The secret; a file's last line break doesn't belong to it.
    pub(super) fn read(&self) -> Result<Option<Secret>> {
        let key = self.key;
        let secret = match (self.inline, self.file, self.variable) {
            (None, None, None) => return Ok(None),
            (Some(secret), None, None) => secret.clone(),
            (None, Some(file), None) => {
                let key = format!("{key}_file");
                let text = std::fs::read_to_string(file);
                let text = text.map_err(|cause| unreadable(&key, file, cause))?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Secret::new(text.strip_suffix('\r').unwrap_or(text))
            }
            (None, None, Some(name)) => Secret::new(std::env::var(name).map_err(|_| {
                wrong(format!(
                    "{key}_env names the environment variable '{name}', which is not set, or no text: set it"
                ))
            })?),
            _ => {
                return Err(wrong(format!(
                    "two of {key}, {key}_file and {key}_env are set: leave one of them"
                )));
            }
        };
        match secret.expose() {
            "" => Err(wrong(format!("the secret that {key} stands for is empty"))),
            text if text.contains('\0') => Err(wrong(format!(
                "the secret that {key} stands for has a zero byte"
            ))),
            _ => Ok(Some(secret)),
        }
    }
}

/// What somebody gets whose file can't be read.
pub(super) fn unreadable(key: &str, file: &Path, cause: io::Error) -> Error {
    let (kind, way_out) = match cause.kind() {
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "is not there: correct the path"),
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Denied,
            "may not be read by this user: change its rights",
        ),
        _ => (ErrorKind::InvalidInput, "can't be read as text"),
    };
    let text = format!("the file {} that {key} names {way_out}", file.display());
    Error::new(kind, text).with_source(cause)
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}
