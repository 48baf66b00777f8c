//! Other processes: this test program started again, killed, stopped and continued.
//!
//! The other process is a test of this program that is ignored by itself:
//!
//! ```no_run
//! use walx_testkit::faults::process::Process;
//!
//! #[test]
//! #[ignore = "the other tests start it, in a process of its own"]
//! fn a_child_appends() {
//!     println!("\nready");
//!     for line in std::io::stdin().lines() { /* what the parent asks for */ }
//! }
//!
//! # async fn parent() -> std::io::Result<()> {
//! let mut child = Process::test("a_child_appends").env("STORE", "/tmp/store").start()?;
//! child.until("ready").await?;
//! child.stop()?;
//! child.resume()?;
//! child.kill()?;
//! # Ok(())
//! # }
//! ```
//!
//! A child that reads its input ends with its parent, however that one ends.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::sync::mpsc;
use walx_utility::{clock, spawn};

/// So many lines wait for the parent; a child that says more waits itself.
const LINES: usize = 1024;
/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that is to be started.
#[derive(Debug)]
pub struct Start(io::Result<Command>);

/// A child process. Dropped, it is killed, also where it is stopped, and nothing of it is left.
#[derive(Debug)]
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Start {
    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        Self(self.0.map(|mut command| {
            command.env(name, value);
            command
        }))
    }

    /// Starts it.
    ///
    /// # Errors
    /// Where the operating system refuses.
    pub fn start(self) -> io::Result<Process> {
        let mut command = self.0?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (said, lines) = mpsc::channel(LINES);
        // From here on dropping it ends the child.
        let process = Process {
            child,
            input,
            lines,
        };
        if let Some(output) = output {
            let read = move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if said.blocking_send(line).is_err() {
                        return;
                    }
                }
            };
            spawn::thread("child's output", read)?;
        }
        Ok(process)
    }
}

impl Process {
    /// One test of this test program, by its whole name.
    pub fn test(name: &str) -> Start {
        Start(std::env::current_exe().map(|program| {
            let mut command = Command::new(program);
            command.args(["--exact", name, "--ignored", "--nocapture"]);
            command
        }))
    }

    /// Any other command, such as a server.
    pub fn command(command: Command) -> Start {
        Start(Ok(command))
    }

    /// Its number, for as long as it is not waited for.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its input.
    ///
    /// # Errors
    /// Where it has ended, or its input was.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        let ended = || io::Error::new(io::ErrorKind::BrokenPipe, "the child's input was ended");
        let input = self.input.as_mut().ok_or_else(ended)?;
        input.write_all(format!("{line}\n").as_bytes())?;
        input.flush()
    }

    /// Ends its input.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// The next line that it says; `None` once it says no more.
    ///
    /// # Errors
    /// `TimedOut` where it says nothing for 30 s.
    pub async fn line(&mut self) -> io::Result<Option<String>> {
        let line = clock::timeout(PATIENCE, self.lines.recv()).await;
        line.map_err(|_| {
            let text = format!("process {} says nothing for {PATIENCE:?}", self.child.id());
            io::Error::new(io::ErrorKind::TimedOut, text)
        })
    }

    /// Reads on until it has said this line.
    ///
    /// # Errors
    /// `UnexpectedEof` where it ends without; as [`line`](Self::line).
    pub async fn until(&mut self, wanted: &str) -> io::Result<()> {
        while let Some(line) = self.line().await? {
            if line == wanted {
                return Ok(());
            }
        }
        let text = format!(
            "process {} ended without saying {wanted:?}",
            self.child.id()
        );
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, text))
    }

    /// Ends it as a crash does: SIGKILL. What it had said before can still be read.
    ///
    /// # Errors
    /// Where the operating system refuses.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Stops it where it stands, as a machine that hangs does: SIGSTOP. It keeps its locks and connections.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn stop(&mut self) -> io::Result<()> {
        let pid = self.signal(Signal::STOP)?;
        // A signal takes its time. An end is only looked at, and left to those who wait for it.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), options)?;
        Ok(())
    }

    /// Lets it go on: SIGCONT.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn resume(&mut self) -> io::Result<()> {
        self.signal(Signal::CONT).map(drop)
    }

    /// Ends its input, and waits for its end; what it still says is dropped.
    ///
    /// # Errors
    /// `TimedOut` where it neither ends nor says anything for 30 s.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.input = None;
        while self.line().await?.is_some() {}
        let since = clock::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if since.elapsed() > PATIENCE {
                let text = format!("process {} does not end", self.child.id());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            clock::sleep(Duration::from_millis(2)).await;
        }
    }

    fn signal(&mut self, signal: Signal) -> io::Result<Pid> {
        // Its number is its own until it is waited for, which this would do.
        if let Some(status) = self.child.try_wait()? {
            let text = format!("the child has ended: {status}");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the child has no number"))?;
        kill_process(pid, signal)?;
        Ok(pid)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL ends a stopped process too. One that has ended is only waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
