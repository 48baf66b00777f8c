//! The book says what the library does: its error texts, its kinds of errors, its options with their defaults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use walx::file::FileConfig;
use walx::memory::{MemoryConfig, MemoryStore};
use walx::{
    CacheOption, ChannelName, Config, Error, ErrorKind, IdempotencyOption, Message, OpenOption,
    Opener, Position, RepairMode, ScanOption, Term, TransactionOption, Wal,
};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).expect(path)
}

/// The names that stand at the start of lines of a Rust item, such as a struct's fields or an enum's variants.
fn members(source: &str, item: &str, before: &str) -> Vec<String> {
    let start = source.find(item).expect(item) + item.len();
    let body = &source[start..][..source[start..].find("\n}").unwrap()];
    let lines = body
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.strip_prefix(before));
    let names = lines.map(|line| line.split(|it: char| !it.is_alphanumeric() && it != '_'));
    names
        .filter_map(|mut words| words.next().filter(|it| !it.is_empty()))
        .map(str::to_owned)
        .collect()
}

/// The rows of a page's tables that begin with a name in backticks: name, and the other cells.
fn rows(page: &str) -> Vec<(String, Vec<String>)> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_matches('|').split('|');
        inner.map(|it| it.trim().replace('`', "")).collect()
    };
    page.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = cells(line);
            (cells.remove(0), cells)
        })
        .collect()
}

/// One of each kind. A kind that is missing here is found by the test below, which reads the source.
const KINDS: [ErrorKind; 15] = [
    ErrorKind::Fenced,
    ErrorKind::Closed,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::InvalidInput,
    ErrorKind::TooLarge,
    ErrorKind::Overloaded {
        retry_after: Duration::ZERO,
    },
    ErrorKind::PositionLost { earliest: None },
    ErrorKind::Corrupt,
    ErrorKind::OutcomeUnknown,
    ErrorKind::NotWritten,
    ErrorKind::Unavailable,
    ErrorKind::Unsupported,
    ErrorKind::Denied,
    ErrorKind::Internal,
];

fn name(kind: ErrorKind) -> String {
    let text = format!("{kind:?}");
    text.split(' ').next().unwrap().to_owned()
}

/// What the command's own test says of exit codes: `(ErrorKind::NAME…, CODE)`.
fn exit_codes() -> BTreeMap<String, String> {
    let source = read("cli/src/exit.rs");
    let source: String = source.chars().filter(|it| !it.is_whitespace()).collect();
    let pairs = source.split("(ErrorKind::").skip(1).filter_map(|pair| {
        let name = pair.split(|it: char| !it.is_alphanumeric()).next()?;
        let pair = pair.split_once("),").map_or(pair, |(pair, _)| pair);
        let code = pair.trim_end_matches(',').rsplit(',').next()?;
        code.parse::<u8>().ok()?;
        Some((name.to_owned(), code.to_owned()))
    });
    pairs.collect()
}

#[test]
fn every_kind_of_error_has_its_row_and_its_section_in_the_book() {
    let page = read("wal/docs/errors.md");
    let kinds = members(&read("wal/core/src/error.rs"), "pub enum ErrorKind {", "");
    assert_eq!(kinds, KINDS.map(name), "a new kind belongs into KINDS");
    let sections: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(sections, kinds);
    let (rows, codes) = (rows(&page), exit_codes());
    assert_eq!(codes.len(), KINDS.len(), "{codes:?}");
    for kind in KINDS {
        let name = name(kind);
        let of_kind: Vec<_> = rows.iter().filter(|(it, _)| *it == name).collect();
        let [(_, cells)] = of_kind[..] else {
            panic!("{name} has {} rows", of_kind.len())
        };
        let status = format!("{:?}", kind.status()).to_lowercase();
        assert_eq!(cells[1..], [status, codes[&name].clone()], "{name}");
    }
}

