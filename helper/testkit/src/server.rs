//! Servers that tests need: where they are, or why they are left out.

use std::ffi::OsString;
use std::fmt;

/// The variable that says which servers a run does without: `WALX_WITHOUT=kafka,pulsar`.
const WITHOUT: &str = "WALX_WITHOUT";

/// Where the server for a test is, as `scripts/servers env` says in this variable: `server("WALX_KAFKA")`. `None`, and a
/// line that tells it, where the run does without it in so many words.
///
/// # Panics
/// Where the variable is missing and nobody said that the test is to be left out.
#[expect(clippy::print_stderr, reason = "a test tells that it was left out")]
pub fn server(variable: &str) -> Option<String> {
    let found = Server::find(variable, |name| std::env::var_os(name));
    match found {
        Server::At(place) => Some(place),
        Server::LeftOut(why) => {
            eprintln!("{why}");
            None
        }
        Server::Missing(why) => panic!("{why}"),
    }
}

/// What is known of a server.
#[derive(Debug, PartialEq)]
pub(crate) enum Server {
    /// What its variable says.
    At(String),
    /// The run does without it.
    LeftOut(LeftOut),
    /// Nobody said where it is.
    Missing(Missing),
}

#[derive(Debug, PartialEq)]
pub(crate) struct LeftOut {
    variable: String,
    server: String,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Missing {
    variable: String,
    server: String,
    started: String,
}

impl Server {
    /// What the environment says.
    pub(crate) fn find(variable: &str, environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| environment(name).and_then(|it| it.into_string().ok());
        let started = started(variable);
        let server = started.trim_end_matches(|it: char| it.is_ascii_digit());
        let without = text(WITHOUT).unwrap_or_default();
        if without.split(',').any(|it| it.trim() == server) {
            return Self::LeftOut(LeftOut {
                variable: variable.to_owned(),
                server: server.to_owned(),
            });
        }
        match text(variable).filter(|it| !it.is_empty()) {
            Some(place) => Self::At(place),
            None => Self::Missing(Missing {
                variable: variable.to_owned(),
                server: server.to_owned(),
                started: started.clone(),
            }),
        }
    }
}

/// What `scripts/servers start` calls the server of a variable: `kafka3` of `WALX_KAFKA3`, `kafka` of `WALX_KAFKA_TLS`.
fn started(variable: &str) -> String {
    let name = variable.strip_prefix("WALX_").unwrap_or(variable);
    let name = name.split('_').next().unwrap_or(name);
    name.to_ascii_lowercase()
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, server } = self;
        write!(
            f,
            "left out: {WITHOUT} has {server}, and this needs {variable}"
        )
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable,
            server,
            started,
        } = self;
        write!(
            f,
            "this needs a server, and {variable} does not say where it is: \
             `scripts/servers start {started} && eval \"$(scripts/servers env)\"`, or leave out what needs one with \
             {WITHOUT}={server}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variable: &str, environment: &[(&str, &str)]) -> Server {
        Server::find(variable, |name| {
            let found = environment.iter().find(|it| it.0 == name);
            found.map(|it| it.1.into())
        })
    }

    #[test]
    fn a_server_is_where_its_variable_says() {
        let environment = [("WALX_KAFKA", "127.0.0.1:9092"), ("WALX_WITHOUT", "pulsar")];
        let at = Server::At("127.0.0.1:9092".to_owned());
        assert_eq!(find("WALX_KAFKA", &environment), at);
    }

    #[test]
    fn one_that_is_missing_is_an_error_that_says_how_to_start_it() {
        for environment in [&[][..], &[("WALX_KAFKA3", "")]] {
            let Server::Missing(why) = find("WALX_KAFKA3", environment) else {
                panic!("it is missing")
            };
            let why = why.to_string();
            assert!(why.contains("scripts/servers start kafka3"), "{why}");
            assert!(why.contains("WALX_WITHOUT=kafka"), "{why}");
        }
        let Server::Missing(why) = find("WALX_KAFKA_TLS", &[]) else {
            panic!("it is missing")
        };
        assert!(why.to_string().contains("start kafka &&"), "{why}");
    }

    #[test]
    fn what_the_run_does_without_is_left_out_even_where_it_is() {
        let environment = [
            ("WALX_KAFKA3", "127.0.0.1:9092"),
            ("WALX_WITHOUT", "pulsar, kafka"),
        ];
        let Server::LeftOut(why) = find("WALX_KAFKA3", &environment) else {
            panic!("the run does without it")
        };
        let why = why.to_string();
        assert!(
            why.starts_with("left out") && why.contains("WALX_KAFKA3"),
            "{why}"
        );
    }
}
