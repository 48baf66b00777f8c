//! Who has a store open, as far as the operating system lets this process see.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use walx_core::StoreProcess;

use crate::lock;

/// So many open files of other processes are looked at; a machine with more of them tells less.
const MOST: usize = 1 << 17;

/// The writer first, then by number.
pub(super) fn processes(dir: &Path) -> Vec<StoreProcess> {
    let writer = writer(dir);
    let mut pids = users(dir);
    pids.extend(writer);
    pids.sort_unstable_by_key(|pid| (Some(*pid) != writer, *pid));
    pids.dedup();
    pids.into_iter()
        .map(|pid| StoreProcess::new(pid, name(pid), Some(pid) == writer))
        .collect()
}

/// The process that holds the lock, if one does and says who it is.
fn writer(dir: &Path) -> Option<u32> {
    lock::is_held(dir).ok().filter(|held| *held)?;
    lock::said(dir)
}

/// What a process is called.
pub(crate) fn name(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

/// The processes with an open file of the store.
fn users(dir: &Path) -> Vec<u32> {
    let Ok(all) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut left = MOST;
    let pids = all
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| uses(dir, *pid, &mut left)).collect()
}

fn uses(dir: &Path, pid: u32, left: &mut usize) -> bool {
    // Of other users' processes nothing can be seen.
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    for file in files.flatten() {
        let Some(fewer) = left.checked_sub(1) else {
            return false;
        };
        *left = fewer;
        let target = fs::read_link(file.path()).unwrap_or_default();
        if target.parent() == Some(dir) && target.file_name().is_some_and(is_ours) {
            return true;
        }
    }
    false
}

/// Whether a file of this name belongs to a store; one that was removed has a remark behind its name.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let name = name.trim_end_matches(" (deleted)");
    name.ends_with(".wal") || matches!(name, "LOCK" | "ACKED" | "MANIFEST.a" | "MANIFEST.b")
}
