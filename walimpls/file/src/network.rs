//! Network file systems: neither their locks nor their syncs do what this backend promises.

use std::path::Path;

use walx_core::{Error, ErrorKind, Result};

/// What `statfs` calls them. The width of its number differs between platforms; all of these have 32 bits.
const KINDS: [(u32, &str); 12] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x517b, "SMB"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
];
/// Local file systems and network ones alike: the list of mounts tells.
const FUSE: u32 = 0x6573_5546;
const FUSE_REMOTE: [&str; 12] = [
    "sshfs",
    "s3fs",
    "gcsfuse",
    "glusterfs",
    "ceph",
    "rclone",
    "davfs",
    "goofys",
    "mountpoint-s3",
    "juicefs",
    "curlftpfs",
    "moosefs",
];

/// # Errors
/// `Unsupported` where the directory lies on a network file system.
pub(crate) fn refuse(dir: &Path) -> Result<()> {
    let Ok(stat) = rustix::fs::statfs(dir) else {
        return Ok(());
    };
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").ok();
    remount_kind(dir, stat.f_type as u32, mounts)
}

fn remount_kind(dir: &Path, kind: u32, mounts: impl Fn() -> Option<String>) -> Result<()> {
    let name = match KINDS.iter().find(|(number, _)| *number == kind) {
        Some((_, name)) => Some((*name).to_owned()),
        None if kind == FUSE => remote_fuse(dir, mounts),
        None => None,
    };
    match name {
        None => Ok(()),
        Some(name) => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{} lies on a {name} file system, where locks and syncs can't be relied on; use a local directory",
                dir.display()
            ),
        )
        .with_context("directory", dir.display())),
    }
}

/// The type of the file system that a directory lies on, as the list of mounts calls it.
pub(crate) fn kind(dir: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    mount_kind(&mounts, &dir.canonicalize().ok()?)
}

/// The name of the FUSE file system that a directory lies on, if it is one of those that reach over a network.
fn remote_fuse(dir: &Path, mounts: impl Fn() -> Option<String>) -> Option<String> {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let kind = mount_kind(&mounts()?, &dir)?;
    let remote = FUSE_REMOTE.iter().any(|name| kind.contains(name));
    remote.then_some(kind)
}

/// The type of the mount that a path lies on. A line: id, parent, device, root, mount point, options, "-", type, …
pub(crate) fn mount_kind(mounts: &str, path: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (place, rest) = line.split_once(" - ")?;
        Some((plain(place.split(' ').nth(4)?), rest.split(' ').next()?))
    });
    let mount = mounts
        .filter(|(place, _)| path.starts_with(place))
        .max_by_key(|(place, _)| place.len());
    mount.map(|(_, kind)| kind.to_owned())
}

/// A mount point as it is; the list has these four as octal numbers.
fn plain(place: &str) -> String {
    let escaped = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let replace = |place: String, (octal, plain): (&str, &str)| place.replace(octal, plain);
    escaped.into_iter().fold(place.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_refused_by_name_and_local_ones_are_not() {
        let dir = Path::new("/mnt/far/store");
        let text = |kind| {
            remount_kind(dir, kind, || None).map_err(|error| {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                error.to_string()
            })
        };
        // As linux/magic.h has them.
        for (kind, name) in [
            (0x6969, "NFS"),
            (0xff53_4d42, "CIFS"),
            (0xfe53_4d42, "SMB2"),
            (0x517b, "SMB"),
            (0x0102_1997, "9p"),
            (0x00c3_6400, "Ceph"),
            (0x5346_414f, "AFS"),
            (0x7375_7245, "Coda"),
            (0x0bd0_0bd0, "Lustre"),
            (0x4750_4653, "GPFS"),
            (0x0116_1970, "GFS2"),
            (0x7461_636f, "OCFS2"),
        ] {
            let said = text(kind).unwrap_err();
            assert!(said.contains("/mnt/far/store lies on a "), "{said}");
            assert!(said.contains(&format!(" {name} file system")), "{said}");
            assert!(said.contains("use a local directory"), "{said}");
        }
        // ext4, XFS, btrfs, tmpfs, overlay, ZFS, F2FS.
        for local in [
            0xef53,
            0x5846_5342,
            0x9123_683e,
            0x0102_1994,
            0x794c_7630,
            0x2fc1_2fc1,
            0xf2f5_2010,
        ] {
            assert_eq!(text(local), Ok(()));
        }
    }

    #[test]
    fn fuse_is_refused_where_it_reaches_over_a_network() {
        for (kind, refused) in [
            ("fuse.sshfs", true),
            ("fuse.mountpoint-s3", true),
            ("fuse.ntfs-3g", false),
        ] {
            let mounts = || Some(format!("40 22 0:40 / /mnt/far rw - {kind} x rw\n"));
            let outcome = remount_kind(Path::new("/mnt/far/store"), FUSE, mounts);
            assert_eq!(outcome.is_err(), refused, "{kind}");
            if let Err(error) = outcome {
                assert!(error.to_string().contains(kind), "{error}");
            }
        }
    }

    #[test]
    fn the_mount_that_a_path_lies_on_is_the_longest_one() {
        let mounts = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda rw\n\
                      40 22 0:40 / /mnt/far rw - fuse.sshfs host:/ rw,user_id=0\n\
                      41 22 0:41 / /mnt rw - xfs /dev/sdb rw\n\
                      42 22 0:42 / /mnt/a\\040b rw - fuse.s3fs s3fs rw\n";
        let kind = |path| mount_kind(mounts, Path::new(path));
        assert_eq!(kind("/mnt/far/store").as_deref(), Some("fuse.sshfs"));
        assert_eq!(kind("/mnt/farther").as_deref(), Some("xfs"));
        assert_eq!(kind("/mnt/a b/store").as_deref(), Some("fuse.s3fs"));
        assert_eq!(kind("/home").as_deref(), Some("ext4"));
    }
}
