//! The lines of a demo: those of a file, or of texts that lie on every system. Again and again.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walx_utility::random;

use crate::append::{LineReader, TooLong};
use crate::exit::{Code, Failure};

/// Where texts lie.
const FOLDERS: [&str; 3] = ["/usr/share/common-licenses", "/usr/share/doc", "/etc"];
/// Enough of them.
const MAX_FILES: usize = 500;
const MAX_FOLDERS: usize = 2_000;
/// Readable for everybody: nothing that is secret lands in the store.
const WORLD_READABLE: u32 = 0o004;
/// The longest line that is taken.
const MAX_LINE_BYTES: usize = 1 << 20;
/// Where this system has no texts.
const EMBEDDED: &str = include_str!("input.rs");

/// Lines without end.
pub(super) struct Input {
    files: Vec<PathBuf>,
    next: usize,
    reader: Option<LineReader<Box<dyn Read>>>,
    /// Files in a row that gave no line.
    dry: usize,
    dry_now: bool,
}

impl Input {
    /// The lines of `path`, or of the system's texts, from a random one on.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let files = match path {
            Some(path) => vec![path.to_owned()],
            None => texts(&FOLDERS.map(PathBuf::from)),
        };
        let next = random::within(0..files.len().max(1) as u64) as usize;
        let mut input = Self {
            files,
            next,
            reader: None,
            dry: 0,
            dry_now: true,
        };
        if path.is_some() {
            // Shows here and now whether the file can be read and has a line.
            input.line()?;
            input.reader = None;
        }
        Ok(input)
    }

    /// The next line, as it is.
    pub(super) fn line(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                None => {
                    let opened = self.open_next()?;
                    self.reader.insert(opened)
                }
            };
            match reader.next() {
                Ok(Some(Ok(line))) => {
                    (self.dry, self.dry_now) = (0, false);
                    return Ok(line);
                }
                Ok(Some(Err(TooLong))) if self.files.len() == 1 => {
                    let text = format!(
                        "{} has a line of more than {MAX_LINE_BYTES} bytes",
                        self.files[0].display()
                    );
                    return Err(Failure::new(Code::Usage, text));
                }
                Err(error) if self.files.len() == 1 => {
                    return Err(unreadable(&self.files[0], &error));
                }
                // One of many: the next one then.
                Ok(Some(Err(TooLong)) | None) | Err(_) => {
                    self.dry += usize::from(self.dry_now);
                    self.reader = None;
                }
            }
            if self.dry > self.files.len() {
                return Err(Failure::new(Code::Usage, "the input has no lines"));
            }
        }
    }

    fn open_next(&mut self) -> Result<LineReader<Box<dyn Read>>, Failure> {
        self.dry_now = true;
        let input: Box<dyn Read> = match self.files.get(self.next) {
            Some(path) => match File::open(path) {
                Ok(file) => Box::new(file),
                Err(error) if self.files.len() == 1 => return Err(unreadable(path, &error)),
                Err(_) => Box::new(std::io::empty()),
            },
            None => Box::new(EMBEDDED.as_bytes()),
        };
        self.next = (self.next + 1) % self.files.len().max(1);
        Ok(LineReader::new(input, MAX_LINE_BYTES))
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let code = if error.kind() == std::io::ErrorKind::NotFound {
        Code::NotFound
    } else {
        Code::Usage
    };
    Failure::new(
        code,
        format!("the input file {} can't be read: {error}", path.display()),
    )
}

/// Text files below `folders` that everybody may read.
fn texts(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = folders.to_vec();
    let (mut files, mut seen) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        seen += 1;
        if seen > MAX_FOLDERS || files.len() >= MAX_FILES {
            break;
        }
        // What can't be listed has no texts for us.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && is_text(&entry.path()) => files.push(entry.path()),
                // Links too: they may lead round in circles.
                _ => {}
            }
        }
    }
    files.sort();
    files.truncate(MAX_FILES);
    files
}

fn is_text(path: &Path) -> bool {
    let mut head = [0; 1024];
    let mut read = || -> std::io::Result<usize> {
        let mut file = File::open(path)?;
        if file.metadata()?.mode() & WORLD_READABLE == 0 {
            return Ok(0);
        }
        file.read(&mut head)
    };
    read().is_ok_and(|length| length > 0 && !head[..length].contains(&0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_repeated_byte_by_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        fs::write(&path, b"a\n\n\xff\r\nlast").unwrap();
        let mut input = Input::open(Some(&path)).unwrap();
        let lines: Vec<_> = (0..6).map(|_| input.line().unwrap()).collect();
        assert_eq!(lines, [&b"a"[..], b"", b"\xff\r", b"last", b"a", b""]);
    }

    #[test]
    fn a_file_without_a_line_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let code = |path: &Path| Input::open(Some(path)).err().unwrap().code();
        assert_eq!(code(&path), Code::NotFound);
        fs::write(&path, b"").unwrap();
        assert_eq!(code(&path), Code::Usage);
        assert_eq!(code(folder.path()), Code::Usage);
        fs::write(&path, vec![b'x'; MAX_LINE_BYTES + 1]).unwrap();
        assert_eq!(code(&path), Code::Usage);
    }

    #[test]
    fn only_texts_that_everybody_may_read_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        for (name, bytes, mode) in [
            ("text", &b"a\n"[..], 0o644),
            ("secret", b"a\n", 0o640),
            ("binary", b"a\0\n", 0o644),
            ("empty", b"", 0o644),
        ] {
            fs::write(below.join(name), bytes).unwrap();
            fs::set_permissions(below.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(texts(&[folder.path().to_owned()]), [below.join("text")]);
    }

    #[test]
    fn there_are_lines_even_on_an_empty_system() {
        let mut input = Input {
            files: Vec::new(),
            next: 0,
            reader: None,
            dry: 0,
            dry_now: true,
        };
        let lines: Vec<_> = (0..2 * EMBEDDED.lines().count())
            .map(|_| input.line().unwrap())
            .collect();
        assert_eq!(lines[0], EMBEDDED.lines().next().unwrap().as_bytes());
        assert_eq!(lines[EMBEDDED.lines().count()], lines[0]);
    }
}
