//! `walx demo`: the whole main job in a minute, with the proof.
//!
//! ```text
//! writer process (killed, started again) ──▶ store ──▶ three scanners in this process
//!        │ acknowledgements: channel, lsn, hash, time             │ deliveries: lsn, hash, time
//!        └──────────────────────▶ one ledger a channel ◀──────────┘ ──▶ verdict
//! ```

mod child;
mod input;
mod ledger;
mod proof;
mod run;
mod verdict;
mod watch;
mod wire;
pub(crate) mod writer;

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::TempDir;

use walx::{CacheOption, ChannelName, Durability};
use walx_utility::random;

use crate::args::DemoArgs;
use crate::exit::{self, Code, Failure};
use crate::signal::Signals;
use crate::store;

/// Lines a second that a writer appends at most, to both channels together.
pub(crate) const RATE: u32 = 20_000;
/// The two channels, and how many scanners each has.
const CHANNELS: [(&str, usize); 2] = [("orders", 2), ("payments", 1)];
/// When an append is acknowledged: not before it is synced to the disk.
const SETTINGS: &str = "durability=each";

/// Bytes of the newest records that stay in memory for the scanners of a channel.
const CACHE: CacheOption = CacheOption::new(8 << 20, Duration::from_secs(5));

/// What a path in a URI may have as it is.
const PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'~');

pub(crate) async fn run(args: DemoArgs) -> Result<Code, Failure> {
    let mut signals = Signals::listen()?;
    // A wrong input is found here, not by each writer.
    input::Input::open(args.input.as_deref())?;
    let (stage, folder) = match &args.store {
        Some(uri) => (Stage::shared(uri).await?, None),
        None => {
            let (stage, folder) = Stage::temporary()?;
            (stage, Some(folder))
        }
    };
    exit::say(format_args!(
        "{} seconds, {} kills, store {stage}",
        args.seconds, args.kills
    ));
    let outcome = run::run(&args, &stage, &mut signals).await;
    match folder {
        None => {
            let names = CHANNELS.map(|(name, _)| format!("{}{name}", stage.prefix));
            exit::say(format_args!("channels {} stay", names.join(" and ")));
        }
        Some(folder) if args.keep => exit::say(format_args!("kept {}", folder.keep().display())),
        Some(folder) => {
            if let Err(error) = folder.close() {
                exit::say(format_args!("the temporary folder stays: {error}"));
            }
        }
    }
    let verdict = match outcome? {
        run::Outcome::Stopped(code) => return Ok(code),
        run::Outcome::Verdict(verdict) => verdict,
    };
    match write!(io::stdout().lock(), "{verdict}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::new(
                Code::Unexpected,
                format!("stdout can't be written: {error}"),
            ));
        }
        // Whoever closed stdout still gets the verdict as the exit code.
        _ => {}
    }
    Ok(if verdict.is_clean() {
        Code::Ok
    } else {
        Code::Damage
    })
}

/// Where a demo takes place.
#[derive(Debug)]
struct Stage {
    uri: String,
    /// What stands before the names of the channels.
    prefix: String,
}

impl Stage {
    /// A file store of its own.
    fn temporary() -> Result<(Self, TempDir), Failure> {
        let made = tempfile::Builder::new().prefix("walx-demo-").tempdir();
        let folder = made.map_err(|error| {
            let text = format!("no temporary folder can be made: {error}");
            Failure::new(Code::Unexpected, text)
        })?;
        let stage = Self {
            uri: uri(folder.path())?,
            prefix: String::new(),
        };
        Ok((stage, folder))
    }

    /// Any store, which others may use too.
    async fn shared(uri: &str) -> Result<Self, Failure> {
        let store = store::open(uri).await?;
        let durability = store.capability().durability;
        store::close(&*store, Ok(())).await?;
        if durability == Durability::None {
            let text =
                "the store ends with its process, and a demo has several: choose another one";
            return Err(Failure::new(Code::Configuration, text));
        }
        Ok(Self {
            uri: uri.to_owned(),
            prefix: format!("demo-{:08x}-", random::number() as u32),
        })
    }

    fn channel(&self, channel: usize) -> Result<ChannelName, Failure> {
        named(&self.prefix, channel)
    }
}

impl fmt::Display for Stage {
    /// Without what stands behind the question mark: there may be a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.is_empty() {
            true => f.write_str(&self.uri),
            false => f.write_str(self.uri.split('?').next().unwrap_or_default()),
        }
    }
}

/// The name of a channel.
fn named(prefix: &str, channel: usize) -> Result<ChannelName, Failure> {
    Ok(ChannelName::new(format!(
        "{prefix}{}",
        CHANNELS[channel].0
    ))?)
}

fn uri(folder: &Path) -> Result<String, Failure> {
    let path = folder.to_str().ok_or_else(|| {
        Failure::new(
            Code::Configuration,
            format!(
                "{} is no UTF-8: set TMPDIR to another folder",
                folder.display()
            ),
        )
    })?;
    Ok(format!(
        "file:{}?{SETTINGS}",
        utf8_percent_encode(path, &PATH)
    ))
}

/// Stands for the bytes of a line. The same in every process of this program.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Nanoseconds since 1970, to compare between two processes.
fn unix_ns() -> u64 {
    u64::try_from(walx_utility::clock::unix_time().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_odd_characters_fits_into_a_uri() {
        assert_eq!(
            uri(Path::new("/tmp/a b?c%")).unwrap(),
            "file:/tmp/a%20b%3Fc%25?durability=each"
        );
    }
}
