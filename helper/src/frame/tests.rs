use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use walx_core::{
    Chunk, ErrorKind, Flags, Header, Kind, Lsn, Owner, Seq, Term, Tick, TransactionContext,
    TransactionId, VirtualChannel,
};

use super::*;

fn owner() -> Owner {
    Owner {
        term: Term::new(0x0102_0304_0506_0708),
        incarnation: 0x0a0b_0c0d,
    }
}

fn full() -> Record {
    let mut header = Header::new(Kind::Data, owner(), Tick::new(0x1112_1314_1516_1718));
    header.flags = Flags::EXPIRED;
    header = header.numbered(
        Seq::new(0x2122_2324_2526_2728),
        Lsn::new(0x3132_3334_3536_3738),
    );
    header.virtual_channel = Some(VirtualChannel::new("straße").unwrap());
    header.transaction = Some(TransactionContext {
        id: TransactionId(Seq::new(0x4142_4344_4546_4748)),
        count: Some(0x5152_5354),
        keepalive_ms: Some(0x6162_6364_6566_6768),
    });
    header.oldest_open = Some(Seq::new(0x7172_7374_7576_7778));
    header.idempotency_key = Some(Bytes::from_static(b"key\xff"));
    header.chunk = Some(Chunk {
        index: 1,
        total: 0x0203_0405,
    });
    let properties = [
        ("name", &b"value"[..]),
        ("name", &b"\xfe\xff"[..]),
        ("", &b""[..]),
    ]
    .into_iter()
    .collect();
    Record {
        header,
        properties,
        payload: Bytes::from_static(b"the payload"),
    }
}

fn minimal() -> Record {
    Record::marker(
        Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::ZERO).numbered(Seq::ZERO, Lsn::ZERO),
    )
}

fn barrier() -> Record {
    let mut record = Record::marker(Header::new(
        Kind::Barrier,
        owner(),
        Tick::from_unix_ms(1_700_000_000_000),
    ));
    record.payload = Bytes::from_static(b"{\"host\":\"a\"}");
    record
}

fn begin() -> Record {
    let mut header = Header::new(Kind::Begin, Owner::new(Term::new(2)), Tick::new(7))
        .numbered(Seq::new(5), Lsn::new(4));
    let id = TransactionId(Seq::new(5));
    header.transaction = Some(TransactionContext {
        id,
        count: None,
        keepalive_ms: Some(30_000),
    });
    header.oldest_open = Some(Seq::new(5));
    Record::marker(header)
}

fn commit() -> Record {
    let mut header = Header::new(Kind::Commit, Owner::new(Term::new(2)), Tick::new(9))
        .numbered(Seq::new(8), Lsn::new(6));
    header.virtual_channel = Some(VirtualChannel::new("v").unwrap());
    header.transaction = Some(TransactionContext {
        id: TransactionId(Seq::new(5)),
        count: Some(2),
        keepalive_ms: None,
    });
    Record::marker(header)
}

fn exclusive() -> Record {
    let mut header = Header::new(Kind::Data, Owner::new(Term::new(2)), Tick::new(11))
        .numbered(Seq::new(10), Lsn::new(6));
    header.flags = Flags::EXCLUSIVE;
    header.chunk = Some(Chunk { index: 0, total: 2 });
    Record {
        payload: Bytes::from_static(b"half"),
        ..Record::marker(header)
    }
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    encode(record, &mut out);
    out
}

/// The stored bytes, and the way back: a change of either is a change of a format that lies on users' disks.
fn is_golden(record: &Record, golden: &str) {
    let hex: String = golden.split_whitespace().collect();
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let now: String = encoded(record)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(now, hex, "what is written");
    assert_eq!(decode(bytes.into()).unwrap(), *record, "what is read");
}

#[test]
fn the_format_is_the_one_of_the_golden_files() {
    is_golden(&full(), include_str!("../../golden/full.hex"));
    is_golden(&minimal(), include_str!("../../golden/minimal.hex"));
    is_golden(&barrier(), include_str!("../../golden/barrier.hex"));
    is_golden(&begin(), include_str!("../../golden/begin.hex"));
    is_golden(&commit(), include_str!("../../golden/commit.hex"));
    is_golden(&exclusive(), include_str!("../../golden/exclusive.hex"));
}

#[test]
fn payload_values_and_key_are_slices_of_the_input() {
    let frame = Bytes::from(encoded(&full()));
    let range = frame.as_ptr_range();
    let record = decode(frame).unwrap();
    let key = record.header.idempotency_key.unwrap();
    for part in [
        &record.payload,
        &key,
        record.properties.iter().next().unwrap().1,
    ] {
        assert!(range.contains(&part.as_ptr()));
    }
}

