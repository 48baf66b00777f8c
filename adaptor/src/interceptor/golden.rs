//! What is stored stays readable: messages as the first version of each hook wrote them.

use std::sync::Arc;

use walx_core::{
    BackendName, ChannelInfo, ChannelName, Interceptor, Lsn, Message, MessageId, Owner, Place,
    PlacedMessage, ScanContext, Seq, Term, Tick, VirtualChannel,
};

use super::{Encryption, Key, KeyRing, Undo};

const CHECKSUM: &str = "55d4b769";
const COMPRESSED: (&str, &str) = ("010100000000000003e8", "1f070100ffffffd160070707070707");
const ENCRYPTED: (&str, &str) = (
    "0113f417e02f6b67aaf84239b932303236",
    "e4562d97b7af2d872b47e453f4d1299278ac817c14dd904e4ffc1bb0d3deb9c74b09d7a465d96f",
);

fn message(payload: Vec<u8>) -> Message {
    Message::new(payload)
        .with_property("a", "1")
        .with_virtual_channel(VirtualChannel::new("left").unwrap())
        .with_idempotency_key("key")
}

fn read(message: Message) -> Message {
    let place = Place::new(
        MessageId::from_u64(BackendName::constant("memory"), 0),
        Lsn::ZERO,
        Tick::ZERO,
        Owner::new(Term::new(7)),
    );
    let mut placed = PlacedMessage::new(place, message, Seq::ZERO, None);
    let ring = KeyRing::new("2026", Key::new([7; 32])).unwrap();
    let hook: Arc<dyn Interceptor> = Arc::new(Encryption::new(ring).allow_plain());
    let channel = ChannelInfo::read_only(ChannelName::new("orders").unwrap());
    let undo = Undo::new(Arc::from([hook]));
    undo.scan(&ScanContext::new(&channel), &mut placed).unwrap();
    placed.message
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|it| it.to_digit(16).unwrap()).collect();
    digits
        .chunks(2)
        .map(|it| (it[0] * 16 + it[1]) as u8)
        .collect()
}

#[test]
fn a_checksum_covers_what_it_covered() {
    let plain = message(b"paid".to_vec());
    let stored = plain
        .clone()
        .with_property("walx.checksum", bytes(CHECKSUM));
    assert_eq!(read(stored), plain);
}

#[test]
fn a_compressed_message_is_the_one_it_was() {
    let (mark, payload) = COMPRESSED;
    let stored = message(bytes(payload)).with_property("walx.compression", bytes(mark));
    assert_eq!(read(stored), message(vec![7; 1000]));
}

#[test]
fn an_encrypted_message_is_the_one_it_was() {
    let (mark, payload) = ENCRYPTED;
    let stored = message(bytes(payload)).with_property("walx.encryption", bytes(mark));
    assert_eq!(read(stored), message(b"the secret of the house".to_vec()));
}
