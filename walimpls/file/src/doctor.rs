//! Looks at all that a store in a directory needs, and changes nothing.

mod files;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfs};
use walx_core::{Check, Config, Health};
use walx_helper::config;

use crate::config::FileConfig;
use crate::id::NAME;
use crate::lock;
use crate::maintenance;
use crate::network;

/// Fewer segments than this fit on the disk: it will not last.
const FEW_SEGMENTS: u64 = 4;
/// A smaller part of the disk free: it will not last. One in so many.
const SMALL_PART: u64 = 20;
/// A writer needs a new file for each segment, and few others.
const FEW_INODES: u64 = 16;

/// The checks of this backend; what holds for every backend is added above it.
pub(crate) fn doctor(config: &Config) -> Vec<Check> {
    let config = match config::parse::<FileConfig>(NAME, config).and_then(FileConfig::check) {
        Ok(config) => config,
        Err(error) => {
            return vec![Check::new(
                "configuration",
                Health::Problem,
                error.to_string(),
            )];
        }
    };
    let mut checks = vec![Check::new(
        "configuration",
        Health::Good,
        format!(
            "segments of {}, records up to {}, damage={}",
            config.segment, config.max_record, config.damage
        ),
    )];
    let path = std::path::absolute(&config.path).unwrap_or_else(|_| config.path.clone());
    let Some(there) = nearest(&path) else {
        let text = format!("{} can't be resolved; name another path", path.display());
        checks.push(Check::new("directory", Health::Problem, text));
        return checks;
    };
    checks.push(directory(&path, &there));
    checks.push(file_system(&there));
    checks.extend(space(&there, &config));
    if path.is_dir() {
        checks.push(lock_check(&path));
        checks.push(files::files(&path));
    }
    checks
}

/// The path itself, or the directory above it that is there.
fn nearest(path: &Path) -> Option<PathBuf> {
    let there = path.ancestors().find(|ancestor| ancestor.exists())?;
    Some(there.to_owned())
}

fn directory(path: &Path, there: &Path) -> Check {
    let check = |health, text: String| Check::new("directory", health, text);
    let meta = match std::fs::metadata(there) {
        Ok(meta) => meta,
        Err(error) => {
            let text = format!("{} can't be looked at: {error}", there.display());
            return check(Health::Problem, text);
        }
    };
    if !meta.is_dir() {
        let text = format!(
            "{} is no directory, and a store is one; name another path, or move the file away",
            there.display()
        );
        return check(Health::Problem, text);
    }
    let whose = format!(
        "owner {}:{}, {}",
        meta.uid(),
        meta.gid(),
        rights(meta.mode())
    );
    let writable = rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK);
    match (path == there, writable) {
        (true, Ok(())) => check(Health::Good, format!("{} ({whose})", path.display())),
        (false, Ok(())) => {
            let text = format!(
                "{} is not there yet; the first writer creates it in {} ({whose})",
                path.display(),
                there.display()
            );
            check(Health::Good, text)
        }
        (is_there, Err(error)) => {
            let why = if error == rustix::io::Errno::ROFS {
                "lies on a file system that is mounted read-only; mount it for writing"
            } else {
                "can't be written by this user; give it the right, or run as the owner"
            };
            let text = format!("{} {why} ({whose})", there.display());
            // Reading is all that some want.
            let readable = rustix::fs::access(there, Access::READ_OK | Access::EXEC_OK).is_ok();
            if is_there && readable {
                check(Health::Warning, format!("{text}; it can be read"))
            } else {
                check(Health::Problem, text)
            }
        }
    }
}

/// As `ls -l` writes them.
fn rights(mode: u32) -> String {
    let letters = ['r', 'w', 'x'].into_iter().cycle();
    let bits = (0..9).rev().zip(letters);
    bits.map(|(bit, letter)| if mode >> bit & 1 == 1 { letter } else { '-' })
        .collect()
}

fn file_system(there: &Path) -> Check {
    let name = network::kind(there).unwrap_or_else(|| "of an unknown type".to_owned());
    match network::refuse(there) {
        Ok(()) => Check::new("file system", Health::Good, format!("{name}, local")),
        Err(error) => Check::new("file system", Health::Problem, error.to_string()),
    }
}

fn space(there: &Path, config: &FileConfig) -> Vec<Check> {
    match rustix::fs::statvfs(there) {
        Ok(stat) => vec![bytes(&stat, config), inodes(&stat)],
        Err(error) => {
            let text = format!("can't be told: {error}");
            vec![Check::new("free space", Health::Warning, text)]
        }
    }
}

fn bytes(stat: &StatVfs, config: &FileConfig) -> Check {
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let total = stat.f_blocks.saturating_mul(stat.f_frsize).max(1);
    let segment = config.segment.0;
    let text = format!(
        "{free} of {total} bytes, {} segments of {}",
        free / segment,
        config.segment
    );
    let way_out = "free space there, or truncate channels";
    if free < segment {
        let text = format!("{text}: not even one; {way_out}");
        Check::new("free space", Health::Problem, text)
    } else if free / segment < FEW_SEGMENTS || free < total / SMALL_PART {
        let text = format!("{text}: it will not last; {way_out}");
        Check::new("free space", Health::Warning, text)
    } else {
        Check::new("free space", Health::Good, text)
    }
}

fn inodes(stat: &StatVfs) -> Check {
    let (free, total) = (stat.f_favail, stat.f_files);
    if total == 0 {
        // The file system makes them as it needs them.
        return Check::new("free inodes", Health::Good, "not limited");
    }
    let text = format!("{free} of {total}");
    let way_out = "remove files there, each segment needs one";
    if free == 0 {
        Check::new("free inodes", Health::Problem, format!("{text}; {way_out}"))
    } else if free < FEW_INODES || free < total / SMALL_PART {
        let text = format!("{text}: they will not last; {way_out}");
        Check::new("free inodes", Health::Warning, text)
    } else {
        Check::new("free inodes", Health::Good, text)
    }
}

fn lock_check(dir: &Path) -> Check {
    let held = match lock::is_held(dir) {
        Ok(held) => held,
        Err(error) => return Check::new("lock", Health::Problem, error.to_string()),
    };
    let text = match (held, lock::said(dir)) {
        (true, Some(pid)) => match maintenance::name(pid) {
            Some(name) => {
                format!("held by process {pid} ({name}); readers may come, writers may not")
            }
            None => format!("held by process {pid}; readers may come, writers may not"),
        },
        (true, None) => "held by a process that this one can't name".to_owned(),
        (false, Some(pid)) => format!("free; stale, process {pid} held it last"),
        (false, None) => "free".to_owned(),
    };
    Check::new("lock", Health::Good, text)
}