#[test]
fn what_only_a_newer_walx_writes_is_unsupported_and_says_so() {
    let changes = [
        (0, 2, "header version 2"),
        (1, 9, "kind 9"),
        (2, 4, "flags 0x0004"),
        (5, 0x80, "header fields 0x8000"),
    ];
    for (at, value, met) in changes {
        let mut bytes = encoded(&minimal());
        bytes[at] = value;
        let error = decode(bytes.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(
            error.to_string().contains(met) && error.to_string().contains("upgrade"),
            "{error}"
        );
    }
}

#[test]
fn what_no_walx_writes_is_corrupt() {
    let with = |change: &dyn Fn(&mut Record)| {
        let mut record = full();
        change(&mut record);
        encoded(&record)
    };
    let mut orphan = encoded(&begin());
    orphan[4] &= !(1 << 3);
    let mut no_text = encoded(&full());
    let name = no_text
        .windows(4)
        .position(|window| window == b"name")
        .unwrap();
    no_text[name] = 0xff;
    let mut empty_channel = encoded(&minimal());
    empty_channel[4] |= 1 << 2;
    empty_channel.splice(42..42, [0, 0]);
    let cases = [
        ("version 0", [&[0], &encoded(&minimal())[1..]].concat()),
        (
            "behind the record's end",
            [&encoded(&full())[..], &[0]].concat(),
        ),
        (
            "Data must have a seq",
            with(&|record| record.header.seq = None),
        ),
        (
            "Data must have a seq",
            with(&|record| record.header.lsn = None),
        ),
        (
            "Barrier must not have",
            with(&|record| record.header.kind = Kind::Barrier),
        ),
        (
            "chunk 2 of 2",
            with(&|record| record.header.chunk = Some(Chunk { index: 2, total: 2 })),
        ),
        ("and no transaction", orphan),
        ("no UTF-8", no_text),
        ("1 to 65535 bytes", empty_channel),
        ("ends inside its header version", Vec::new()),
    ];
    for (says, bytes) in cases {
        let error = decode(bytes.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(
            error.to_string().contains(says),
            "{says:?} is not in: {error}"
        );
    }
}

#[test]
fn every_cut_of_a_frame_is_corrupt() {
    let frame = Bytes::from(encoded(&full()));
    for len in 0..frame.len() {
        assert_eq!(
            decode(frame.slice(..len)).unwrap_err().kind(),
            ErrorKind::Corrupt,
            "cut at {len}"
        );
    }
}

prop_compose! {
    fn headers()(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        expired in any::<bool>(),
        (term, incarnation, tick, seq, lsn) in any::<(u64, u32, u64, u64, u64)>(),
        virtual_channel in option::of(".{1,20}"),
        transaction in any::<Option<(u64, Option<u32>, Option<u64>)>>(),
        oldest_open in any::<Option<u64>>(),
        key in option::of(vec(any::<u8>(), 0..300)),
        chunk in any::<Option<(u32, u32)>>(),
    ) -> Header {
        let owner = Owner { term: Term::new(term), incarnation };
        let mut header = Header::new(kind, owner, Tick::new(tick));
        if kind != Kind::Barrier {
            header = header.numbered(Seq::new(seq), Lsn::new(lsn));
        }
        if expired {
            header.flags = Flags::EXPIRED;
        }
        header.virtual_channel = virtual_channel.map(|name| VirtualChannel::new(name).unwrap());
        header.transaction = transaction.map(|(id, count, keepalive_ms)| TransactionContext {
            id: TransactionId(Seq::new(id)), count, keepalive_ms,
        });
        header.oldest_open = oldest_open.map(Seq::new);
        header.idempotency_key = key.map(Bytes::from);
        header.chunk = chunk.filter(|(a, b)| a != b).map(|(a, b)| Chunk { index: a.min(b), total: a.max(b) });
        header
    }
}

prop_compose! {
    fn records()(
        header in headers(),
        properties in vec((".{0,20}", vec(any::<u8>(), 0..40)), 0..8),
        payload in vec(any::<u8>(), 0..200),
    ) -> Record {
        Record { header, properties: properties.into_iter().collect(), payload: payload.into() }
    }
}

proptest! {
    #[test]
    fn any_record_survives_the_way_into_a_frame_and_back(record in records()) {
        let frame = encoded(&record);
        prop_assert_eq!(frame.len(), encoded_len(&record));
        prop_assert_eq!(decode(frame.into()).unwrap(), record);
    }

    #[test]
    fn any_header_survives_alone_and_nothing_may_stand_behind_it(header in headers()) {
        let mut bytes = Vec::new();
        encode_header(&header, &mut bytes);
        prop_assert_eq!(&decode_header(&bytes).unwrap(), &header);
        bytes.push(0);
        prop_assert_eq!(decode_header(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in vec(any::<u8>(), 0..200), valid_start: bool) {
        let bytes = if valid_start { [&[1, 1, 0, 0][..], &bytes].concat() } else { bytes };
        if let Ok(record) = decode(bytes.clone().into()) {
            prop_assert_eq!(encoded(&record), bytes);
        }
    }

    #[test]
    fn a_changed_frame_is_another_record_or_an_error(
        record in records(), at: prop::sample::Index, value: u8, cut: prop::sample::Index,
    ) {
        let mut bytes = encoded(&record);
        let at = at.index(bytes.len());
        bytes[at] = value;
        bytes.truncate(1 + cut.index(2 * bytes.len()));
        if let Ok(record) = decode(bytes.clone().into()) {
            prop_assert_eq!(encoded(&record), bytes);
        }
    }
}
