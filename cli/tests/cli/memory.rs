//! Peak memory (`VmHWM` of `/proc`, Linux) of `append` and `tail`, read while the program still runs.

use std::io::Write;

use rustix::process::Signal;

use crate::program::{Program, Store};

const LIMIT: u64 = 200 << 20;
/// A build without optimisation is slow; what grows by the record shows at this count too.
const LINES: usize = if cfg!(debug_assertions) {
    200_000
} else {
    1_000_000
};

fn peaks_of(store: &Store, lines: usize, input: &[u8]) -> (u64, u64) {
    let mut writer = Program::start(&["append", &store.uri(), "orders", "--print-ids"]);
    // Stdin stays open, so that the writer is still there when all is acknowledged.
    let mut stdin = writer.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = walx_utility::spawn::thread("feed", move || {
        stdin.write_all(&input).unwrap();
        stdin.flush().unwrap();
        // Held until the test has looked.
        std::thread::park();
    })
    .unwrap();
    (0..lines).for_each(|_| drop(writer.line().unwrap()));
    let append = writer.peak_memory();
    feed.thread().unpark();
    assert_eq!(writer.end().code, 0);

    let mut reader = Program::start(&[
        "tail",
        &store.uri(),
        "orders",
        "--output",
        "json",
        "--follow",
    ]);
    (0..lines).for_each(|_| drop(reader.line().unwrap()));
    let tail = reader.peak_memory();
    reader.signal(Signal::TERM);
    assert_eq!(reader.end().code, 143);
    (append, tail)
}

#[test]
fn many_short_lines_need_little_memory() {
    let store = Store::with("durability=os");
    let input: Vec<u8> = (0..LINES)
        .flat_map(|number| format!("{number}\n").into_bytes())
        .collect();
    let (append, tail) = peaks_of(&store, LINES, &input);
    assert!(
        append < LIMIT && tail < LIMIT,
        "append {} MiB, tail {} MiB",
        append >> 20,
        tail >> 20
    );
}

#[test]
fn lines_of_4_mib_need_little_memory() {
    let store = Store::with("durability=os");
    let mut line = vec![b'x'; 4 << 20];
    line.push(b'\n');
    let (append, tail) = peaks_of(&store, 30, &line.repeat(30));
    assert!(
        append < LIMIT && tail < LIMIT,
        "append {} MiB, tail {} MiB",
        append >> 20,
        tail >> 20
    );
}

#[test]
fn what_reads_a_whole_store_needs_little_memory() {
    let store = Store::with("durability=os");
    let mut line = vec![b'x'; 4 << 20];
    line.push(b'\n');
    store.append("orders", &line.repeat(60));
    store.append("orders", b"last\n");
    for arguments in [
        &["verify", &store.uri()][..],
        &["truncate", &store.uri(), "orders", "--until", "lsn:59"],
    ] {
        let program = Program::start(arguments);
        // It only grows, so what was seen last is close to the most there was.
        let mut peak = 0;
        while let Some(now) = program.peak_memory_if_it_runs() {
            peak = now;
            std::thread::yield_now();
        }
        assert_eq!(program.end().code, 0);
        assert!(
            (1 << 20..LIMIT).contains(&peak),
            "{arguments:?}: {} MiB",
            peak >> 20
        );
    }
}
