use super::UUID;
use crate::acked::Acked;
use crate::footer as last;
use crate::frame::{ALIGN, FrameHeader, HEADER, Line, Seed, directory, kind};
use crate::segment::{self, BLOCK, Head, SegmentHeader};
use crate::summary::Summary;
use crate::varint;

/// The first block of a segment, a slot of `ACKED`, or numbers, whatever the bytes are.
pub fn head(bytes: &[u8]) -> bool {
    let mut block = bytes.to_vec();
    block.resize(BLOCK as usize, 0);
    let begun = segment_header(&block);
    seal(&mut block, segment::MAGIC);
    let known = segment_header(&block).unwrap_or_default();

    let mut slot = bytes.to_vec();
    let magic = Acked::default().encode();
    slot.resize(magic.len(), 0);
    let acked = acked_slot(&slot);
    seal(&mut slot, &magic[..4]);
    let sealed = acked_slot(&slot);
    numbers(bytes);
    known || sealed || acked || begun.unwrap_or_default()
}

/// Whether it is of this version; `None` where it is damaged.
fn segment_header(block: &[u8]) -> Option<bool> {
    match SegmentHeader::decode(block) {
        Head::Sound(header) => {
            let again = header.encode();
            assert!(matches!(SegmentHeader::decode(&again), Head::Sound(back) if back == header));
            assert_eq!(again[..12], block[..12]);
            assert_eq!(again[16..68], block[16..68]);
            Some(true)
        }
        Head::Newer(version) => {
            assert_ne!(version, 1);
            Some(false)
        }
        Head::Damaged => None,
    }
}

fn acked_slot(slot: &[u8]) -> bool {
    let Some(acked) = Acked::decode(slot) else {
        return false;
    };
    let again = acked.encode();
    assert_eq!(Acked::decode(&again), Some(acked));
    assert_eq!(again[..68], slot[..68]);
    true
}

/// Puts the magic in front and the checksum of the rest at the end.
fn seal(bytes: &mut [u8], magic: &[u8]) {
    bytes[..magic.len()].copy_from_slice(magic);
    let end = bytes.len() - 4;
    let sum = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
}

fn numbers(mut bytes: &[u8]) {
    loop {
        let before = bytes.len();
        let Some(number) = varint::take(&mut bytes) else {
            assert_eq!(bytes.len(), before, "what is refused is left alone");
            return;
        };
        let mut shortest = Vec::new();
        varint::put(&mut shortest, number);
        assert!(shortest.len() <= before - bytes.len());
        assert_eq!(varint::take(&mut &shortest[..]), Some(number));
    }
}

/// The head of a frame, and its directory behind it.
pub fn frame(bytes: &[u8]) -> bool {
    let (seed, offset) = (Seed::new(&UUID, 1, 2), BLOCK);
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().max(HEADER), 0);
    super::image::seal_frame(&mut bytes, seed, offset, HEADER..usize::MAX);
    let Some(header) = FrameHeader::decode(&bytes, seed, offset) else {
        return false;
    };
    let elsewhere = FrameHeader::decode(&bytes, seed, offset + ALIGN);
    assert_eq!(elsewhere, None, "a frame verifies at its place only");
    assert!(header.stride() >= header.bytes() as u64 && header.stride().is_multiple_of(ALIGN));
    assert!(header.end_serial() >= header.first_serial);
    if !header.is_known() {
        return false;
    }
    let mut again = header;
    assert_eq!(again.encode(seed, offset)[..], bytes[..HEADER]);

    let dir = &bytes[HEADER..];
    let Some(lines) = directory(&header, dir) else {
        return false;
    };
    assert!(lines.capacity() <= dir.len(), "a count is believed");
    assert_eq!(lines.len(), header.count as usize);
    let body: usize = lines.iter().map(|line| line.len).sum();
    assert_eq!(body, header.body_len as usize);
    let mut again = Vec::new();
    lines.iter().for_each(|line: &Line| line.put(&mut again));
    let head = FrameHeader::new(kind::RECORDS, &again, body, header.count);
    assert_eq!(directory(&head, &again), Some(lines));
    true
}

/// What a footer says.
pub fn footer(bytes: &[u8]) -> bool {
    let summary = Summary::decode(bytes);
    if let Some(said) = &summary {
        let Some(back) = Summary::decode(&said.encode()) else {
            panic!("what was written is not read: {said:?}");
        };
        assert_eq!(&back, said);
        let next = said.following(said.end_serial);
        assert!(next.channels.keys().eq(said.channels.keys()));
        assert!(
            next.channels
                .keys()
                .all(|channel| next.span(*channel).is_none())
        );
    }
    let mut header = FrameHeader::new(kind::FOOTER, bytes, 0, 0);
    header.first_serial = summary.as_ref().map_or(0, |said| said.end_serial);
    let whole = [&[0; HEADER][..], bytes].concat();
    let fits = last::body(&header, &whole);
    assert_eq!(fits, summary);
    header.first_serial ^= 1;
    assert_eq!(last::body(&header, &whole), None, "a footer of another end");
    summary.is_some()
}
