//! Golden bytes: what stands in the files is frozen.

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use walx_utility::spawn;

use crate::acked::Acked;
use crate::frame::{FrameHeader, Line, bind, kind};
use crate::manifest::{ChannelLine, Manifest, Seal};
use crate::segment::{Head, SegmentHeader};
use crate::summary::Summary;
use crate::walk::Spot;

const UUID: [u8; 16] = *b"0123456789abcdef";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn segment() -> SegmentHeader {
    SegmentHeader {
        uuid: UUID,
        number: 2,
        epoch: 3,
        first_serial: 5,
        previous_end: 4,
        previous_crc: 6,
    }
}

#[test]
fn a_segment_header_keeps_its_bytes() {
    let block = segment().encode();
    assert_eq!(block.len(), 4_096);
    assert_eq!(
        hex(&block[..72]),
        "57414c5853454731010000000000000030313233343536373839616263646566020000000000000003000000000000000500000000000000\
         04000000000000000600000000000000"
    );
    assert!(block[72..4_092].iter().all(|byte| *byte == 0));
    assert_eq!(hex(&block[4_092..]), "8ee3301c");
    assert!(matches!(SegmentHeader::decode(&block), Head::Sound(header) if header == segment()));
}

#[test]
fn a_frame_keeps_its_bytes() {
    let seed = segment().seed();
    let mut dir = Vec::new();
    for (serial, number, bytes) in [(5, 300, &b"hello"[..]), (6, 301, b"")] {
        Line {
            channel: 1,
            number,
            len: bytes.len(),
            crc: bind(crc32c::crc32c(bytes), serial),
        }
        .put(&mut dir);
    }
    let mut header = FrameHeader::new(kind::RECORDS, &dir, 5, 2);
    (header.previous, header.first_serial, header.acked) = (6, 5, 4);
    let bytes = header.encode(seed, 4_096);
    assert_eq!(
        hex(&bytes),
        "575846520101000010000000050000000200000006000000050000000000000004000000000000009c42001747f4c327"
    );
    assert_eq!(hex(&dir), "01ac0205a68960cf01ad0200a9ca4d3f");
    assert_eq!(FrameHeader::decode(&bytes, seed, 4_096), Some(header));
    assert_eq!(
        FrameHeader::decode(&bytes, seed, 4_104),
        None,
        "a frame verifies at its place only"
    );
}

#[test]
fn a_footer_keeps_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut summary = Summary::default().following(5);
    summary.add(1, 300, 5, (5, 4_096), || Some((Some(9), 77)));
    summary.add(1, 301, 0, (5, 4_096), || Some((Some(10), 78)));
    summary.add(2, 0, 8, (5, 4_096), || Some((None, 79)));
    summary.end_serial = 8;
    let file = Arc::new(std::fs::File::create_new(dir.path().join("x")).unwrap());
    let segment = crate::segment::Segment {
        header: segment(),
        file,
        path: dir.path().into(),
    };
    let footer = crate::footer::encode(
        &summary,
        &segment,
        Spot {
            offset: 8_192,
            serial: 8,
            chain: Some(7),
        },
        5,
    );
    assert_eq!(footer.len() % 8, 0);
    assert_eq!(
        hex(&footer),
        "57584652010200002000000010000000000000000700000008000000000000000500000000000000326491e999c7143e05080201ac02ae02020502000101080201ac020580200a4d0200058020004f00002000000000000057414c58454e4431"
    );
    let back = Summary::decode(&summary.encode()).unwrap();
    assert_eq!(
        (back.channels, back.index),
        (summary.channels, summary.index)
    );
}

#[test]
fn a_manifest_keeps_its_bytes() {
    let mut manifest = Manifest::new(UUID);
    manifest.first_segment = Some(1);
    manifest.floor = 7;
    manifest.clean = Some(Seal {
        segment: 2,
        offset: 4_096,
        serial: 9,
    });
    manifest.channels.insert(
        0,
        ChannelLine {
            name: "a".into(),
            from: 3,
            next: 9,
            opens: 2,
        },
    );
    let bytes = manifest.encode().unwrap();
    assert_eq!(
        hex(&bytes[..32]),
        "57414c584d414e3101000000b0000000000000000000000079ac599500000000"
    );
    assert_eq!(
        std::str::from_utf8(&bytes[32..]).unwrap(),
        r#"{"uuid":"30313233343536373839616263646566","first_segment":1,"floor":7,"clean":{"segment":2,"offset":4096,"serial":9},"channels":{"0":{"name":"a","from":3,"next":9,"opens":2}}}"#
    );
    assert_eq!(manifest.uuid(), UUID);
}

