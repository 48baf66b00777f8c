use rdkafka::message::{Header, OwnedHeaders};
use walx_core::ErrorKind;
use walx_impls::{ScanOptions, Scanned, Start};

use super::bed::{Bed, Line, made};
use crate::id;
use crate::record::{self, Stamp};

fn header(key: &str, value: &[u8]) -> OwnedHeaders {
    let value = Some(value);
    OwnedHeaders::new().insert(Header { key, value })
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_as_they_were_written() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let mut sent = Vec::new();
    for number in 0..50 {
        let mut record = made(number);
        for count in 0..number % 4 {
            record
                .properties
                .push(format!("name {count}"), vec![count as u8; 300]);
        }
        record.properties.push("walx", "a name of ours");
        record.properties.push("last and empty", "");
        record.payload = vec![number as u8; (number * number * 37) as usize].into();
        let stamp = Stamp { writer, read: None };
        line.send(
            record::headers(&record, stamp, &mut Vec::new()),
            &record.payload,
            1,
        );
        sent.push(record);
    }
    let offsets = line.offsets();
    let mut reader = bed.scan(Start::Earliest).await.unwrap();
    for (record, offset) in sent.into_iter().zip(offsets) {
        let Scanned::Record(seen) = reader.next().await.unwrap() else {
            panic!("no record");
        };
        assert_eq!((seen.id, seen.record), (id::of(offset), record));
    }
    assert!(reader.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_comes_as_foreign_records_at_its_place() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let first = line.records(0..1, writer)[0];
    let headers = header("by", b"shop").insert(Header {
        key: "none",
        value: None::<&[u8]>,
    });
    let headers = headers.insert(Header {
        key: "walx.later",
        value: Some(&b"x"[..]),
    });
    line.send(headers, b"theirs", 1_234);
    line.foreign(b"");
    let theirs = line.offsets();
    let last = line.records(1..2, writer)[0];
    let mut reader = bed.scan(Start::At(id::of(first))).await.unwrap();
    assert_eq!(reader.record().await, first);
    for (offset, payload) in theirs.into_iter().zip(["theirs", ""]) {
        let Scanned::Foreign(foreign) = reader.next().await.unwrap() else {
            panic!("not foreign");
        };
        assert_eq!(
            (foreign.id, &foreign.payload[..]),
            (id::of(offset), payload.as_bytes())
        );
        assert!(foreign.key.is_none());
        if payload.is_empty() {
            assert!(foreign.properties.is_empty());
        } else {
            assert_eq!(foreign.unix_ms, Some(1_234));
            assert_eq!(foreign.properties.get("by"), Some(&b"shop"[..]));
            assert_eq!(foreign.properties.len(), 3);
        }
    }
    assert_eq!(reader.record().await, last);
}

fn broken(line: &Line, writer: i64, change: impl Fn(&mut Vec<u8>)) -> i64 {
    let mut value = Vec::new();
    walx_helper::frame::encode_header(&made(1).header, &mut value);
    value.extend(writer.to_le_bytes());
    change(&mut value);
    line.send(header("walx", &value), b"", 1);
    line.offsets()[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_no_walx_wrote_is_damage_at_its_place_and_reading_goes_on() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let first = line.records(0..1, writer)[0];
    let damaged = [
        broken(&line, writer, |value| value.truncate(5)),
        broken(&line, writer, |value| value[20] = 0xff),
        broken(&line, writer, |value| value.clear()),
    ];
    let last = line.records(2..3, writer)[0];
    let mut reader = bed.scan(Start::Earliest).await.unwrap();
    assert_eq!(reader.record().await, first);
    let mut met = 0;
    loop {
        match reader.next().await.unwrap() {
            Scanned::Damage(text) => {
                let place = format!(
                    "topic {} partition 0 offset {}",
                    bed.topic,
                    damaged[met * 2]
                );
                assert!(text.starts_with(&place), "{text}");
                met += 1;
            }
            Scanned::Record(record) if record.id == id::of(last) => break,
            // A changed tick is another record.
            other => assert!(matches!(other, Scanned::Record(_)), "{other:?}"),
        }
    }
    assert_eq!(met, 2);
    let bounds = bed.bounds().await;
    assert_eq!(
        (bounds.earliest, bounds.newest),
        (Some(id::of(first)), Some(id::of(last)))
    );
}

/// Were it believed, all records behind it would be those of an overtaken writer, and no owner would be the newest one.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_with_a_forged_writer_is_damage_and_overtakes_nobody() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let first = line.records(0..1, writer)[0];
    // The second one names its own place.
    let forged = [i64::MAX, first + 2].map(|forged| broken(&line, forged, |_| {}));
    assert_eq!(forged, [first + 1, first + 2]);
    let last = line.records(1..3, writer)[1];
    let mut reader = bed.scan(Start::Earliest).await.unwrap();
    assert_eq!(reader.record().await, first);
    for offset in forged {
        let Scanned::Damage(text) = reader.next().await.unwrap() else {
            panic!("no damage");
        };
        assert!(text.contains(&format!("offset {offset}: ")), "{text}");
    }
    assert_eq!(reader.record().await, last - 1);
    assert_eq!(reader.record().await, last);
    let (store, topic) = (std::sync::Arc::clone(&bed.store), bed.topic.clone());
    let newest = walx_utility::spawn::blocking(move || crate::look::newest(&store, &topic));
    let newest = newest.await.unwrap().unwrap();
    assert_eq!((newest.writer, newest.record), (Some(writer), Some(last)));
    assert_eq!(bed.bounds().await.newest, Some(id::of(last)));
    let lasts = bed.offsets(Start::Last(2), last).await;
    assert_eq!(lasts, [last - 1, last]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_newer_walx_ends_the_scan_behind_those_before_it() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let first = line.records(0..1, writer)[0];
    let newer = broken(&line, writer, |value| value[0] = 2);
    let mut reader = bed.scan(Start::Earliest).await.unwrap();
    assert_eq!(reader.record().await, first);
    let error = reader.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(
        text.contains("upgrade") && text.contains(&format!("offset: {newer}")),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_larger_than_the_read_ahead_comes_through() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let mut offsets = Vec::new();
    for number in 0..6 {
        let mut record = made(number);
        record.payload = vec![number as u8; 900_000].into();
        let stamp = Stamp { writer, read: None };
        line.send(
            record::headers(&record, stamp, &mut Vec::new()),
            &record.payload,
            1,
        );
        offsets.extend(line.offsets());
    }
    for bytes in [0, 1, 4 << 10] {
        let options = ScanOptions::new(bytes);
        let mut reader = bed.scan_with(Start::Earliest, options).await.unwrap();
        for &offset in &offsets {
            assert_eq!(reader.record().await, offset);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_headers_than_the_client_takes_are_damage_for_everybody() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let record = line.records(0..1, writer)[0];
    let mut headers = OwnedHeaders::new_with_capacity(100_001);
    for _ in 0..100_001 {
        headers = headers.insert(Header {
            key: "",
            value: None::<&[u8]>,
        });
    }
    line.send(headers, b"not ours", 1);
    line.offsets();
    // A scan up to the tail would wait for a foreign record that no scan delivers.
    let bounds = bed.bounds().await;
    assert_eq!(
        (bounds.newest, bounds.foreign),
        (Some(id::of(record)), None)
    );
    let mut reader = bed.scan(Start::After(id::of(record))).await.unwrap();
    let told = reader.next().await.unwrap();
    assert!(matches!(&told, Scanned::Damage(_)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_headers_and_keys_counts_for_a_batch() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    for _ in 0..30 {
        line.send(header("large", &[7; 100_000]), b"", 1);
    }
    line.offsets();
    let options = ScanOptions::new(200_000);
    let mut reader = bed.scan_with(Start::Earliest, options).await.unwrap();
    let mut seen = 0;
    while seen < 30 {
        let next = reader.next().await.unwrap();
        assert!(matches!(&next, Scanned::Foreign(it) if it.bytes() > 100_000));
        let more = reader.pending.len();
        assert!(more < 2, "{} of them in one batch", more + 1);
        seen += 1 + more;
        reader.pending = Vec::new().into_iter();
    }
}
