//! The thread that reads: lines to messages, in small batches.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tokio::sync::mpsc;

use walx::Message;
use walx_utility::spawn;

use super::json;
use super::lines::{LineReader, TooLong};
use crate::exit::{Code, Failure};

/// Batches between the thread and the appends.
const BATCHES: usize = 2;
/// A batch ends with the input that is there, or with one of these.
const BATCH_LINES: usize = 512;
const BATCH_BYTES: usize = 64 << 10;
/// A byte takes at most six in JSON (`\u0000`); beside them stand names and the shape of the line.
const JSON_FACTOR: usize = 6;
const JSON_SHAPE_BYTES: usize = 64 << 10;

pub(super) type Input = Box<dyn Read + Send>;

/// A message and the number of its line.
pub(super) struct Item {
    pub(super) line: u64,
    pub(super) message: Message,
}

/// What was there at once, and, at the end of it, perhaps why no more comes.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    pub(super) failure: Option<Failure>,
}

pub(super) fn open(path: &Path) -> Result<Input, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let refused = |error: io::Error| {
        let code = if error.kind() == io::ErrorKind::NotFound {
            Code::NotFound
        } else {
            Code::Usage
        };
        Failure::new(
            code,
            format!("the input file {} can't be read: {error}", path.display()),
        )
    };
    let file = File::open(path).map_err(refused)?;
    // A directory opens like a file and fails at the first read only.
    if file.metadata().map_err(refused)?.is_dir() {
        return Err(refused(io::ErrorKind::IsADirectory.into()));
    }
    Ok(Box::new(file))
}

/// Starts the thread. It ends with the input, with the first bad line, or when nobody takes its batches any more.
pub(super) fn start(
    input: Input,
    json: bool,
    max_record: usize,
) -> Result<mpsc::Receiver<Batch>, Failure> {
    let (batches, receiver) = mpsc::channel(BATCHES);
    let mut source = Source::new(input, json, max_record);
    spawn::thread("walx-input", move || {
        while let Some(batch) = source.batch() {
            let last = batch.failure.is_some();
            if batches.blocking_send(batch).is_err() || last {
                break;
            }
        }
    })
    .map_err(|error| {
        Failure::new(
            Code::Unexpected,
            format!("no thread to read the input: {error}"),
        )
    })?;
    Ok(receiver)
}

struct Source<R> {
    lines: LineReader<R>,
    line: u64,
    json: bool,
    max_record: usize,
}

impl<R: Read> Source<R> {
    fn new(input: R, json: bool, max_record: usize) -> Self {
        let limit = match json {
            true => max_record
                .saturating_mul(JSON_FACTOR)
                .saturating_add(JSON_SHAPE_BYTES),
            false => max_record,
        };
        Self {
            lines: LineReader::new(input, limit),
            line: 0,
            json,
            max_record,
        }
    }

    /// Waits for one line and takes those that came with it.
    fn batch(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        loop {
            match self.item() {
                Ok(Some(item)) => {
                    bytes += item.message.bytes();
                    batch.items.push(item);
                }
                Ok(None) => break,
                Err(failure) => {
                    batch.failure = Some(failure.at(format_args!("line {}", self.line)));
                    break;
                }
            }
            if !self.lines.is_ready() || batch.items.len() >= BATCH_LINES || bytes >= BATCH_BYTES {
                break;
            }
        }
        (!batch.items.is_empty() || batch.failure.is_some()).then_some(batch)
    }

    fn item(&mut self) -> Result<Option<Item>, Failure> {
        self.line += 1;
        let line = self.lines.next().map_err(|error| {
            Failure::new(
                Code::Unexpected,
                format!("the input can't be read any further: {error}"),
            )
        })?;
        let Some(line) = line else { return Ok(None) };
        let line = line.map_err(|TooLong| {
            let max = self.max_record;
            Failure::new(
                Code::Usage,
                format!("too large: the store takes records of at most {max} bytes"),
            )
        })?;
        let message = match self.json {
            true => json::parse(&line).map_err(|why| Failure::new(Code::Usage, why))?,
            false => Message::new(line),
        };
        Ok(Some(Item {
            line: self.line,
            message,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its parts one read at a time, as a terminal does.
    struct Parts(Vec<&'static [u8]>);

    impl Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let part = self.0.remove(0);
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    fn numbers(batch: Option<Batch>) -> Vec<u64> {
        batch.unwrap().items.iter().map(|item| item.line).collect()
    }

    #[test]
    fn a_batch_is_what_is_there_without_waiting() {
        let mut source = Source::new(Parts(vec![b"a\nb\nc", b"c\n", b"d"]), false, 99);
        assert_eq!(numbers(source.batch()), [1, 2]);
        assert_eq!(numbers(source.batch()), [3]);
        assert_eq!(numbers(source.batch()), [4]);
        assert!(source.batch().is_none());
    }

    #[test]
    fn a_batch_is_bounded() {
        let input = vec![b'\n'; 2 * BATCH_LINES];
        assert_eq!(
            numbers(Source::new(&input[..], false, 99).batch()).len(),
            BATCH_LINES
        );
        let input = [vec![b'x'; BATCH_BYTES], b"\ny\n".to_vec()].concat();
        assert_eq!(
            numbers(Source::new(&input[..], false, BATCH_BYTES).batch()).len(),
            1
        );
    }

    #[test]
    fn a_bad_line_comes_behind_the_good_ones_and_is_named() {
        let mut source = Source::new(
            &b"{\"payload\":\"a\"}\n{}\n{\"payload\":\"b\"}\n"[..],
            true,
            99,
        );
        let batch = source.batch().unwrap();
        assert_eq!(batch.items.len(), 1);
        let failure = batch.failure.unwrap();
        assert!(failure.to_string().starts_with("line 2: "), "{failure}");
        assert_eq!(failure.code(), Code::Usage);

        let failure = Source::new(&b"abc\nabcd\n"[..], false, 3)
            .batch()
            .unwrap()
            .failure
            .unwrap();
        assert_eq!(
            failure.to_string(),
            "line 2: too large: the store takes records of at most 3 bytes"
        );
    }
}
