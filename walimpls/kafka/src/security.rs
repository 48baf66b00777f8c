mod secret;

use std::path::Path;

use rdkafka::ClientConfig;
use walx_core::{Error, ErrorKind, Result};
use walx_helper::config::Secret;

use crate::config::{KafkaConfig, KafkaSasl};
use secret::Source;

/// Encryption and who the client is, with the secrets that files and the environment held when the store was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Security {
    tls: Option<Tls>,
    user: Option<User>,
}

#[derive(Clone, Debug, Default)]
struct Tls {
    ca: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    key_password: Option<Secret>,
}

#[derive(Clone, Debug)]
struct User {
    sasl: KafkaSasl,
    name: String,
    password: Secret,
}

impl Security {
    /// Reads what the configuration names.
    pub(crate) fn of(config: &KafkaConfig) -> Result<Self> {
        Ok(Self {
            tls: tls(config)?,
            user: user(config)?,
        })
    }

    pub(crate) fn apply(&self, client: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.user) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        client.set("security.protocol", protocol);
        if let Some(tls) = &self.tls {
            let password = tls.key_password.as_ref().map(Secret::expose);
            for (name, value) in [
                ("ssl.ca.location", tls.ca.as_deref()),
                ("ssl.certificate.location", tls.cert.as_deref()),
                ("ssl.key.location", tls.key.as_deref()),
                ("ssl.key.password", password),
            ] {
                if let Some(value) = value {
                    client.set(name, value);
                }
            }
        }
        if let Some(user) = &self.user {
            client
                .set("sasl.mechanism", user.sasl.word().to_ascii_uppercase())
                .set("sasl.username", &user.name)
                .set("sasl.password", user.password.expose());
        }
    }

    /// Whether anybody on the way may read the password.
    pub(crate) fn shows_password(&self) -> bool {
        let plain = |it: &User| it.sasl == KafkaSasl::Plain;
        self.tls.is_none() && self.user.as_ref().is_some_and(plain)
    }

    /// What protects connections, for people.
    pub(crate) fn in_words(&self) -> String {
        let encrypted = match &self.tls {
            None => "not encrypted",
            Some(tls) if tls.cert.is_some() => "TLS with a certificate of the client",
            Some(_) => "TLS",
        };
        match &self.user {
            None => encrypted.to_owned(),
            Some(user) => format!("{encrypted}, user '{}' by {}", user.name, user.sasl),
        }
    }
}

fn tls(config: &KafkaConfig) -> Result<Option<Tls>> {
    let key_password = Source {
        key: "key_password",
        inline: config.key_password.as_ref(),
        file: config.key_password_file.as_deref(),
        variable: config.key_password_env.as_deref(),
    };
    if !config.tls {
        let keys = [
            ("ca", config.ca.is_some()),
            ("cert", config.cert.is_some()),
            ("key", config.key.is_some()),
            ("key_password", key_password.is_set()),
        ];
        return match keys.iter().find(|(_, set)| *set) {
            Some((key, _)) => Err(wrong(format!(
                "{key} is set and connections are not encrypted: add tls=true, or leave {key} out"
            ))),
            None => Ok(None),
        };
    }
    if !cfg!(feature = "ssl") {
        let text =
            "tls=true needs TLS, which this build has not: build walx with the feature 'ssl'";
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    match (&config.cert, &config.key) {
        (Some(_), None) => return Err(wrong("cert is set without its key: add key=FILE".into())),
        (None, Some(_)) => return Err(wrong("key is set without cert: add cert=FILE".into())),
        (None, None) if key_password.is_set() => {
            return Err(wrong(
                "key_password is set without key: add key=FILE".into(),
            ));
        }
        _ => {}
    }
    Ok(Some(Tls {
        ca: readable("ca", config.ca.as_deref())?,
        cert: readable("cert", config.cert.as_deref())?,
        key: readable("key", config.key.as_deref())?,
        key_password: key_password.read()?,
    }))
}

fn user(config: &KafkaConfig) -> Result<Option<User>> {
    let password = Source {
        key: "password",
        inline: config.password.as_ref(),
        file: config.password_file.as_deref(),
        variable: config.password_env.as_deref(),
    };
    let Some(sasl) = config.sasl else {
        let text = "user or password is set and sasl is not: add sasl=plain, sasl=scram-sha-256 or sasl=scram-sha-512";
        return match config.user.is_some() || password.is_set() {
            true => Err(wrong(text.to_owned())),
            false => Ok(None),
        };
    };
    if sasl != KafkaSasl::Plain && !cfg!(feature = "ssl") {
        let text = format!(
            "sasl={sasl} needs the hashes of OpenSSL, which this build has not: build walx with the feature 'ssl'"
        );
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    let name = config.user.clone();
    let name = name.ok_or_else(|| wrong(format!("sasl={sasl} needs a user: add user=NAME")))?;
    let missing = || {
        wrong(format!(
            "sasl={sasl} needs a password: add password_file=FILE or password_env=VARIABLE"
        ))
    };
    Ok(Some(User {
        sasl,
        name,
        password: password.read()?.ok_or_else(missing)?,
    }))
}

/// Of a file that librdkafka reads; tried here first, as its own errors name no key.
fn readable(key: &str, file: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = file else { return Ok(None) };
    std::fs::File::open(file).map_err(|cause| secret::unreadable(key, file, cause))?;
    match file.to_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(wrong(format!(
            "{key}={} is no UTF-8 text: rename the file",
            file.display()
        ))),
    }
}

fn wrong(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}
