//! `walx demo`: the whole main job in a minute, with the proof.
//!
//! ```text
//! writer process (killed, started again) ──▶ file store ──▶ three scanners in this process
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

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use walx::CacheOption;

use crate::args::DemoArgs;
use crate::exit::{self, Code, Failure};
use crate::signal::Signals;

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
    let folder = tempfile::Builder::new()
        .prefix("walx-demo-")
        .tempdir()
        .map_err(|error| {
            Failure::new(
                Code::Unexpected,
                format!("no temporary folder can be made: {error}"),
            )
        })?;
    let uri = uri(folder.path())?;
    exit::say(format_args!(
        "{} seconds, {} kills, store {uri}",
        args.seconds, args.kills
    ));
    let outcome = run::run(&args, &uri, &mut signals).await;
    if args.keep {
        exit::say(format_args!("kept {}", folder.keep().display()));
    } else if let Err(error) = folder.close() {
        exit::say(format_args!("the temporary folder stays: {error}"));
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