#[test]
fn options_stand_in_the_book_with_their_defaults() {
    let page = rows(&read("wal/docs/options.md"));
    let source = read("wal/core/src/open_option.rs");
    let scan_source = read("wal/core/src/scan_option.rs");
    let transaction_source = read("wal/core/src/transaction.rs");
    let open = OpenOption::try_from("orders").unwrap();
    let transaction = TransactionOption::default();
    let scan = ScanOption::earliest();
    let (memory, memory_source) = (
        MemoryConfig::default(),
        read("walimpls/memory/src/config.rs"),
    );
    let defaults = [
        ("term", none(&open.term)),
        ("take_over", open.take_over.to_string()),
        ("max_in_flight_bytes", mebibytes(open.max_in_flight_bytes)),
        ("limits", "of the process".to_owned()),
        ("flow", none(&open.flow)),
        ("cache", "see below".to_owned()),
        ("max_clock_ahead", seconds(open.max_clock_ahead)),
        ("close_timeout", seconds(open.close_timeout)),
        ("tick_source", none(&open.tick_source)),
        ("close_store", open.close_store.to_string()),
        ("append_timeout", none(&open.append_timeout)),
        ("recovery_timeout", seconds(open.recovery_timeout)),
        ("slow_append", seconds(open.slow_append.unwrap())),
        ("idempotency", none(&open.idempotency)),
        ("max_chunked_bytes", none(&open.max_chunked_bytes)),
        (
            "transaction_buffer_bytes",
            none(&open.transaction_buffer_bytes),
        ),
        ("spill", none(&open.spill)),
        ("interceptors", none(&open.interceptors.first())),
        (
            "capacity_bytes",
            mebibytes(CacheOption::default().capacity_bytes),
        ),
        ("keep", seconds(CacheOption::default().keep)),
        ("bytes", mebibytes(IdempotencyOption::default().bytes)),
        ("keep", seconds(IdempotencyOption::default().keep)),
        ("virtual_channel", none(&transaction.virtual_channel)),
        ("keepalive", seconds(transaction.keepalive)),
        ("until", none(&scan.until)),
        ("on_lost", format!("{:?}", scan.on_lost)),
        ("virtual_channels", empty(&scan.virtual_channels)),
        ("transactions", format!("{:?}", scan.transactions)),
        ("ticks", scan.ticks.to_string()),
        (
            "transaction_buffer_bytes",
            mebibytes(scan.transaction_buffer_bytes),
        ),
        ("spill", none(&scan.spill)),
        ("read_ahead_bytes", mebibytes(scan.read_ahead_bytes)),
        ("name", none(&memory.name)),
        ("max_record", memory.max_record.to_string()),
    ];
    for (option, default) in &defaults {
        let stands = |(it, cells): &(String, Vec<String>)| it == option && cells[0] == *default;
        assert!(page.iter().any(stands), "{option} = {default}");
    }
    let structs = [
        (&source, "pub struct OpenOption {"),
        (&source, "pub struct CacheOption {"),
        (&source, "pub struct IdempotencyOption {"),
        (&transaction_source, "pub struct TransactionOption {"),
        (&scan_source, "pub struct ScanOption {"),
        (&memory_source, "pub struct MemoryConfig {"),
    ];
    let fields = structs
        .into_iter()
        .flat_map(|(source, item)| members(source, item, "pub "));
    // What every call must say is no option.
    let mut fields: Vec<_> = fields
        .filter(|it| it != "channel" && it != "from")
        .collect();
    let mut listed: Vec<_> = page.into_iter().map(|(name, _)| name).collect();
    fields.sort();
    listed.sort();
    assert_eq!(listed, fields);
}

fn none<T>(option: &Option<T>) -> String {
    assert!(option.is_none());
    "none".to_owned()
}

fn empty<T>(list: &[T]) -> String {
    assert!(list.is_empty());
    "none".to_owned()
}

