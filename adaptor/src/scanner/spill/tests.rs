use proptest::prelude::*;
use walx_core::{Lsn, Message, MessageId, Owner, Place, Seq, Term, Tick};

use super::*;

const FILE: BackendName = BackendName::constant("file");

fn placed(number: u64, message: Message, oldest_open: Option<u64>) -> PlacedMessage {
    let id = MessageId::from_u64(FILE, number);
    let mut owner = Owner::new(Term::new(number));
    owner.incarnation = 7;
    let place = Place::new(id, Lsn::new(number), Tick::new(number), owner);
    PlacedMessage::new(place, message, Seq::new(number), oldest_open.map(Seq::new))
}

proptest! {
    #[test]
    fn a_message_comes_back_as_it_was_and_no_cut_of_it_is_taken_for_another_one(
        number in 0_u64..u64::MAX,
        payload: Vec<u8>,
        properties: Vec<(String, Vec<u8>)>,
        key: Option<Vec<u8>>,
        exclusive: bool,
        oldest in proptest::option::of(0_u64..u64::MAX),
        cut: prop::sample::Index,
    ) {
        let mut message = Message::new(payload);
        message.properties = properties.into_iter().collect();
        message.idempotency_key = key.map(Into::into);
        message.exclusive = exclusive;
        let placed = placed(number, message, oldest);
        let mut bytes = Vec::new();
        codec::encode(&placed, &mut bytes);
        let head = bytes.len() - placed.message.payload.len();
        let decoded = codec::decode(FILE, bytes.clone().into());
        prop_assert_eq!(decoded.as_ref(), Some(&placed));
        bytes.truncate(cut.index(head));
        prop_assert_eq!(codec::decode(FILE, bytes.into()), None);
    }
}

#[test]
fn messages_are_read_in_any_order_and_the_directory_shows_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut spill = Spilling::new(directory.path().into()).create().unwrap();
    let all = (0..50).map(|i| placed(i, Message::new(i.to_string()), None));
    let all: Vec<_> = all.collect();
    all.iter().for_each(|body| spill.push(body).unwrap());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    for i in [49, 0, 7, 7, 30] {
        assert_eq!(spill.read(i).unwrap().as_ref(), Some(&all[i]));
    }
    assert!(spill.read(50).is_err());
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let error = Spilling::new(missing.clone()).create().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains(&*missing.to_string_lossy()));
}
