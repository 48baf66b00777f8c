use super::*;

#[tokio::test]
async fn foreign_records_lie_between_the_others_and_are_no_bounds() {
    let bed = Bed::new().await;
    let foreign = |payload: &'static str| bed.store.foreign(&channel(), payload);
    assert_eq!(foreign("a"), at(0));
    let bounds = bed.wal.bounds().await.unwrap();
    assert_eq!(bounds, Bounds::default().with_foreign(Some(at(0))));

    bed.append(0..1).await;
    foreign("b");
    bed.append(1..3).await;
    assert_eq!((foreign("c"), foreign("d")), (at(5), at(6)));
    let bounds = bed.wal.bounds().await.unwrap();
    let whole = Bounds::new(Some(at(1)), Some(at(4)));
    assert_eq!(bounds, whole.with_foreign(Some(at(6))));

    let mut scanner = bed.scan(Start::Earliest).await.unwrap();
    let batch = next(&mut *scanner).await.unwrap();
    let what = |scanned: &Scanned| match scanned {
        Scanned::Record(stored) => (stored.id, stored.record.payload.clone(), false),
        Scanned::Foreign(foreign) => (foreign.id, foreign.payload.clone(), true),
        other => panic!("{other:?}"),
    };
    let texts = ["a", "0", "b", "1", "2", "c", "d"];
    let expected = (0..).zip(texts).map(|(number, text)| {
        let foreign = text.parse::<u64>().is_err();
        (at(number), text.into(), foreign)
    });
    assert_eq!(
        batch.iter().map(what).collect::<Vec<_>>(),
        expected.collect::<Vec<_>>()
    );
    assert!(next(&mut *scanner).now_or_never().is_none());
    foreign("e");
    assert_eq!(next(&mut *scanner).await.unwrap().len(), 1, "it was woken");
}

#[tokio::test]
async fn the_last_records_are_counted_and_marks_found_without_foreign_ones() {
    let bed = Bed::new().await;
    let foreign = || bed.store.foreign(&channel(), "x");
    foreign();
    for number in 0..3 {
        bed.append(number..number + 1).await;
        foreign();
    }
    // 0 x, 1 "0", 2 x, 3 "1", 4 x, 5 "2", 6 x
    for (start, first) in [
        (Start::Last(1), 5),
        (Start::Last(2), 3),
        (Start::Last(3), 1),
        (Start::Last(4), 0),
        (Start::Near(Mark::Lsn(Lsn::new(1))), 2),
        (Start::Near(Mark::Tick(Tick::new(20))), 4),
    ] {
        let mut scanner = bed.scan(start).await.unwrap();
        let batch = next(&mut *scanner).await.unwrap();
        let id = match &batch[0] {
            Scanned::Record(stored) => stored.id,
            Scanned::Foreign(foreign) => foreign.id,
            other => panic!("{other:?}"),
        };
        assert_eq!(id, at(first), "{start:?}");
    }
}

#[tokio::test]
async fn the_newest_record_is_named_though_only_foreign_ones_are_left() {
    let bed = Bed::new().await;
    bed.append(0..2).await;
    bed.store.foreign(&channel(), "x");
    bed.wal.truncate(at(1)).await.unwrap();
    let bounds = bed.wal.bounds().await.unwrap();
    let left = Bounds::new(None, Some(at(1)));
    assert_eq!(bounds, left.with_foreign(Some(at(2))));
}
