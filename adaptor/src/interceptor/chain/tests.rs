use walx_core::{ChannelInfo, ChannelName, Lsn, Message, MessageId, Owner, Place, Seq, Term, Tick};

use super::*;
use crate::interceptor::{Chaos, Checksum, Compression, Encryption, Key, KeyRing, Trace};

type Hook = Arc<dyn Interceptor>;

/// A user's hook.
struct House;

impl Interceptor for House {
    fn name(&self) -> &'static str {
        "house"
    }
}

fn hook(name: &str) -> Hook {
    match name {
        "trace" => Arc::new(Trace::new()),
        "checksum" => Arc::new(Checksum::new()),
        "lz4" => Arc::new(Compression::lz4()),
        "encryption" => Arc::new(Encryption::new(
            KeyRing::new("a", Key::new([1; 32])).unwrap(),
        )),
        "chaos" => Arc::new(Chaos::new()),
        _ => Arc::new(House),
    }
}

fn order(names: &[&str]) -> std::result::Result<(), String> {
    let hooks: Vec<_> = names.iter().map(|name| hook(name)).collect();
    check_order(&hooks).map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.to_string()
    })
}

#[test]
fn hooks_of_users_stand_anywhere_among_plain_messages() {
    for names in [
        &[][..],
        &["house", "house"],
        &["trace", "checksum", "lz4", "encryption", "chaos"],
        &["house", "trace", "house", "checksum", "chaos"],
        &["house", "encryption"],
        &["trace", "house"],
    ] {
        assert_eq!(order(names), Ok(()), "{names:?}");
    }
}

#[test]
fn a_wrong_order_is_told_with_the_right_one() {
    let rule = "the order is trace, limit, checksum, compression, encryption, chaos, and hooks of your own stand \
                before checksum";
    for (names, why, right) in [
        (
            &["encryption", "lz4"][..],
            "the hook 'lz4' stands behind encryption, but belongs before it",
            "lz4, encryption",
        ),
        (
            &["lz4", "trace", "house", "checksum"],
            "the hook 'trace' stands behind compression, but belongs before it",
            "trace, house, checksum, lz4",
        ),
        (
            &["lz4", "lz4"],
            "the chain has two hooks for compression; leave one of them out",
            "lz4",
        ),
        (
            &["chaos", "house"],
            "the hook 'house' stands behind chaos, where it would see what is stored",
            "house, chaos",
        ),
    ] {
        let expected = format!(
            "invalid input: {why}; {rule} (chain: {}, right: {right})",
            names.join(", ")
        );
        assert_eq!(order(names), Err(expected));
        let right: Vec<_> = right.split(", ").collect();
        assert_eq!(order(&right), Ok(()), "what it calls right is right");
    }
}

fn placed(message: Message) -> PlacedMessage {
    let place = Place::new(
        MessageId::new(walx_core::BackendName::constant("memory"), &[7]).unwrap(),
        Lsn::new(5),
        Tick::ZERO,
        Owner::new(Term::FIRST),
    );
    PlacedMessage::new(place, message, Seq::new(6), None)
}

fn undone(message: Message) -> Result<Message> {
    let channel = ChannelInfo::read_only(ChannelName::new("orders").unwrap());
    let mut placed = placed(message);
    let undo = Undo::new(Arc::from([]));
    undo.scan(&ScanContext::new(&channel), &mut placed)?;
    Ok(placed.message)
}

#[test]
fn what_a_newer_version_has_done_is_named_and_not_delivered() {
    for (name, value, says) in [
        ("walx.padding", &b"x"[..], "(interceptor: padding, lsn: 5)"),
        (
            "walx.compression",
            &[9, 1],
            "(interceptor: compression, lsn: 5)",
        ),
        (
            "walx.compression",
            &[1, 99, 0, 0, 0, 0, 0, 0, 0, 1],
            "or one with the feature 'zstd'",
        ),
        (
            "walx.compression",
            &[],
            "(interceptor: compression, lsn: 5)",
        ),
        (
            "walx.encryption",
            &[1, 2],
            "(interceptor: encryption, lsn: 5)",
        ),
        (
            "walx.encryption",
            &[2; 20],
            "(interceptor: encryption, lsn: 5)",
        ),
    ] {
        let message = Message::new("x").with_property(name, value.to_vec());
        let error = undone(message).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    let plain = Message::new("x").with_property("walxy", "y");
    assert_eq!(undone(plain.clone()).unwrap(), plain);
}
