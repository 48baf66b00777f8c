//! Runs the program under test.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use walx_utility::spawn;

/// Longer than any run of a test takes; who waits so long waits for ever.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// A file store in a folder of its own, or a store elsewhere.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
    settings: String,
    elsewhere: Option<String>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With settings as in a URI's query.
    pub(crate) fn with(settings: impl Into<String>) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            settings: settings.into(),
            elsewhere: None,
        }
    }

    /// The store of a URI.
    #[cfg(feature = "kafka")]
    pub(crate) fn elsewhere(uri: String) -> Self {
        Self {
            elsewhere: Some(uri),
            ..Self::new()
        }
    }

    pub(crate) fn uri(&self) -> String {
        if let Some(uri) = &self.elsewhere {
            return uri.clone();
        }
        format!(
            "file:{}/data?{}",
            self.folder.path().display(),
            self.settings
        )
    }

    /// A file beside the store.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs `walx append`; fails where the program fails.
    pub(crate) fn append(&self, channel: &str, input: &[u8]) {
        let done = run(&["append", &self.uri(), channel], input);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }

    /// Runs `walx tail` with more arguments; fails where the program fails.
    pub(crate) fn tail(&self, channel: &str, more: &[&str]) -> Vec<u8> {
        let done = run(&[&["tail", &self.uri(), channel], more].concat(), b"");
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout
    }
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    /// The only line on stderr.
    pub(crate) fn error(&self) -> &str {
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        self.stderr.trim_end()
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walx"));
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in ["RUST_LOG", "COLUMNS", "LINES", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end on this input.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Done {
    let mut program = Program::start(arguments);
    program.feed(input.to_vec());
    program.stdin = None;
    program.end()
}

/// A run that goes on. It is killed where a test ends before it.
pub(crate) struct Program {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    /// Its lines.
    stderr: Receiver<String>,
    /// Ends the program where a test waits for ever. Disarmed when dropped.
    _watchdog: std::sync::mpsc::SyncSender<()>,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::run(command(arguments))
    }

    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (say, stderr) = sync_channel(10_000);
        let pipe = BufReader::new(child.stderr.take().unwrap());
        spawn::thread("stderr", move || {
            for line in pipe.lines() {
                // A test may not look at it.
                let _ = say.send(line.unwrap() + "\n");
            }
        })
        .unwrap();
        let (disarm, armed) = sync_channel::<()>(0);
        let pid = pid(&child);
        spawn::thread("watchdog", move || {
            if armed.recv_timeout(DEADLINE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                // It may have ended in this moment.
                let _ = kill_process(pid, Signal::KILL);
            }
        })
        .unwrap();
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        Self {
            child,
            stdin,
            stdout,
            stderr,
            _watchdog: disarm,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to stdin on a thread; stdin is closed behind it.
    pub(crate) fn feed(&mut self, input: Vec<u8>) {
        let mut stdin = self.stdin.take().unwrap();
        // A program that ends early closes its stdin.
        spawn::thread("feed", move || drop(stdin.write_all(&input))).unwrap();
    }

    /// Writes to stdin, which stays open.
    pub(crate) fn write(&mut self, input: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(input).unwrap();
    }

    /// The next whole line of stdout; none at the end. A torn last line is none.
    pub(crate) fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        self.stdout
            .as_mut()
            .unwrap()
            .read_until(b'\n', &mut line)
            .unwrap();
        (line.pop() == Some(b'\n')).then_some(line)
    }

    /// The next line of stderr.
    pub(crate) fn said(&mut self) -> String {
        self.stderr.recv_timeout(DEADLINE).unwrap()
    }

    /// Goes away as a reader of stdout.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).unwrap();
    }

    /// The most memory it has had so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.peak_memory_if_it_runs().unwrap()
    }

    /// The same; none once it has ended.
    pub(crate) fn peak_memory_if_it_runs(&self) -> Option<u64> {
        let kib: u64 = self.status("VmHWM:")?.parse().unwrap();
        Some(kib << 10)
    }

    /// Waits until a signal does no longer end it at once.
    pub(crate) fn wait_until_it_catches(&self, signal: Signal) {
        let bit = 1 << (signal.as_raw() - 1);
        let caught = || u64::from_str_radix(&self.status("SigCgt:").unwrap(), 16).unwrap();
        while caught() & bit == 0 {
            std::thread::yield_now();
        }
    }

    /// Waits until its main thread has nothing to do but wait.
    pub(crate) fn wait_until_it_sleeps(&self) {
        while self.status("Threads:").as_deref() == Some("1")
            || self.status("State:").as_deref() != Some("S")
        {
            std::thread::yield_now();
        }
    }

    /// A field of `/proc` (Linux).
    fn status(&self, field: &str) -> Option<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field))?;
        line.split_whitespace().nth(1).map(str::to_owned)
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Reads to the end and waits for it. A program ended by a signal has no code.
    pub(crate) fn end(mut self) -> Done {
        let mut stdout = Vec::new();
        if let Some(pipe) = &mut self.stdout {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        let stderr = self.stderr.iter().collect::<String>();
        let status = self.wait();
        let code = status
            .code()
            .unwrap_or_else(|| panic!("{status}: {stderr}"));
        Done {
            code,
            stdout,
            stderr,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Turns one bit in the middle of `pattern`, wherever below `folder` it lies; says at which offset of the file.
pub(crate) fn flip(folder: &Path, pattern: &[u8]) -> usize {
    let mut folders = vec![folder.to_owned()];
    let mut flipped = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = std::fs::read(&path).unwrap();
            let place = bytes
                .windows(pattern.len())
                .position(|window| window == pattern);
            if let Some(place) = place {
                let place = place + pattern.len() / 2;
                bytes[place] ^= 1;
                std::fs::write(&path, bytes).unwrap();
                flipped.push(place);
            }
        }
    }
    assert_eq!(flipped.len(), 1, "the pattern stands in one file");
    flipped[0]
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}
