//! Several processes: this test program starts itself again.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use walx_core::ErrorKind;

use super::*;

const DIR: &str = "WALX_FILE_TEST_DIR";

/// The other process: appends as many records as a line says, and answers.
#[tokio::test]
#[ignore = "the other tests start it, in a process of its own"]
async fn a_child_appends_what_its_parent_asks_for() {
    let dir = std::env::var_os(DIR).expect("started by another test");
    let opener = build(&small(Path::new(&dir))).await.unwrap();
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    let mut next = wal
        .bounds()
        .await
        .unwrap()
        .newest
        .map_or(0, |id| id.to_u64().unwrap() + 1);
    println!("\nready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let endless = line == "endless";
        let count: u64 = if endless {
            u64::MAX
        } else {
            line.parse().unwrap()
        };
        for _ in 0..count {
            append(&*wal, next, format!("record {next}")).await.unwrap();
            if endless {
                println!("acked {next}");
            }
            next += 1;
        }
        println!("\nready");
    }
    drop(wal);
    opener.close().await.unwrap();
}

pub(super) struct Writer {
    child: Child,
    answers: Box<dyn Iterator<Item = String>>,
}

impl Writer {
    pub(super) fn start(dir: &Path) -> Self {
        let test = "tests::processes::a_child_appends_what_its_parent_asks_for";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--ignored"])
            .env(DIR, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut writer = Self {
            child,
            answers: Box::new(answers),
        };
        writer.answer();
        writer
    }

    fn answer(&mut self) {
        assert!(self.answers.any(|line| line == "ready"), "the child ended");
    }

    fn append(&mut self, count: u64) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{count}").unwrap();
        self.answer();
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    pub(super) fn append_endlessly(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap(), "endless").unwrap();
    }

