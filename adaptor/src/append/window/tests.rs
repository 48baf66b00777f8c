use std::time::Duration;

use proptest::prelude::*;
use walx_core::{Chunk, Header, IdempotencyOption, Kind, Lsn, Owner, Record, Term};

use super::*;

mod model;
mod steps;

use model::{Model, OWNER, place};
use steps::steps;

proptest! {
    #[test]
    fn what_is_known_of_a_key_is_what_the_log_says(steps in steps(), bytes in 300..20_000usize) {
        let mut model = Model::new(IdempotencyOption::new(bytes, Duration::from_millis(500)));
        for step in steps {
            model.step(step);
        }
    }
}

fn data(seq: u64, key: &'static str) -> Record {
    let mut header =
        Header::new(Kind::Data, OWNER, Tick::new(seq)).numbered(Seq::new(seq), Lsn::ZERO);
    header.idempotency_key = Some(Bytes::from_static(key.as_bytes()));
    Record::marker(header)
}

fn restored(log: impl IntoIterator<Item = Record>) -> Window<u32> {
    let log: Vec<_> = log.into_iter().collect();
    let mut keys = Keys::new(IdempotencyOption::default());
    for record in log.iter().rev() {
        assert!(keys.take(place(record).id, record));
    }
    keys.into()
}

fn found(window: &mut Window<u32>, key: &'static str) -> Found {
    window.look_up(
        &None,
        &Bytes::from_static(key.as_bytes()),
        None,
        Tick::new(100),
    )
}

#[test]
fn chunks_count_from_the_log_only_where_all_of_a_message_are_there() {
    let chunk = |seq, key, index| {
        let mut record = data(seq, key);
        record.header.chunk = Some(Chunk { index, total: 3 });
        record
    };
    let mut window = restored([
        chunk(3, "begun before", 2),
        chunk(4, "whole", 0),
        chunk(5, "whole", 1),
        chunk(6, "whole", 2),
        chunk(7, "not ended", 0),
        chunk(8, "not ended", 1),
        data(9, "other"),
    ]);
    let last = chunk(6, "whole", 2);
    assert_eq!(found(&mut window, "whole"), Found::Known(place(&last)));
    assert_eq!(
        found(&mut window, "other"),
        Found::Known(place(&data(9, "other")))
    );
    assert_eq!(found(&mut window, "begun before"), Found::New);
    assert_eq!(found(&mut window, "not ended"), Found::New);
    assert_eq!(window.start_seq(Seq::new(10)), Seq::new(4));
}

#[test]
fn what_scans_drop_is_not_restored_either() {
    let overtaken = |seq, key| {
        let mut record = data(seq, key);
        record.header.owner = Owner::new(Term::new(0));
        record
    };
    let mut window = restored([
        data(1, "a"),
        overtaken(2, "late"),
        data(1, "copy"),
        data(2, "b"),
    ]);
    assert_eq!(found(&mut window, "late"), Found::New);
    assert_eq!(found(&mut window, "copy"), Found::New);
    assert_eq!(found(&mut window, "b"), Found::Known(place(&data(2, "b"))));
}

#[test]
fn what_scans_drop_behind_records_without_keys_is_not_restored_either() {
    let plain = |seq| {
        let mut record = data(seq, "");
        record.header.idempotency_key = None;
        record
    };
    let mut late = data(2, "late");
    late.header.owner = Owner::new(Term::new(0));
    let mut window = restored([plain(1), late, data(2, "b")]);
    assert_eq!(found(&mut window, "late"), Found::New);
    assert_eq!(found(&mut window, "b"), Found::Known(place(&data(2, "b"))));
}

#[test]
fn the_same_key_in_other_streams_is_another_one() {
    let mut window = restored([data(1, "a")]);
    let stream = Some(VirtualChannel::new("v").unwrap());
    let key = Bytes::from_static(b"a");
    assert_eq!(window.look_up(&stream, &key, None, Tick::ZERO), Found::New);
    assert_ne!(window.look_up(&None, &key, None, Tick::ZERO), Found::New);
}
