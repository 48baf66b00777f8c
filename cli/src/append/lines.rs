use std::io::{self, BufRead, BufReader, Read};

/// Bytes that one read asks for.
const BUFFER_BYTES: usize = 64 << 10;

/// A line that is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Splits bytes into lines. Each line is a copy of its own, so that none keeps a large buffer alive.
pub(crate) struct LineReader<R> {
    input: BufReader<R>,
    limit: usize,
}

impl<R: Read> LineReader<R> {
    /// Lines of at most `limit` bytes, newline not counted.
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            limit,
        }
    }

    /// The next line without its newline; a last one without newline counts. `None` at the end.
    ///
    /// A line that is too long is not kept: its reading ends where the limit is passed.
    pub(crate) fn next(&mut self) -> io::Result<Option<Result<Vec<u8>, TooLong>>> {
        let mut line = Vec::new();
        let mut begun = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if buffer.is_empty() {
                return Ok(begun.then_some(Ok(line)));
            }
            begun = true;
            let end = position(buffer);
            let part = &buffer[..end.unwrap_or(buffer.len())];
            if part.len() > self.limit - line.len() {
                return Ok(Some(Err(TooLong)));
            }
            line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(Ok(line)));
            }
        }
    }

    /// Whether the next line can be had without waiting for input.
    pub(crate) fn is_ready(&self) -> bool {
        position(self.input.buffer()).is_some()
    }
}

fn position(bytes: &[u8]) -> Option<usize> {
    // `split` searches faster than `position` where the build is not optimised.
    bytes
        .split(|byte| *byte == b'\n')
        .next()
        .map(<[u8]>::len)
        .filter(|len| *len < bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], limit: usize) -> Vec<Result<Vec<u8>, TooLong>> {
        let mut reader = LineReader::new(input, limit);
        std::iter::from_fn(|| reader.next().unwrap())
            .take(100)
            .collect()
    }

    #[test]
    fn bytes_stay_as_they_are() {
        let expected: &[&[u8]] = &[b"a", b"", b"\0\xff\r", b"", b"last"];
        let found = lines(b"a\n\n\0\xff\r\n\nlast", 9);
        assert_eq!(
            found,
            expected
                .iter()
                .map(|line| Ok(line.to_vec()))
                .collect::<Vec<_>>()
        );
        assert_eq!(lines(b"", 9), []);
        assert_eq!(lines(b"\n", 9), [Ok(vec![])]);
        assert_eq!(lines(b"x\n", 9), [Ok(vec![b'x'])]);
    }

    #[test]
    fn a_line_may_be_longer_than_the_buffer_but_not_than_the_limit() {
        let mut input = vec![b'x'; 3 * BUFFER_BYTES + 1];
        input.push(b'\n');
        assert_eq!(
            lines(&input, 3 * BUFFER_BYTES + 1)[0]
                .as_ref()
                .unwrap()
                .len(),
            3 * BUFFER_BYTES + 1
        );
        assert_eq!(lines(&input, 3 * BUFFER_BYTES)[0], Err(TooLong));
        assert_eq!(lines(b"ab\n", 2), [Ok(b"ab".to_vec())]);
        assert_eq!(lines(b"abc", 2)[0], Err(TooLong));
    }

    #[test]
    fn ready_means_a_whole_line_is_in_the_buffer() {
        let mut reader = LineReader::new(&b"a\nb\nc"[..], 9);
        assert!(!reader.is_ready());
        reader.next().unwrap();
        assert!(reader.is_ready());
        reader.next().unwrap();
        assert!(!reader.is_ready());
    }
}