    /// Kills it; the last number that it saw acknowledged.
    pub(super) fn kill_and_count(mut self) -> Option<u64> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.answers.filter_map(|line| told(&line)).last()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn told(line: &str) -> Option<u64> {
    let number = line.strip_prefix("acked ")?;
    number.parse().ok()
}

type Result<T> = std::result::Result<T, std::io::Error>;

#[tokio::test]
async fn nothing_that_was_acknowledged_is_missing_after_a_sigkill() {
    let dir = scratch();
    let mut acked = None;
    for round in 0..6 {
        let mut writer = Writer::start(dir.path());
        writer.append_endlessly();
        let told = |line: String| told(&line);
        for number in writer
            .answers
            .by_ref()
            .filter_map(told)
            .take(40 + round * 37)
        {
            acked = Some(number);
        }
        writer.kill();
        let opener = build(&small(dir.path())).await.unwrap();
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let newest = wal
            .bounds()
            .await
            .unwrap()
            .newest
            .unwrap()
            .to_u64()
            .unwrap();
        assert!(
            Some(newest) >= acked,
            "{acked:?} was acknowledged, {newest} is the newest"
        );
        let got = scan(&*wal, Start::Earliest, newest as usize + 1).await;
        assert_eq!(got.numbers(), (0..=newest).collect::<Vec<_>>());
        assert!(
            got.records
                .iter()
                .all(|(number, payload)| *payload == format!("record {number}").into_bytes())
        );
        drop(wal);
        opener.close().await.unwrap();
    }
    assert!(segments(dir.path()).len() > 5);
}

#[tokio::test]
async fn a_second_process_is_refused_with_the_pid_of_the_first() {
    let dir = scratch();
    let mut writer = Writer::start(dir.path());
    writer.append(3);
    let opener = build(&small(dir.path())).await.unwrap();
    for claim in [Claim::TakeOver, Claim::TakeOver] {
        let error = opener.open(&name("a"), claim).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let text = error.to_string();
        assert!(
            text.contains(&format!("process {}", writer.child.id())),
            "{text}"
        );
        assert!(text.contains(&dir.path().display().to_string()), "{text}");
    }
    assert_eq!(
        opener.truncate(&name("a"), id(0)).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    writer.kill();
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(append(&*wal, 3, "taken over").await.unwrap(), 3);
    assert_eq!(
        scan(&*wal, Start::Earliest, 4).await.numbers(),
        [0, 1, 2, 3]
    );
}

#[tokio::test]
async fn a_reader_follows_a_writer_through_its_death_and_the_next_one() {
    let dir = scratch();
    let mut writer = Writer::start(dir.path());
    writer.append(5);
    let opener = build(&small(dir.path())).await.unwrap();
    let reader = opener.open_read_only(&name("a")).await.unwrap();
    assert_eq!(reader.bounds().await.unwrap().newest, Some(id(4)));
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    assert_eq!(
        take(&mut *scanner, 5).await.numbers(),
        (0..5).collect::<Vec<_>>()
    );
    at_tail(&mut *scanner).await;
    writer.append(300);
    assert_eq!(
        take(&mut *scanner, 300).await.numbers(),
        (5..305).collect::<Vec<_>>()
    );
    assert!(
        segments(dir.path()).len() > 2,
        "the writer must have rotated"
    );
    writer.kill();
    at_tail(&mut *scanner).await;
    let mut writer = Writer::start(dir.path());
    writer.append(10);
    assert_eq!(
        take(&mut *scanner, 10).await.numbers(),
        (305..315).collect::<Vec<_>>()
    );
    writer.end();
    at_tail(&mut *scanner).await;
    assert_eq!(reader.bounds().await.unwrap().newest, Some(id(314)));
    let mut writer = Writer::start(dir.path());
    writer.append(1);
    assert_eq!(take(&mut *scanner, 1).await.numbers(), [315]);
    writer.end();
}

#[tokio::test]
async fn a_reader_elsewhere_reads_no_further_than_what_was_acknowledged() {
    let dir = scratch();
    let (_opener, wal) = filled(&small(dir.path()), 5).await;
    // The last frame is there, and is not yet acknowledged: ACKED lags, the lock is held.
    let acked = std::fs::read(dir.path().join("ACKED")).unwrap();
    append(&*wal, 5, "record 5").await.unwrap();
    std::fs::write(dir.path().join("ACKED"), acked).unwrap();
    let elsewhere = apart(&small(dir.path()));
    let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
    assert_eq!(reader.bounds().await.unwrap().newest, Some(id(4)));
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    assert_eq!(
        take(&mut *scanner, 5).await.numbers(),
        (0..5).collect::<Vec<_>>()
    );
    at_tail(&mut *scanner).await;
    append(&*wal, 6, "record 6").await.unwrap();
    assert_eq!(take(&mut *scanner, 2).await.numbers(), [5, 6]);
}

#[tokio::test]
async fn without_acked_a_reader_goes_by_what_the_frames_say() {
    let dir = scratch();
    let (_opener, wal) = filled(&small(dir.path()), 5).await;
    std::fs::remove_file(dir.path().join("ACKED")).unwrap();
    let elsewhere = apart(&small(dir.path()));
    let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
    // The last frame says that those before it are durable; nothing says so of itself.
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    assert_eq!(take(&mut *scanner, 4).await.numbers(), [0, 1, 2, 3]);
    at_tail(&mut *scanner).await;
    append(&*wal, 5, "record 5").await.unwrap();
    assert_eq!(take(&mut *scanner, 1).await.numbers(), [4]);
    assert_eq!(reader.bounds().await.unwrap().newest, Some(id(4)));
}

#[tokio::test]
async fn a_reader_elsewhere_is_told_when_its_place_was_truncated() {
    let dir = scratch();
    let (_opener, wal) = filled(&small(dir.path()), 200).await;
    let elsewhere = apart(&small(dir.path()));
    let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::new(4 << 10))
        .await
        .unwrap();
    let first = take(&mut *scanner, 1).await.records.len();
    assert!(first < 150);
    wal.truncate(id(180)).await.unwrap();
    let rest = take(&mut *scanner, 200 - first).await;
    let lost = ErrorKind::PositionLost {
        earliest: Some(id(181)),
    };
    assert_eq!(rest.error.unwrap().kind(), lost);
    assert_eq!(
        scan(&*reader, Start::At(id(7)), 1)
            .await
            .error
            .unwrap()
            .kind(),
        lost
    );
    assert_eq!(
        scan(&*reader, Start::Earliest, 19).await.numbers(),
        (181..200).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_readable() {
    use std::os::unix::fs::PermissionsExt;
    let dir = scratch();
    let (opener, wal) = filled(&small(dir.path()), 5).await;
    drop(wal);
    opener.close().await.unwrap();
    let rights =
        |mode| std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        std::fs::set_permissions(
            entry.unwrap().path(),
            std::fs::Permissions::from_mode(0o444),
        )
        .unwrap();
    }
    rights(0o555);
    let opener = apart(&small(dir.path()));
    let reader = opener.open_read_only(&name("a")).await.unwrap();
    assert_eq!(
        scan(&*reader, Start::Earliest, 5).await.numbers(),
        [0, 1, 2, 3, 4]
    );
    // The superuser may write everywhere.
    if !rustix::process::geteuid().is_root() {
        let error = opener
            .open(&name("a"), Claim::TakeOver)
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(
            error
                .to_string()
                .contains(&dir.path().display().to_string()),
            "{error}"
        );
    }
    rights(0o755);
}
