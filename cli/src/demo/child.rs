use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{self, ChildStdin, ChildStdout, Command};

use super::Stage;
use super::wire::Event;
use crate::exit::{Code, Failure};

/// One life of a writer. Dropped, it is killed.
pub(super) struct Child {
    process: process::Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Child {
    pub(super) fn start(at: &Stage, input: Option<&Path>) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(refused)?;
        let mut command = Command::new(program);
        command.arg("demo-writer").arg(&at.uri);
        command.arg("--prefix").arg(&at.prefix);
        if let Some(input) = input {
            command.arg("--input").arg(input);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(refused)?;
        let stdin = process.stdin.take();
        let stdout = process
            .stdout
            .take()
            .ok_or_else(|| Failure::new(Code::Unexpected, "a writer has no stdout"))?;
        Ok(Self {
            process,
            stdin,
            stdout: BufReader::new(stdout),
            line: Vec::new(),
        })
    }

    /// The next thing it tells; none once it has ended. Dropping the future loses nothing.
    pub(super) async fn event(&mut self) -> Result<Option<Event>, Failure> {
        self.stdout
            .read_until(b'\n', &mut self.line)
            .await
            .map_err(refused)?;
        // The last line of a writer that was killed may be torn: it told nothing.
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Ok(None);
        };
        let event = std::str::from_utf8(line).ok().and_then(Event::parse);
        let event = event.ok_or_else(|| {
            Failure::new(
                Code::Unexpected,
                format!("a writer said {:?}", String::from_utf8_lossy(line)),
            )
        })?;
        self.line.clear();
        Ok(Some(event))
    }

    /// SIGKILL, now. What it told before is still to be read.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        self.process.start_kill().map_err(refused)
    }

    /// Asks it to end. What it tells until then is still to be read.
    pub(super) fn ask_to_end(&mut self) -> Result<(), Failure> {
        self.stdin = None;
        Ok(())
    }

    /// Waits for its end, behind the last event.
    pub(super) async fn wait(&mut self) -> Result<ExitStatus, Failure> {
        self.process.wait().await.map_err(refused)
    }
}

fn refused(error: std::io::Error) -> Failure {
    Failure::new(
        Code::Unexpected,
        format!("a writer process can't be run: {error}"),
    )
}
