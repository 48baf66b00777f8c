use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use rdkafka::message::{Headers, OwnedHeaders};
use walx_core::{
    Chunk, ErrorKind, Flags, Header, Kind, Lsn, Owner, Record, Seq, Term, Tick, TransactionContext,
    TransactionId, VirtualChannel,
};

use super::*;

fn full() -> Record {
    let owner = Owner {
        term: Term::new(0x0102_0304_0506_0708),
        incarnation: 0x0a0b_0c0d,
    };
    let mut header = Header::new(Kind::Data, owner, Tick::new(0x1112_1314_1516_1718))
        .numbered(Seq::new(0x2122_2324), Lsn::new(0x3132_3334));
    header.flags = Flags::EXPIRED;
    header.virtual_channel = Some(VirtualChannel::new("straße").unwrap());
    header.transaction = Some(TransactionContext {
        id: TransactionId(Seq::new(0x4142_4344)),
        count: Some(0x5152_5354),
        keepalive_ms: Some(0x6162_6364),
    });
    header.oldest_open = Some(Seq::new(0x7172_7374));
    header.idempotency_key = Some(Bytes::from_static(b"key\xff"));
    header.chunk = Some(Chunk { index: 1, total: 3 });
    let properties = [
        ("name", &b"value"[..]),
        ("name", &b"\xfe\x00\xff"[..]),
        ("", &b""[..]),
        ("walx", &b"1"[..]),
        ("walx.mark", &b"2"[..]),
        ("walx.p.x", &b"3"[..]),
        ("walxy", &b"4"[..]),
        ("a\0b", &b"5"[..]),
    ];
    Record {
        header,
        properties: properties.into_iter().collect(),
        payload: Bytes::from_static(b"the payload"),
    }
}

fn minimal() -> Record {
    let header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::ZERO);
    Record::marker(header.numbered(Seq::ZERO, Lsn::ZERO))
}

const NATIVE: Stamp = Stamp {
    writer: 0x0102_0304,
    read: None,
};
const BY_READING: Stamp = Stamp {
    writer: 0x0102_0304,
    read: Some(0x0506_0708),
};

/// Where records lie.
const OFFSET: i64 = i64::MAX;

/// A header: its name and its value.
type Pair = (Vec<u8>, Vec<u8>);
type Listed = Vec<Pair>;

/// As librdkafka hands them out: a name ends at a NUL.
fn list(headers: &OwnedHeaders) -> Listed {
    let headers = headers.iter().map(|header| {
        let value = header.value.unwrap_or_default().to_vec();
        (header.key.as_bytes().to_vec(), value)
    });
    headers.collect()
}

fn read(payload: &[u8], headers: &[Pair]) -> walx_core::Result<Content> {
    let headers = headers.iter().map(|(name, value)| (&name[..], &value[..]));
    decode(OFFSET, payload, headers, &mut BytesMut::new())
}

fn encoded(record: &Record, stamp: Stamp) -> Listed {
    list(&headers(record, stamp, &mut vec![0xaa; 3]))
}

fn shown(headers: &[Pair]) -> String {
    let line = |(name, value): &Pair| {
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:?} {hex}\n", String::from_utf8_lossy(name)).replace("\" \n", "\"\n")
    };
    headers.iter().map(line).collect()
}

#[test]
fn the_headers_are_the_ones_of_the_golden_files() {
    let golden = [
        (
            encoded(&full(), NATIVE),
            include_str!("../../golden/full.txt"),
        ),
        (
            encoded(&minimal(), BY_READING),
            include_str!("../../golden/by-reading.txt"),
        ),
        (
            list(&mark(b"0123456789abcdef")),
            include_str!("../../golden/mark.txt"),
        ),
    ];
    for (headers, golden) in golden {
        assert_eq!(shown(&headers), golden);
    }
}

#[test]
fn records_and_marks_come_back_as_they_were() {
    for (record, stamp) in [(full(), NATIVE), (minimal(), BY_READING)] {
        let read = read(&record.payload, &encoded(&record, stamp)).unwrap();
        assert_eq!(read, Content::Record(record, stamp));
    }
    let token = *b"0123456789abcdef";
    assert_eq!(
        read(b"", &list(&mark(&token))).unwrap(),
        Content::Mark(token)
    );
}

#[test]
fn what_has_no_header_of_ours_is_foreign() {
    let named = |name: &[u8]| vec![(name.to_vec(), b"x".to_vec())];
    for headers in [
        vec![],
        named(b"walxy"),
        named(b"\xff"),
        named(b"walx.read "),
        named(b"walx.later"),
    ] {
        assert_eq!(read(b"p", &headers).unwrap(), Content::Foreign);
    }
}

#[test]
fn what_only_a_newer_walx_writes_is_unsupported_and_says_so() {
    let mut newer_header = encoded(&minimal(), NATIVE);
    newer_header[0].1[0] = 2;
    let mut newer_field = encoded(&minimal(), NATIVE);
    newer_field.push((b"walx.later".to_vec(), vec![]));
    let mut newer_mark = list(&mark(&[0; 16]));
    newer_mark[0].1 = vec![2, 1];
    for headers in [newer_header, newer_field, newer_mark] {
        let error = read(b"", &headers).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("upgrade"), "{error}");
    }
}

