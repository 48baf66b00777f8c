use walx::{Lsn, MessageId, Position, Tick};

/// What is said where a text is none of them.
pub(crate) const FORMS: &str =
    "use earliest, latest, lsn:N, id:ID, after:ID, tick:N, time:2025-01-31T12:00:00Z or last:N";

/// The position that a text means.
pub(crate) fn parse(text: &str) -> Result<Position, String> {
    match text {
        "earliest" => return Ok(Position::Earliest),
        "latest" => return Ok(Position::Latest),
        _ => {}
    }
    let (form, value) = text.split_once(':').ok_or(FORMS)?;
    match form {
        "lsn" => number(value).map(|lsn| Position::Lsn(Lsn::new(lsn))),
        "tick" => number(value).map(|tick| Position::Tick(Tick::new(tick))),
        "last" => number(value).map(Position::Last),
        "id" => id(value).map(Position::At),
        "after" => id(value).map(Position::After),
        "time" => humantime::parse_rfc3339_weak(value)
            .map(Position::Time)
            .map_err(|error| {
                format!("{value:?} is no time in UTC such as 2025-01-31T12:00:00Z: {error}")
            }),
        _ => Err(FORMS.to_owned()),
    }
}

fn id(text: &str) -> Result<MessageId, String> {
    text.parse()
        .map_err(|error: walx::Error| error.message().to_owned())
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|error| format!("{text:?} is no number: {error}"))
}

/// What must hold of every text. Compiled for tests and for fuzzing only.
#[cfg(any(test, fuzzing))]
#[path = "position/fuzz.rs"]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use walx::BackendName;

    use super::*;

    #[test]
    fn every_form_is_understood() {
        let id = MessageId::from_u64(BackendName::constant("file"), 42);
        let noon = UNIX_EPOCH + Duration::from_secs(1_738_324_800);
        for (text, position) in [
            ("earliest", Position::Earliest),
            ("latest", Position::Latest),
            ("lsn:7", Position::Lsn(Lsn::new(7))),
            (
                "tick:18446744073709551615",
                Position::Tick(Tick::new(u64::MAX)),
            ),
            ("last:0", Position::Last(0)),
            ("id:file:000000000000002a", Position::At(id)),
            ("after:file:000000000000002a", Position::After(id)),
            ("time:2025-01-31T12:00:00Z", Position::Time(noon)),
            ("time:2025-01-31 12:00:00", Position::Time(noon)),
        ] {
            assert_eq!(parse(text).unwrap(), position, "{text}");
        }
    }

    #[test]
    fn anything_else_is_explained() {
        for (text, why) in [
            ("", FORMS),
            ("end", FORMS),
            ("lsm:1", FORMS),
            ("lsn:-1", "\"-1\" is no number"),
            ("last:", "\"\" is no number"),
            ("id:7", "\"7\" is no message id"),
            ("time:today", "\"today\" is no time in UTC"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }
}
