//! File systems of a test's own: small ones, and read-only ones.

use std::process::{Command, Output};

use super::*;

/// Says in so many words that tests which need a mount are left out.
const SKIP: &str = "WALX_SKIP_TMPFS";
/// Set in the process that has a namespace of its own.
const INSIDE: &str = "WALX_FILE_TEST_NAMESPACE";

/// A tmpfs, taken down however its test ends.
pub(super) struct Mount {
    dir: TempDir,
    /// How often something is mounted there.
    times: usize,
}

impl Mount {
    /// A tmpfs of so many KiB. `None` where the test ran in another process, which may mount, or was left out.
    ///
    /// # Panics
    /// Where there is no way to mount one: a test that needs it must not pass.
    pub(super) fn small(test: &str, kib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={kib}k,mode=700");
        let path = dir.path().to_str().unwrap();
        let refused = run("mount", &["-t", "tmpfs", "-o", &options, "none", path]);
        let Err(refused) = refused else {
            return Some(Self { dir, times: 1 });
        };
        assert!(
            std::env::var_os(INSIDE).is_none(),
            "no tmpfs in a namespace of its own: {refused}"
        );
        let exe = std::env::current_exe().unwrap();
        let inside = Command::new("unshare")
            .arg("-rm")
            .arg(exe)
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, "1")
            .output();
        match inside {
            Ok(output) if output.status.success() && passed(&output) => None,
            Ok(output) if passed(&output) || said(&output).contains("running 1 test") => {
                panic!("in a namespace of its own: {}", said(&output))
            }
            _ if std::env::var(SKIP).is_ok_and(|skip| skip == "1") => {
                println!("{test} is left out, as {SKIP}=1 says: no tmpfs can be mounted here");
                None
            }
            other => panic!(
                "{test} needs a small tmpfs, and can mount none ({refused}), nor run in `unshare -rm` ({other:?}); \
                 run it as root or allow user namespaces, or leave it out with {SKIP}=1"
            ),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes the right to write from it, or gives it back.
    pub(super) fn read_only(&self, read_only: bool) {
        let (path, mode) = (
            self.path().to_str().unwrap(),
            if read_only { "ro" } else { "rw" },
        );
        let whole = run("mount", &["-o", &format!("remount,{mode}"), path]);
        // In a namespace of its own only the mount can be changed, not the file system.
        whole
            .or_else(|_| run("mount", &["-o", &format!("remount,bind,{mode}"), path]))
            .unwrap();
    }

    /// Mounts it over itself without the right to write.
    pub(super) fn bind_read_only(&mut self) {
        let path = self.dir.path().to_str().unwrap().to_owned();
        run("mount", &["--bind", &path, &path]).unwrap();
        self.times += 1;
        run("mount", &["-o", "remount,bind,ro", &path]).unwrap();
    }

    /// The bytes that are free.
    pub(super) fn free(&self) -> u64 {
        crate::full::free(self.path()).unwrap()
    }

    /// Writes a file until so many bytes are left.
    pub(super) fn fill(&self, leave: u64) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.path().join("ballast")).unwrap();
        loop {
            let more = self.free().saturating_sub(leave).min(64 << 10) as usize;
            if more == 0 {
                return;
            }
            file.write_all(&vec![1; more]).unwrap();
        }
    }

    pub(super) fn unfill(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        for _ in 0..self.times {
            // Also where a file in it is still open.
            let gone = run("umount", &["-l", self.dir.path().to_str().unwrap()]);
            if let Err(why) = gone {
                eprintln!("{} stays mounted: {why}", self.dir.path().display());
            }
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> std::result::Result<(), String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(said(&output)),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether exactly the one test ran, and passed.
fn passed(output: &Output) -> bool {
    said(output).contains("test result: ok. 1 passed")
}