#[test]
fn what_no_walx_writes_is_corrupt() {
    let with = |change: &dyn Fn(&mut Listed)| {
        let mut headers = encoded(&full(), BY_READING);
        change(&mut headers);
        headers
    };
    let push =
        |name: &[u8], value: &[u8]| with(&|headers| headers.push((name.to_vec(), value.to_vec())));
    let cases = [
        ("inside the writer", with(&|it| it[0].1.truncate(7))),
        ("behind the header's end", with(&|it| it[0].1.extend([0]))),
        (
            "holds no offset",
            with(&|it| *it[0].1.last_mut().unwrap() = 0xff),
        ),
        ("holds no offset", with(&|it| it[1].1.truncate(7))),
        ("two headers \"walx\"", with(&|it| it.push(it[0].clone()))),
        (
            "two headers \"walx.read\"",
            with(&|it| it.push(it[1].clone())),
        ),
        (
            "a record and a mark",
            with(&|it| it.extend(list(&mark(&[0; 16])))),
        ),
        ("its mark has 16 bytes", push(b"walx.mark", &[1; 16])),
        ("its mark has no version", push(b"walx.mark", &[0; 17])),
        ("is no property", push(b"\xff", b"")),
        ("is no property", push(b"walx.p.plain", b"")),
        ("is no property", push(b"walx.x.6", b"")),
        ("is no property", push(b"walx.x.6100zz", b"")),
        ("is no property", push(b"walx.x.61", b"")),
    ];
    for (says, headers) in cases {
        let error = read(b"", &headers).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(
            error.to_string().contains(says),
            "{says:?} is not in: {error}"
        );
    }
}

#[test]
fn what_names_an_offset_behind_itself_is_corrupt() {
    let read_at_7 = |writer, read| {
        let headers = encoded(&minimal(), Stamp { writer, read });
        let headers = headers.iter().map(|(name, value)| (&name[..], &value[..]));
        decode(7, b"", headers, &mut BytesMut::new())
    };
    for read in [None, Some(0), Some(7)] {
        assert!(read_at_7(6, read).is_ok(), "{read:?}");
    }
    for (writer, read) in [
        (7, None),
        (i64::MAX, None),
        (i64::MAX, Some(7)),
        (6, Some(8)),
        (6, Some(i64::MAX)),
    ] {
        let error = read_at_7(writer, read).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn every_cut_of_the_header_is_corrupt() {
    let headers = encoded(&full(), NATIVE);
    for len in 0..headers[0].1.len() {
        let mut cut = headers.clone();
        cut[0].1.truncate(len);
        let error = read(b"", &cut).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {len}: {error}");
    }
}

fn property_names() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,8}",
        "walx(\\.(p\\.|x\\.|read|mark)?)?[a-f0-9\\x00]{0,6}",
        "[a\\x00]{1,4}",
    ]
}

fn header_names() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(b"walx".to_vec()),
        1 => Just(b"walx.mark".to_vec()),
        1 => Just(b"walx.read".to_vec()),
        2 => property_names().prop_map(|name| name::header(&name).as_bytes().to_vec()),
        1 => vec(1_u8.., 0..12),
    ]
}

proptest! {
    #[test]
    fn any_properties_survive_the_way_into_headers_and_back(
        list in vec((property_names(), vec(any::<u8>(), 0..20)), 0..6),
        payload in vec(any::<u8>(), 0..50),
        writer in 0..OFFSET,
        by_reading in prop::option::of(0..OFFSET),
    ) {
        let mut record = minimal();
        record.properties = list.into_iter().collect();
        record.payload = payload.into();
        let stamp = Stamp { writer, read: by_reading };
        let headers = encoded(&record, stamp);
        prop_assert!(headers.iter().all(|(name, _)| !name.contains(&0)));
        prop_assert_eq!(read(&record.payload, &headers).unwrap(), Content::Record(record, stamp));
    }

    #[test]
    fn any_headers_are_read_as_they_are_written_or_refused(
        headers in vec((header_names(), vec(any::<u8>(), 0..60)), 0..5),
        valid_start: bool,
    ) {
        let mut headers = headers;
        if valid_start {
            headers.splice(0..0, encoded(&minimal(), NATIVE));
        }
        match read(b"p", &headers) {
            Ok(Content::Record(record, stamp)) => {
                let mut again = encoded(&record, stamp);
                // The order of our own headers and of properties is free.
                again.sort();
                headers.sort();
                prop_assert_eq!(again, headers);
            }
            Ok(Content::Mark(token)) => {
                let own = list(&mark(&token)).remove(0);
                prop_assert!(headers.contains(&own));
            }
            Ok(Content::Foreign) => {
                prop_assert!(headers.iter().all(|(name, _)| name != b"walx" && name != b"walx.mark"));
            }
            Err(error) => {
                let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported];
                prop_assert!(kinds.contains(&error.kind()), "{}", error);
            }
        }
    }

    #[test]
    fn a_changed_header_is_another_record_or_an_error(
        at in any::<prop::sample::Index>(), value: u8, cut in any::<prop::sample::Index>(),
    ) {
        let mut headers = encoded(&full(), NATIVE);
        let bytes = &mut headers[0].1;
        let at = at.index(bytes.len());
        bytes[at] = value;
        bytes.truncate(1 + cut.index(2 * bytes.len()));
        let changed = headers.clone();
        if let Ok(Content::Record(record, stamp)) = read(&full().payload, &headers) {
            prop_assert_eq!(encoded(&record, stamp), changed);
        }
    }
}
