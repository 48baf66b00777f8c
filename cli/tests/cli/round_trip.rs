use std::fmt::Write;

use crate::program::{Store, run};

/// Each line and a newline, as `tail` prints it.
fn numbers(count: u32) -> Vec<u8> {
    let mut text = String::new();
    (0..count).for_each(|number| writeln!(text, "{number}").unwrap());
    text.into_bytes()
}

#[test]
fn a_hundred_thousand_lines_come_back_in_order() {
    let store = Store::with("durability=os");
    let input = numbers(100_000);
    store.append("orders", &input);
    assert!(store.tail("orders", &[]) == input);
}

#[test]
fn bytes_come_back_as_they_are() {
    let input = [
        &b"text\n\n\n\0\n\0\0a\0\n\xff\xfe\xc3\n\xf0\x9f\x98\n \t \ncarriage\r\n\r\n\r"[..],
        &[b'x'; 70_000],
        b"\n",
    ]
    .concat();
    let store = Store::new();
    store.append("orders", &input);
    assert!(store.tail("orders", &[]) == input);
}

#[test]
fn a_line_of_4_mib_comes_back() {
    let mut input: Vec<_> = (0..4 << 20)
        .map(|i| if i % 251 == 10 { b'x' } else { (i % 251) as u8 })
        .collect();
    input.extend_from_slice(b"\nshort\n");
    let store = Store::new();
    store.append("orders", &input);
    assert!(store.tail("orders", &[]) == input);
}

#[test]
fn a_last_line_without_newline_is_a_record_and_an_end_is_none() {
    let store = Store::new();
    store.append("orders", b"first\nlast");
    assert_eq!(store.tail("orders", &[]), b"first\nlast\n");
    store.append("orders", b"");
    store.append("orders", b"\n");
    assert_eq!(store.tail("orders", &[]), b"first\nlast\n\n");
}

#[test]
fn a_file_is_read_where_one_is_named() {
    let store = Store::new();
    let file = store.file("lines", b"a\nb\n");
    let done = run(&["append", &store.uri(), "orders", &file], b"not read\n");
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, "walx: appended 2 records\n")
    );
    let done = run(&["append", &store.uri(), "orders", "-"], b"c\n");
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, "walx: appended 1 record\n")
    );
    assert_eq!(store.tail("orders", &[]), b"a\nb\nc\n");
}

#[test]
fn channels_of_one_store_stay_apart() {
    let store = Store::new();
    store.append("a", b"1\n");
    store.append("b", b"2\n");
    store.append("a", b"3\n");
    assert_eq!(store.tail("a", &[]), b"1\n3\n");
    assert_eq!(store.tail("b", &[]), b"2\n");
}
