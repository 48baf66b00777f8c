use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use walx::ErrorKind;

use crate::text;

/// What the program ends with. The one place where the numbers stand; [`HELP`] is their documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Ok = 0,
    Unexpected = 1,
    Usage = 2,
    NotFound = 3,
    Conflict = 4,
    Timeout = 5,
    Differ = 7,
    Unsupported = 8,
    Damage = 9,
    Configuration = 10,
    #[cfg_attr(
        not(any(feature = "conformance", test)),
        expect(dead_code, reason = "only the suite ends with it")
    )]
    Broken = 11,
    Interrupted = 130,
    ClosedPipe = 141,
    Terminated = 143,
}

/// What `--help` says of them.
pub(crate) const HELP: &str = "\
Exit codes: 0 ok, 1 unexpected, 2 usage or bad input, 3 not found, 4 conflict
or fenced, 5 timeout, 7 differ, 8 unsupported, 9 damage found, 10 store
configuration, 11 promise broken, 130 Ctrl-C, 141 stdout closed, 143 SIGTERM.";

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

impl From<ErrorKind> for Code {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidInput | ErrorKind::TooLarge => Self::Usage,
            ErrorKind::NotFound | ErrorKind::PositionLost { .. } => Self::NotFound,
            ErrorKind::Conflict | ErrorKind::Fenced => Self::Conflict,
            ErrorKind::Overloaded { .. } | ErrorKind::Unavailable | ErrorKind::OutcomeUnknown => {
                Self::Timeout
            }
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Corrupt => Self::Damage,
            ErrorKind::Denied => Self::Configuration,
            // Closed, NotWritten, Internal, and kinds that this version doesn't know.
            _ => Self::Unexpected,
        }
    }
}

/// Why a command ends early: what to exit with, and one line for people.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: Code,
    text: String,
}

impl Failure {
    pub(crate) fn new(code: Code, text: impl fmt::Display) -> Self {
        Self {
            code,
            text: text.to_string().replace('\n', " "),
        }
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// Says where it happened, in front of the text.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        Self::new(self.code, format!("{place}: {}", self.text))
    }
}

impl From<walx::Error> for Failure {
    fn from(error: walx::Error) -> Self {
        match hint(&error) {
            Some(hint) => Self::new(error.kind().into(), format!("{error}; {hint}")),
            None => Self::new(error.kind().into(), error),
        }
    }
}

/// The command that helps, unless it is the one that failed.
fn hint(error: &walx::Error) -> Option<&'static str> {
    match (error.kind(), error.operation()) {
        (_, "repair") => None,
        (ErrorKind::Corrupt, "verify") => Some("`walx repair` says what can be done about it"),
        (ErrorKind::Corrupt, _) => {
            Some("`walx verify` lists all damage, `walx repair` says what can be done about it")
        }
        (ErrorKind::Conflict, _) => Some("`walx describe` shows who has it"),
        _ => None,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A line for people. Where nobody can read it (stderr is closed) there is nothing left to do about it.
pub(crate) fn say(text: impl fmt::Display) {
    let text = text::plain(&text.to_string());
    let _ = writeln!(io::stderr().lock(), "walx: {text}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn help_documents_every_code() {
        use Code::*;
        let codes = [
            Ok,
            Unexpected,
            Usage,
            NotFound,
            Conflict,
            Timeout,
            Differ,
            Unsupported,
            Damage,
            Configuration,
            Broken,
            Interrupted,
            ClosedPipe,
            Terminated,
        ];
        let words: Vec<_> = HELP.split_whitespace().collect();
        for code in codes {
            assert!(
                words.contains(&(code as u8).to_string().as_str()),
                "{code:?}"
            );
        }
    }

    #[test]
    fn a_kind_of_error_decides_the_code() {
        for (kind, code) in [
            (ErrorKind::InvalidInput, 2),
            (ErrorKind::TooLarge, 2),
            (ErrorKind::NotFound, 3),
            (ErrorKind::PositionLost { earliest: None }, 3),
            (ErrorKind::Conflict, 4),
            (ErrorKind::Fenced, 4),
            (ErrorKind::Unavailable, 5),
            (ErrorKind::OutcomeUnknown, 5),
            (
                ErrorKind::Overloaded {
                    retry_after: Duration::ZERO,
                },
                5,
            ),
            (ErrorKind::Unsupported, 8),
            (ErrorKind::Corrupt, 9),
            (ErrorKind::Denied, 10),
            (ErrorKind::Closed, 1),
            (ErrorKind::NotWritten, 1),
            (ErrorKind::Internal, 1),
        ] {
            assert_eq!(Code::from(kind) as u8, code, "{kind:?}");
        }
    }

    #[test]
    fn an_error_names_the_command_that_helps() {
        let told = |kind, operation| {
            let error = walx::Error::new(kind, "why").with_operation(operation);
            Failure::from(error).to_string()
        };
        assert_eq!(
            told(ErrorKind::Conflict, "open"),
            "conflict: open: why; `walx describe` shows who has it"
        );
        assert!(told(ErrorKind::Corrupt, "scan").contains("`walx verify` lists"));
        assert!(!told(ErrorKind::Corrupt, "verify").contains("`walx verify`"));
        assert_eq!(told(ErrorKind::Corrupt, "repair"), "corrupt: repair: why");
        assert_eq!(told(ErrorKind::NotFound, "scan"), "not found: scan: why");
    }

    #[test]
    fn a_failure_is_one_line() {
        let failure = Failure::new(Code::Usage, "a\nb").at("line 3");
        assert_eq!(failure.to_string(), "line 3: a b");
        assert_eq!(failure.code(), Code::Usage);
    }
}