#[test]
fn a_large_manifest_grows_its_file_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = Manifest::new(UUID);
    for number in 0..3_000 {
        let name = format!("channel-with-a-name-{number}");
        manifest.channels.insert(
            number,
            ChannelLine {
                name,
                from: 0,
                next: 0,
                opens: 0,
            },
        );
        if number % 1_000 == 0 {
            manifest.store(dir.path()).unwrap();
        }
    }
    manifest.store(dir.path()).unwrap();
    manifest.store(dir.path()).unwrap();
    assert_eq!(Manifest::load(dir.path()).unwrap().unwrap(), manifest);
    let sizes =
        crate::manifest::NAMES.map(|name| std::fs::metadata(dir.path().join(name)).unwrap().len());
    assert!(
        sizes
            .iter()
            .all(|size| size.is_power_of_two() && *size > 64 << 10),
        "{sizes:?}"
    );

    // A torn write of the next generation leaves the one before.
    let before = manifest.clone();
    let files = || crate::manifest::NAMES.map(|name| std::fs::read(dir.path().join(name)).unwrap());
    let old = files();
    manifest.floor = 99;
    manifest.store(dir.path()).unwrap();
    assert_eq!(Manifest::load(dir.path()).unwrap().unwrap().floor, 99);
    for (name, (old, new)) in crate::manifest::NAMES.iter().zip(old.iter().zip(&files())) {
        let torn = [&new[..100], &old[100..]].concat();
        std::fs::write(dir.path().join(name), torn).unwrap();
    }
    assert_eq!(Manifest::load(dir.path()).unwrap().unwrap(), before);
}

#[tokio::test]
async fn a_manifest_that_is_on_its_way_is_waited_for() {
    const ROUNDS: u64 = 20;
    let dir = super::scratch();
    let mut manifest = Manifest::new(UUID);
    manifest.store(dir.path()).unwrap();
    let mut newest = 0;
    for floor in 1..=ROUNDS {
        manifest.floor = floor;
        manifest.store(dir.path()).unwrap();
        let name = crate::manifest::NAMES[(manifest.generation() % 2) as usize];
        let file = dir.path().join(name);
        let whole = std::fs::read(&file).unwrap();
        let mut torn = whole.clone();
        torn[40] ^= 1;
        std::fs::write(&file, torn).unwrap();
        let write = spawn::blocking(move || {
            std::thread::park_timeout(Duration::from_millis(1));
            std::fs::OpenOptions::new()
                .write(true)
                .open(&file)
                .and_then(|file| file.write_all_at(&whole, 0))
                .unwrap();
        });
        let read = Manifest::load(dir.path()).unwrap().unwrap();
        assert!(read.floor == floor || read.floor + 1 == floor);
        newest += u64::from(read.floor == floor);
        write.await.unwrap();
    }
    // How long a write takes is the system's choice, so one or the other may be given up.
    assert!(newest > ROUNDS / 2, "{newest} of {ROUNDS} were waited for");
}

#[test]
fn acked_keeps_its_bytes() {
    let acked = Acked {
        uuid: UUID,
        incarnation: 1,
        acked: 9,
        durable: 8,
        segment: 2,
        offset: 4_096,
        boot: 5,
    };
    assert_eq!(
        hex(&acked.encode()),
        "5758414b01000000303132333435363738396162636465660100000000000000090000000000000008000000000000000200000000000000001000000000000005000000000000000000000080e4f9ee"
    );
    assert_eq!(Acked::decode(&acked.encode()), Some(acked));
    let mut torn = acked.encode();
    torn[33] ^= 1;
    assert_eq!(Acked::decode(&torn), None);
}
