//! What the files of a store say, without reading the log.

use std::path::Path;

use walx_core::{Check, Health, Result};

use crate::loss::{self, Found, Losses};
use crate::maintenance::unfinished;
use crate::manifest::{self, Manifest, Slot};
use crate::segment;

pub(super) fn files(dir: &Path) -> Check {
    match look(dir) {
        Ok((health, text)) => Check::new("files", health, text),
        Err(error) => Check::new("files", Health::Problem, error.to_string()),
    }
}

fn look(dir: &Path) -> Result<(Health, String)> {
    let numbers = segment::list(dir)
        .map_err(|error| crate::fault::refused("listing the segments", dir, error))?;
    let Some(manifest) = Manifest::load(dir)? else {
        return if numbers.is_empty() {
            Ok((Health::Good, "no store yet".to_owned()))
        } else {
            Err(manifest::lost(dir))
        };
    };
    let first = manifest.first_segment.unwrap_or_default();
    let size =
        |number: &u64| std::fs::metadata(segment::path(dir, *number)).map_or(0, |meta| meta.len());
    let bytes: u64 = numbers.iter().map(size).sum();
    let mut said = vec![format!("{} segments, {bytes} bytes", numbers.len())];
    let mut wrong = Vec::new();
    let kept: Vec<_> = numbers.iter().filter(|number| **number >= first).collect();
    match numbers.len() - kept.len() {
        0 => {}
        truncated => said.push(format!(
            "{truncated} truncated segments that the next open for writing removes"
        )),
    }
    for (expected, number) in (first..).zip(&kept) {
        if expected != **number {
            wrong.push(format!("segment {expected} is missing; verify the store"));
            break;
        }
    }
    // One that is being written looks so for an instant, and verify knows better.
    if manifest.generation() > 1
        && let Some(at) = manifest::slots(dir)
            .iter()
            .position(|slot| !matches!(slot, Slot::Sound(_)))
    {
        wrong.push(format!(
            "{} is not sound, the other one counts; the next open for writing mends it",
            manifest::NAMES[at]
        ));
    }
    if let Some(mark) = unfinished(dir).first() {
        wrong.push(format!(
            "the repair of {} was interrupted; repair again",
            mark.parent().unwrap_or(mark).display()
        ));
    }
    match Losses::read(dir, &manifest.uuid)? {
        Found::Nothing => {}
        Found::Sound(losses) => {
            let count = losses.notes().len();
            wrong.push(format!(
                "{count} places with lost records, noted by a repair: readers get gaps there"
            ));
        }
        Found::Damaged => wrong.push(format!(
            "{} is damaged and counts for nothing; repair the store",
            loss::NAME
        )),
    }
    let health = if wrong.is_empty() {
        Health::Good
    } else {
        Health::Warning
    };
    said.extend(wrong);
    Ok((health, said.join("; ")))
}
