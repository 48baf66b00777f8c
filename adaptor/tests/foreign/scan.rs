//! What a scan tells of them.

use walx_core::{End, Entry, GapReason, Lsn, Position, Progress, ScanOption, Seq};
use walx_impls::{Batch, Claim, Header, Kind, Record};

use super::common::{Rig, filled, message, rest, scan_all, take, tiny, within};
use super::{log, told};

#[tokio::test]
async fn a_run_of_them_is_one_gap_between_its_neighbours() {
    let rig = log().await;
    let reader = rig.reader().await;
    let all = scan_all(&*reader, ScanOption::earliest()).await;
    // The Release lies between the last two runs.
    let expected = ["(1)", "0", "(2)", "1", "2", "(1)", "3", "(3)", "(2)"];
    assert_eq!(told(&all), expected);
    let (Entry::Gap(gap), Some(before), Some(behind)) = (&all[2], all[1].place(), all[3].place())
    else {
        panic!("{all:?}")
    };
    assert_eq!((gap.after, gap.before), (Some(before.id), Some(behind.id)));
    assert!(all[2].token().is_none() && all[2].place().is_none());
    let Entry::Gap(last) = &all[8] else {
        panic!("{all:?}")
    };
    assert_eq!(last.before, None, "the log ends in it");

    let raw = scan_all(&*reader, ScanOption::earliest().with_foreign(true)).await;
    let expected = [
        "[a]", "0", "[b]", "[c]", "1", "2", "[d]", "3", "[e]", "[f]", "[g]", "[h]", "[i]",
    ];
    assert_eq!(told(&raw), expected);
    let ids = raw.iter().map(|it| match it {
        Entry::Foreign(it) => it.id,
        other => other.place().unwrap().id,
    });
    assert!(ids.is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn a_scan_tells_what_lies_between_its_start_and_its_end() {
    let rig = log().await;
    let reader = rig.reader().await;
    let all = scan_all(&*reader, ScanOption::earliest()).await;
    let id = |at: usize| all[at].place().unwrap().id;
    let tick = |at: usize| all[at].place().unwrap().tick;
    let raw = scan_all(&*reader, ScanOption::earliest().with_foreign(true)).await;
    let Entry::Foreign(c) = &raw[3] else {
        panic!("{raw:?}")
    };
    let lsn = Lsn::new(1);
    for (from, until, expected) in [
        (
            Position::Lsn(lsn),
            End::Tail,
            &["1", "2", "(1)", "3", "(3)", "(2)"][..],
        ),
        (
            Position::Tick(tick(4)),
            End::Lsn(Lsn::new(3)),
            &["2", "(1)", "3"],
        ),
        (
            Position::Last(2),
            End::Tail,
            &["2", "(1)", "3", "(3)", "(2)"],
        ),
        (Position::At(id(1)), End::Id(id(3)), &["0", "(2)", "1"]),
        (Position::After(id(1)), End::Lsn(lsn), &["(2)", "1"]),
        (Position::At(c.id), End::Lsn(lsn), &["(1)", "1"]),
        (Position::After(c.id), End::Lsn(lsn), &["1"]),
        (Position::Earliest, End::Id(c.id), &["(1)", "0", "(2)"]),
        (Position::Earliest, End::Tick(tick(1)), &["(1)", "0"]),
        (Position::Latest, End::Tail, &[]),
    ] {
        let option = ScanOption::new(from).until(until);
        let scanner = reader.scan(option.clone()).await.unwrap();
        assert_eq!(told(&rest(scanner).await), expected, "{from:?} {until:?}");
    }
    for (from, expected) in [
        (
            Position::Lsn(lsn),
            &["1", "2", "[d]", "3", "[e]", "[f]", "[g]", "[h]", "[i]"][..],
        ),
        (Position::Last(1), &["3", "[e]", "[f]", "[g]", "[h]", "[i]"]),
        (
            Position::At(c.id),
            &[
                "[c]", "1", "2", "[d]", "3", "[e]", "[f]", "[g]", "[h]", "[i]",
            ],
        ),
        (Position::Latest, &[]),
    ] {
        let option = ScanOption::new(from).with_foreign(true);
        assert_eq!(
            told(&scan_all(&*reader, option).await),
            expected,
            "{from:?}"
        );
    }
}

#[tokio::test]
async fn a_token_leads_to_what_lies_behind_its_message() {
    let rig = log().await;
    let reader = rig.reader().await;
    for raw in [false, true] {
        let option = ScanOption::earliest().with_foreign(raw);
        let whole = told(&scan_all(&*reader, option.clone()).await);
        for taken in 1..whole.len() {
            let mut scanner = reader.scan(option.clone().until(End::Tail)).await.unwrap();
            take(&mut scanner, taken).await;
            let Some(token) = scanner.token() else {
                continue;
            };
            let from = whole[..taken]
                .iter()
                .rposition(|it| !it.contains(['(', '[']));
            let option = ScanOption::new(Position::Resume(token)).with_foreign(raw);
            let resumed = told(&scan_all(&*reader, option).await);
            assert_eq!(resumed, whole[from.unwrap() + 1..], "behind {taken}");
        }
    }
}

#[tokio::test]
async fn a_missing_seq_beside_them_is_told_as_well() {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 2, tiny()).await;
    drop(wal);
    rig.foreign("x");
    let opener = rig.store.opener();
    let backend = opener.open(&rig.channel, Claim::TakeOver).await.unwrap();
    let last = places[1];
    let header = Header::new(Kind::Data, last.owner, last.tick.next());
    let record = Record::marker(header.numbered(Seq::new(5), Lsn::new(5)));
    backend.append(Batch::One(record)).await.unwrap();
    rig.foreign("y");

    let reader = rig.reader().await;
    let all = scan_all(&*reader, ScanOption::earliest()).await;
    let reasons = all.iter().filter_map(|it| match it {
        Entry::Gap(gap) => Some((gap.reason, gap.seqs)),
        _ => None,
    });
    let lost = Some((Seq::new(2), Seq::new(5)));
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [
            (GapReason::Foreign, None),
            (GapReason::Lost, lost),
            (GapReason::Foreign, None)
        ]
    );
}

#[tokio::test]
async fn a_channel_that_has_nothing_else_is_an_empty_one() {
    let rig = Rig::new();
    rig.open().await.close().await.unwrap();
    let newest = rig.open().await.tail().await.unwrap().id.unwrap();
    let rig = Rig::new();
    rig.foreign("a");
    rig.foreign("b");
    let wal = within(rig.open()).await;
    assert_eq!(wal.append(message(0)).await.unwrap().lsn, Lsn::ZERO);
    assert!(newest < wal.tail().await.unwrap().id.unwrap());
    let seen = told(&scan_all(&*rig.reader().await, ScanOption::earliest()).await);
    assert_eq!(seen, ["(2)", "0"]);

    let rig = Rig::new();
    // The channel is there, and no record of walx is.
    let backend = rig.store.opener();
    drop(backend.open(&rig.channel, Claim::TakeOver).await.unwrap());
    let reader = rig.reader().await;
    assert!(scan_all(&*reader, ScanOption::earliest()).await.is_empty());
    rig.foreign("a");
    for raw in [false, true] {
        let option = ScanOption::earliest().with_foreign(raw);
        let expected = if raw { "[a]" } else { "(1)" };
        assert_eq!(told(&scan_all(&*reader, option).await), [expected]);
    }
    let verified = rig.opener.verify(None, &Progress::default()).await.unwrap();
    assert_eq!(
        (verified.channels[0].foreign, verified.is_sound()),
        (1, true)
    );
}