fn mebibytes(bytes: usize) -> String {
    assert_eq!(bytes % (1 << 20), 0);
    format!("{} MiB", bytes >> 20)
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

#[test]
fn keys_of_a_file_store_stand_in_the_book_with_their_defaults() {
    let page = rows(&read("wal/docs/file.md"));
    let config = Config::from(&FileConfig::default());
    let source = read("walimpls/file/src/config.rs");
    let keys = members(&source, "pub struct FileConfig {", "pub ");
    assert!(keys.len() >= 5);
    for key in keys.iter().filter(|key| *key != "path") {
        let row = page.iter().find(|(it, _)| it == key).expect(key);
        assert_eq!(Some(row.1[0].as_str()), config.get(key), "{key}");
    }
}

#[cfg(feature = "kafka")]
#[test]
fn keys_of_a_kafka_store_stand_in_the_book_with_their_defaults() {
    let page = rows(&read("wal/docs/kafka.md"));
    let config = walx::config::to_config(&walx::kafka::KafkaConfig::default()).unwrap();
    let source = read("walimpls/kafka/src/config.rs");
    let keys = members(&source, "pub struct KafkaConfig {", "pub ");
    assert!(keys.len() >= 30);
    for key in keys.iter().filter(|key| *key != "location") {
        let row = page.iter().find(|(it, _)| it == key).expect(key);
        let default = config.get(key).filter(|it| !it.is_empty());
        assert_eq!(row.1[0], default.unwrap_or("none"), "{key}");
    }
}

/// A store in a folder, and the memory store that `memory:` names in this program.
struct Bed {
    folder: tempfile::TempDir,
    file: Arc<dyn Opener>,
    memory: MemoryStore,
}

impl Bed {
    async fn new() -> Self {
        let memory = MemoryStore::new();
        walx::register_backend(Arc::new(memory.builder())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let uri = format!("file:{}/data?max_record=1KiB", folder.path().display());
        Self {
            file: walx::store(&uri).await.unwrap(),
            folder,
            memory,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// As the book shows it: what differs from run to run is replaced.
    fn shown(&self, error: &Error) -> String {
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        let pid = std::process::id();
        let text = error
            .to_string()
            .replace(self.folder.path().to_str().unwrap(), ".")
            .replace(&format!("{host} pid {pid}"), "host pid 4711")
            .replace(&format!("process ({pid})"), "process (4711)")
            .replace(&format!("(pid: {pid})"), "(pid: 4711)")
            // The book shows the default build.
            .replace("file, kafka, memory", "file, memory");
        // Where a frame lies depends on the lengths of the host's name and the pid, which Barriers carry.
        match text.split_once("offset: ") {
            Some((before, _)) => format!("{before}offset: 4711)"),
            None => text,
        }
    }
}

async fn open(store: &dyn Opener, channel: &str) -> walx::Result<Arc<dyn Wal>> {
    store.open(OpenOption::try_from(channel).unwrap()).await
}

fn refused<T>(outcome: walx::Result<T>) -> Error {
    outcome.map(|_| ()).unwrap_err()
}

async fn errors_of_files(bed: &Bed) -> Vec<Error> {
    let mut errors = Vec::new();
    let wal = open(&*bed.file, "orders").await.unwrap();
    let missing = OpenOption::try_from("payments").unwrap();
    errors.push(refused(bed.file.open_read_only(missing).await));
    errors.push(refused(walx::store("kafcka:orders").await));
    errors.push(refused(walx::store("./data").await));
    errors.push(refused(walx::store("file:./data?durabilty=each").await));
    errors.push(refused(OpenOption::try_from("no/channel")));
    errors.push(refused(open(&*bed.file, "orders").await));
    errors.push(refused(wal.append(Message::new(vec![0; 2048])).await));
    let foreign = Position::After("kafka:01".parse().unwrap());
    errors.push(refused(wal.scan(ScanOption::new(foreign)).await));
    for text in ["a", "b", "c"] {
        wal.append(Message::new(text)).await.unwrap();
    }
    wal.truncate(wal.tail().await.unwrap().id.unwrap())
        .await
        .unwrap();
    let lost = ScanOption::new(Position::Lsn(walx::Lsn::new(1)));
    errors.push(refused(wal.scan(lost).await));
    wal.close().await.unwrap();
    errors.push(refused(wal.append(Message::new("late")).await));
    let term = OpenOption::try_from("orders")
        .unwrap()
        .with_term(Term::new(1));
    errors.push(refused(bed.file.open(term).await));
    bed.file.close().await.unwrap();
    damage(&bed.data());
    let uri = format!("file:{}?max_record=1KiB", bed.data().display());
    errors.push(refused(walx::open(&uri, "orders").await));
    errors
}

/// Flips a bit in the last frame of a store of one segment.
fn damage(store: &Path) {
    let mut files = std::fs::read_dir(store)
        .unwrap()
        .map(|it| it.unwrap().path());
    let segment = files
        .find(|it| it.extension().is_some_and(|it| it == "wal"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let last = bytes.iter().rposition(|it| *it != 0).unwrap();
    bytes[last] ^= 1;
    std::fs::write(segment, bytes).unwrap();
}

async fn errors_of_memory(bed: &Bed) -> Vec<Error> {
    let mut errors = Vec::new();
    let store = walx::store("memory:").await.unwrap();
    let progress = walx::Progress::default();
    errors.push(refused(store.repair(RepairMode::DryRun, &progress).await));
    let small = OpenOption::try_from("orders")
        .unwrap()
        .with_recovery_timeout(Duration::ZERO)
        .with_max_in_flight_bytes(1000);
    let wal = store.open(small).await.unwrap();
    errors.push(refused(open(&*store, "orders").await));
    // The commit driver has no turn between these two.
    let first = wal.try_append(Message::new(vec![0; 500])).unwrap();
    errors.push(
        wal.try_append(Message::new(vec![0; 500]))
            .unwrap_err()
            .error,
    );
    first.await.unwrap();
    bed.memory
        .faults(&ChannelName::new("orders").unwrap())
        .fail_next(1, ErrorKind::Unavailable);
    let (first, second) = (wal.append("x".into()), wal.append("y".into()));
    errors.push(refused(first.await));
    errors.push(refused(second.await));
    errors.push(refused(wal.append("z".into()).await));
    errors
}

#[tokio::test]
async fn the_texts_in_the_book_are_those_of_the_library() {
    let bed = Bed::new().await;
    let mut errors = errors_of_files(&bed).await;
    errors.extend(errors_of_memory(&bed).await);
    let texts: Vec<_> = errors.iter().map(|error| bed.shown(error)).collect();
    let page = read("wal/docs/errors.md");
    let shown: Vec<_> = page
        .split("```text\n")
        .skip(1)
        .map(|block| block.split("\n```").next().unwrap().replace('\n', " "))
        .collect();
    let missing = |from: &[String], there: &[String]| -> String {
        let lines = from.iter().filter(|it| !there.contains(it));
        lines.map(|it| format!("\n{it}")).collect()
    };
    let (unsaid, untrue) = (missing(&texts, &shown), missing(&shown, &texts));
    assert!(unsaid.is_empty(), "errors.md lacks:{unsaid}");
    assert!(
        untrue.is_empty(),
        "errors.md shows what no error says:{untrue}"
    );
}
