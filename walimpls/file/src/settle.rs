//! Without a writer, what was read may be in the system's memory only. It is synced before it is handed out, also on
//! a file system that nobody may write to.

use std::io;
use std::path::Path;

use rustix::fs::StatVfsMountFlags;
use walx_core::Result;

use crate::fault;
use crate::survey::Survey;

/// Whether what was read stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is on the medium.
    Stays,
    /// It may be in memory only, with no way to write it: only what is known to be synced may be handed out.
    Unknown,
    /// Somebody must look at the disk.
    Refused,
}

/// Syncs the tail of a log; `false` where that can't be had, and it may or may not be on the medium.
pub(crate) fn settle(survey: &Survey) -> Result<bool> {
    let Some(last) = &survey.last else {
        return Ok(true);
    };
    let path = &last.segment.path;
    let Err(error) = last.segment.file.sync_data() else {
        return Ok(true);
    };
    match verdict(&error, is_read_only(path)) {
        Verdict::Stays => Ok(true),
        Verdict::Unknown => {
            tracing::warn!(
                file = %path.display(),
                %error,
                "the tail can't be synced on a file system that takes no writes: only what is known to be durable is \
                 read; mount it for writing to read the rest"
            );
            Ok(false)
        }
        Verdict::Refused => Err(fault::refused("syncing the tail", path, error)),
    }
}

fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn verdict(error: &io::Error, read_only: bool) -> Verdict {
    match error.kind() {
        // Where nothing can be written there is no sync either (squashfs, ISO 9660): what is read is on the medium.
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported if read_only => Verdict::Stays,
        // After an error of the disk the kernel mounted it read-only by itself, and kept in memory what it couldn't
        // write.
        io::ErrorKind::ReadOnlyFilesystem => Verdict::Unknown,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn only_a_medium_that_takes_no_writes_needs_no_sync() {
        let said = |errno: Errno, read_only| verdict(&errno.into(), read_only);

        assert_eq!(said(Errno::INVAL, true), Verdict::Stays);
        assert_eq!(said(Errno::INVAL, false), Verdict::Refused);
        assert_eq!(said(Errno::ROFS, true), Verdict::Unknown);
        assert_eq!(said(Errno::IO, true), Verdict::Refused);
        assert_eq!(said(Errno::NOSPC, false), Verdict::Refused);
    }
}
