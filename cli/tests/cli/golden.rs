//! Compares what the program prints with files in `tests/golden`; `UPDATE_GOLDEN=1` writes them instead.

use std::path::Path;
use std::process::Command;

use crate::program::{Done, Program, Store, command};

/// Compares with a golden file.
pub(crate) fn golden(name: &str, text: &str) {
    // Which backends there are is a matter of features.
    let text = text.replace("known are: file, kafka, memory", "known are: file, memory");
    let text = text.as_str();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let same = |(is, was): &(&str, &str)| is == was;
    let line = text.lines().zip(golden.lines()).take_while(same).count();
    assert!(
        text == golden,
        "{} differs from line {} on; UPDATE_GOLDEN=1 writes it\n  is:  {:?}\n  was: {:?}",
        path.display(),
        line + 1,
        text.lines().nth(line),
        golden.lines().nth(line)
    );
}

/// Runs of the program as they look in a shell, with a word in place of what differs from run to run.
pub(crate) struct Transcript {
    name: &'static str,
    text: String,
    masks: Vec<(String, &'static str)>,
}

impl Transcript {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            text: String::new(),
            masks: Vec::new(),
        }
    }

    /// Puts a word in place of a text, in all that follows.
    pub(crate) fn mask(&mut self, text: impl ToString, word: &'static str) {
        self.masks.push((text.to_string(), word));
    }

    /// A line that says what happens between the runs.
    pub(crate) fn note(&mut self, text: &str) {
        self.text += &format!("# {text}\n");
    }

    /// Runs the program on a store; `STORE` among the arguments is its URI.
    pub(crate) fn run(&mut self, store: &Store, arguments: &[&str]) -> Done {
        self.run_on(store, arguments, b"")
    }

    /// The same with an input.
    pub(crate) fn run_on(&mut self, store: &Store, arguments: &[&str], input: &[u8]) -> Done {
        self.run_as(store, arguments, input, |_| {})
    }

    /// The same as a process that is made in a special way.
    pub(crate) fn run_as(
        &mut self,
        store: &Store,
        arguments: &[&str],
        input: &[u8],
        prepare: impl FnOnce(&mut Command),
    ) -> Done {
        let uri = store.uri();
        let real: Vec<_> = arguments
            .iter()
            .map(|it| it.replace("STORE", uri.trim_end_matches('?')))
            .collect();
        let real: Vec<_> = real.iter().map(String::as_str).collect();
        let mut command = command(&real);
        // The log of the library is not the program's output.
        command.env("RUST_LOG", "off").env("COLUMNS", "80");
        prepare(&mut command);
        let mut program = Program::run(command);
        program.feed(input.to_vec());
        let done = program.end();
        self.add(store, arguments, &done);
        done
    }

    /// Adds a run that has ended.
    pub(crate) fn add(&mut self, store: &Store, arguments: &[&str], done: &Done) {
        let shown = |c: char| match c {
            '\n' => c.to_string(),
            c if c.is_control() => c.escape_default().to_string(),
            c => c.to_string(),
        };
        let stdout = String::from_utf8_lossy(&done.stdout);
        let stdout: String = stdout.chars().map(shown).collect();
        let output = self.masked(store, &stdout);
        let errors = self.masked(store, &done.stderr);
        let command = self.words(store, &arguments.join(" "));
        self.text += &format!("$ walx {command}\n{output}");
        for line in errors.lines() {
            self.text += &format!("[stderr] {line}\n");
        }
        self.text += &format!("[exit {}]\n\n", done.code);
    }

    /// Compares with the golden file of the transcript's name.
    pub(crate) fn end(self) {
        golden(self.name, &self.text);
    }

    fn masked(&self, store: &Store, text: &str) -> String {
        let text = table(&self.words(store, text));
        text.lines().map(|it| line(it) + "\n").collect()
    }

    fn words(&self, store: &Store, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.masks {
            text = text.replace(from, to);
        }
        text.replace(store.folder.path().to_str().unwrap(), "DIR")
    }
}

/// In front of what differs from run to run: where it begins, where it ends, the word for it.
const VOLATILE: [(&str, &[char], &str); 23] = [
    ("newest time     ", &['\n'], "TIME"),
    ("owner           1.0, ", &['\n'], "WHO"),
    ("owner           2.0, ", &['\n'], "WHO"),
    ("\nbytes           ", &['\n'], "SIZE"),
    ("retained bytes  ", &['\n'], "SIZE"),
    ("\"newest_time\":\"", &['"'], "TIME"),
    ("\"newest_tick\":", &[','], "TICK"),
    ("\"tick\":", &[',', '}'], "TICK"),
    ("\"who\":\"", &['"'], "WHO"),
    ("\"bytes\":", &[',', '}'], "SIZE"),
    ("\"retained_bytes\":", &[',', '}'], "SIZE"),
    ("\"pid\":", &[','], "PID"),
    ("(pid: ", &[','], "PID"),
    ("process ", &[' ', ',', '\n'], "PID"),
    (".wal at ", &[':', '"'], "OFFSET"),
    ("/repair-", &['\n'], "TIME"),
    ("offset: ", &[')', ','], "OFFSET"),
    (" records, ", &['\n'], "SIZE"),
    (" segments, ", &['"', '\n'], "SIZE"),
    ("(owner ", &[')'], "OWNER"),
    // An offset; the client's own records and retries take some.
    ("kafka:", &[' ', '"', '\n'], "ID"),
    // What `doctor` says of the machine.
    ("file system", &['\n'], "…"),
    ("free ", &['\n'], "…"),
];

fn line(line: &str) -> String {
    // How much is free is the machine's matter.
    let mut text = format!("\n{line}\n").replace("\nwarn  free ", "\nok    free ");
    for (before, ends, word) in VOLATILE {
        let mut at = 0;
        while let Some(found) = text[at..].find(before) {
            let begin = at + found + before.len();
            let Some(length) = text[begin..].find(ends) else {
                break;
            };
            at = begin;
            let cell = &text[begin..begin + length];
            let kept = match word {
                // What isn't known is the same on every run.
                _ if matches!(cell, "null" | "-") => true,
                "PID" => !cell.starts_with(|c: char| c.is_ascii_digit()),
                _ => false,
            };
            if !kept {
                text.replace_range(begin..begin + length, word);
            }
        }
    }
    text.trim_matches('\n').to_owned()
}

/// Masks a table's columns of times and stored bytes: what stands below their heads.
fn table(text: &str) -> String {
    let Some(head) = text.lines().next() else {
        return String::new();
    };
    // `tail` has a time and the bytes of the payload, which stay; `ls` has bytes that include the headers.
    let column = match (head.find("TIME"), head.find("OWNER")) {
        (Some(at), _) => at..at + "2025-01-31T12:00:00.123Z".len(),
        (_, Some(_)) => head.len() - 12..head.len(),
        _ => return text.to_owned(),
    };
    let mask = |line: &str| {
        let cell = line.get(column.clone()).unwrap_or("");
        let blank = cell.trim().len() < 2 || line == head;
        let cell = if blank {
            cell.to_owned()
        } else {
            format!("{:>1$}", "~", column.len())
        };
        format!(
            "{}{cell}{}",
            &line[..column.start],
            &line[column.end.min(line.len())..]
        )
    };
    text.lines().map(|line| mask(line) + "\n").collect()
}
