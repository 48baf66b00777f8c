//! `walx verify`: everything that is stored, read and checked.

use serde::Serialize;

use walx::{Finding, Progress, Verified, VerifiedChannel};

use crate::args::{Channels, Form, Report};
use crate::exit::{Code, Failure};
use crate::out::Out;
use crate::progress;
use crate::store;
use crate::text::{count, lsns, size};

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Every record that is confirmed is read: checksums, numbers, ticks and owners are
compared, and what else the store keeps. Nothing is changed, and an owner may
append meanwhile. Without CHANNEL each channel of the store is read.

A channel is a line, and so is each damage, with its place. Damage that a repair
took note of is known: scans tell it as a gap. With json a line is an object:
{\"channel\":{…}}, {\"finding\":{…}}, and {\"summary\":{…}} as the last one.

The exit code is 9 where there is damage that is not known.

Examples:
  walx verify file:./data
  walx verify file:./data orders --output json")]
pub(crate) struct Args {
    #[command(flatten)]
    at: Channels,
    #[command(flatten)]
    report: Report,
}

pub(crate) async fn run(args: Args) -> Result<Code, Failure> {
    store::run(&args.at.store, async |store, out| {
        let progress = Progress::default();
        let work = store.verify(args.at.channel.as_ref(), &progress);
        let verified = progress::watch("verified", &progress, work).await?;
        if verified.channels.is_empty() && verified.findings.is_empty() {
            store::channels(store).await?;
        }
        match args.report.output {
            Form::Table => print(&verified, out).await?,
            Form::Json => json(&verified, out).await?,
        }
        Ok(if verified.is_sound() {
            Code::Ok
        } else {
            Code::Damage
        })
    })
    .await
}

async fn print(verified: &Verified, out: &mut Out) -> Result<(), Failure> {
    for it in &verified.channels {
        let lsns = lsns(it.first, it.last);
        let foreign = match it.foreign {
            0 => String::new(),
            some => format!("; {} of others", count(some, "record")),
        };
        out.line(format_args!(
            "{}: {}{lsns}; {}, {}{foreign}",
            it.channel,
            count(it.messages, "message"),
            count(it.records, "record"),
            size(it.bytes)
        ))
        .await?;
    }
    for finding in &verified.findings {
        let word = if finding.known {
            "known damage"
        } else {
            "damage"
        };
        out.line(format_args!("{word}: {finding}")).await?;
    }
    if verified.more > 0 {
        out.line(format_args!("and {} more", count(verified.more, "finding")))
            .await?;
    }
    let verdict = match (verified.is_sound(), verified.findings.is_empty()) {
        (true, true) => "sound",
        (true, false) => "sound but for damage that is known",
        (false, _) => "damaged: `walx repair` says what can be done about it",
    };
    out.line(verdict).await
}

async fn json(verified: &Verified, out: &mut Out) -> Result<(), Failure> {
    for it in &verified.channels {
        out.json(&Line::Channel(it.into())).await?;
    }
    for it in &verified.findings {
        out.json(&Line::Finding(it.into())).await?;
    }
    let known = verified.findings.iter().filter(|it| it.known).count();
    out.json(&Line::Summary {
        sound: verified.is_sound(),
        findings: verified.findings.len() as u64 + verified.more,
        known: known as u64,
    })
    .await
}

/// What `--output json` prints. The names are stable.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Channel(ChannelFields<'a>),
    Finding(FindingFields<'a>),
    Summary {
        sound: bool,
        findings: u64,
        known: u64,
    },
}

#[derive(Serialize)]
struct ChannelFields<'a> {
    name: &'a str,
    messages: u64,
    records: u64,
    bytes: u64,
    /// Records that walx did not write.
    foreign: u64,
    first_lsn: Option<u64>,
    last_lsn: Option<u64>,
}

impl<'a> From<&'a VerifiedChannel> for ChannelFields<'a> {
    fn from(it: &'a VerifiedChannel) -> Self {
        Self {
            name: it.channel.as_str(),
            messages: it.messages,
            records: it.records,
            bytes: it.bytes,
            foreign: it.foreign,
            first_lsn: it.first.map(|lsn| lsn.get()),
            last_lsn: it.last.map(|lsn| lsn.get()),
        }
    }
}

#[derive(Serialize)]
struct FindingFields<'a> {
    channel: Option<&'a str>,
    place: &'a str,
    what: &'a str,
    known: bool,
}

impl<'a> From<&'a Finding> for FindingFields<'a> {
    fn from(it: &'a Finding) -> Self {
        Self {
            channel: it.channel.as_ref().map(|name| name.as_str()),
            place: &it.place,
            what: &it.what,
            known: it.known,
        }
    }
}
