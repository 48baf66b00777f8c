//! Random logs of transactions, chunks and streams, read from everywhere and compared with a simple model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::time::{Duration, UNIX_EPOCH};

use common::Rig;
use common::hand::{shown, stream, writer};
use common::model::{Expected, Log};
use proptest::prelude::*;
use walx_core::{Delivery, End, Lsn, MessageId, Position, ResumeToken, RoWal, ScanOption, Tick};
use walx_utility::clock;

/// Which entries lie behind a start, or before an end.
type Which<'a> = Box<dyn Fn(&Expected) -> bool + 'a>;

/// A log in its store, with the ids of its records.
struct Stored {
    log: Log,
    ids: Vec<MessageId>,
    reader: std::sync::Arc<dyn RoWal>,
}

impl Stored {
    fn header(&self, at: usize) -> &walx_core::Header {
        &self.log.hand.records[at].header
    }

    /// A start, and which entries lie behind it.
    fn starts(&self, at: usize) -> Vec<(Position, Which<'_>)> {
        let tick = self.header(at).tick;
        let lsn = self.header(at).lsn.map_or(0, Lsn::get);
        let ms = |it: &Expected| self.header(it.at).tick.unix_ms();
        let back = self.log.hand.lsn.saturating_sub(lsn);
        let time = UNIX_EPOCH + Duration::from_millis(tick.unix_ms());
        vec![
            (Position::At(self.ids[at]), Box::new(move |it| it.at >= at)),
            (
                Position::After(self.ids[at]),
                Box::new(move |it| it.at > at),
            ),
            (
                Position::Lsn(Lsn::new(lsn)),
                Box::new(move |it| it.lsn >= lsn),
            ),
            (
                Position::Tick(tick),
                Box::new(move |it| ms(it) >= tick.unix_ms()),
            ),
            (
                Position::Tick(Tick::new(tick.get() + 1)),
                Box::new(move |it| ms(it) > tick.unix_ms()),
            ),
            (
                Position::Time(time),
                Box::new(move |it| ms(it) >= tick.unix_ms()),
            ),
            (
                Position::Last(back),
                Box::new(move |it| {
                    let next = it.lsn + u64::from(it.is_message);
                    back > 0 && (back >= self.log.hand.lsn || next > lsn)
                }),
            ),
        ]
    }

    /// An end, and which entries lie before it.
    fn end(&self, kind: u8, at: usize) -> (End, Which<'_>) {
        let lsn = self.header(at).lsn.map_or(u64::MAX, Lsn::get);
        match kind % 4 {
            1 => (End::Id(self.ids[at]), Box::new(move |it| it.at <= at)),
            2 if lsn < self.log.hand.lsn => {
                (End::Lsn(Lsn::new(lsn)), Box::new(move |it| it.lsn <= lsn))
            }
            3 if self.header(at).seq.is_some() => (
                End::Tick(self.header(at).tick),
                Box::new(move |it| it.at <= at),
            ),
            _ => (End::Tail, Box::new(|_| true)),
        }
    }

    /// Scans one by one, with the tokens behind each entry.
    async fn scan(&self, option: ScanOption) -> Vec<(String, MessageId, ResumeToken)> {
        let mut scanner = self.reader.scan(option).await.unwrap();
        let mut all = Vec::new();
        loop {
            let batch = common::within(scanner.next_batch(1)).await.unwrap();
            let Some(entry) = batch.first() else {
                return all;
            };
            let (Some(place), Some(token)) = (entry.place(), scanner.token()) else {
                panic!("{entry:?}")
            };
            assert_eq!(entry.token(), Some(token));
            let token = token.to_string().parse().unwrap();
            all.push((shown(entry), place.id, token));
        }
    }
}

async fn check(steps: Vec<(u8, u8, u8)>, choice: (u8, u8, u8, bool)) {
    let (filter, end, end_at, whole) = choice;
    let mut log = Log::new(filter % 2 == 0);
    steps.into_iter().for_each(|step| log.step(step));
    let rig = Rig::new();
    let wal = writer(&rig).await;
    let ids = log.hand.append(&wal, 0).await;
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let stored = Stored { log, ids, reader };
    let wanted = ["a", "b", "c"].into_iter().take(usize::from(filter % 4));
    let wanted: Vec<_> = wanted.filter_map(stream).collect();
    let delivery = [Delivery::Raw, Delivery::Whole][usize::from(whole)];
    let expected = match delivery {
        Delivery::Whole => stored.log.whole.clone(),
        Delivery::Raw => stored.log.raw.clone(),
    };
    let is_wanted = |it: &Expected| {
        let by_all = wanted.is_empty() || it.stream.is_none();
        by_all || it.stream.as_ref().is_some_and(|it| wanted.contains(it))
    };
    let expected: Vec<_> = expected.into_iter().filter(is_wanted).collect();
    let option = |from, until| {
        let mut option = ScanOption::new(from).until(until);
        option.virtual_channels.clone_from(&wanted);
        if end_at.is_multiple_of(3) {
            // Two messages fit, and all others of open transactions are spilled.
            option = option
                .with_transaction_buffer_bytes(800)
                .with_spill(std::env::temp_dir());
        }
        option
            .with_transactions(delivery)
            .with_ticks(stored.log.ticks)
    };
    let all = stored.scan(option(Position::Earliest, End::Tail)).await;
    let ids: Vec<_> = expected.iter().map(|it| stored.ids[it.at]).collect();
    assert_eq!(all.iter().map(|it| it.1).collect::<Vec<_>>(), ids);

    let end_at = usize::from(end_at) % stored.ids.len();
    let (until, is_before_end) = stored.end(end, end_at);
    let mut starts = vec![(
        Position::Earliest,
        Box::new(|_: &Expected| true) as Which<'_>,
    )];
    for at in 0..stored.ids.len() {
        starts.extend(stored.starts(at));
    }
    // The tokens of both deliveries, whichever they are resumed with.
    for delivery in [Delivery::Whole, Delivery::Raw] {
        let option = ScanOption::earliest().with_transactions(delivery);
        for (_, id, token) in stored.scan(option.until(End::Tail)).await {
            let at = stored.ids.iter().position(|it| *it == id).unwrap();
            starts.push((
                Position::Resume(token),
                Box::new(move |it: &Expected| it.at > at),
            ));
        }
    }
    for (from, is_behind_start) in starts {
        let seen = stored.scan(option(from, until)).await;
        let seen: Vec<_> = seen.into_iter().map(|it| it.0).collect();
        let expected = expected
            .iter()
            .filter(|it| is_behind_start(it) && is_before_end(it));
        let expected: Vec<_> = expected.map(|it| it.text.clone()).collect();
        assert_eq!(
            seen, expected,
            "from {from:?} until {until:?}, {delivery:?}"
        );
    }
}

/// Follows a log while it is written, piece by piece.
async fn follow(steps: Vec<(u8, u8, u8)>, pieces: Vec<(u8, u8)>, choice: (u8, u8, bool, bool)) {
    let (start, filter, whole, evicts) = choice;
    let mut log = Log::new(true);
    steps.into_iter().for_each(|step| log.step(step));
    log.hand.plain("end", None);
    let rig = Rig::new();
    let wal = writer(&rig).await;
    let first = 1 + usize::from(start) % (log.hand.records.len() - 1);
    let (first, rest) = log.hand.records.split_at(first);
    let mut ids = Vec::new();
    wal.append_records(first, &mut ids).await;
    let mut option = rig.option();
    if evicts {
        option = option.with_cache(common::tiny());
    }
    let reader = rig.opener.open_read_only(option).await.unwrap();
    let written = ids.len();
    let (from, at) = match start % 4 {
        0 => (Position::Latest, written),
        1 => (Position::At(ids[written / 2]), written / 2),
        2 => (Position::After(ids[written / 2]), written / 2 + 1),
        _ => (Position::Earliest, 0),
    };
    let delivery = [Delivery::Raw, Delivery::Whole][usize::from(whole)];
    let mut option = ScanOption::new(from)
        .with_transactions(delivery)
        .with_ticks(true);
    option.virtual_channels = stream("a")
        .into_iter()
        .filter(|_| filter % 2 == 0)
        .collect();
    let mut scanner = reader.scan(option).await.unwrap();
    // Another one keeps the cache fed with what this one has not read yet.
    let mut other = reader.scan(ScanOption::latest()).await.unwrap();

    let mut seen = Vec::new();
    let (mut left, mut pieces) = (rest, pieces.into_iter().cycle());
    while !left.is_empty() {
        let (size, reads) = pieces.next().unwrap();
        let (piece, behind) = left.split_at((1 + usize::from(size) % 8).min(left.len()));
        left = behind;
        wal.append_records(piece, &mut ids).await;
        for _ in 0..reads % 4 {
            let batch = scanner.next_batch(1 + usize::from(reads) % 3);
            let read = clock::timeout(Duration::from_micros(200), batch).await;
            seen.extend(read.into_iter().flat_map(Result::unwrap));
            let read = clock::timeout(Duration::from_micros(50), other.next_batch(99)).await;
            let _ = read.map(Result::unwrap);
        }
    }
    while seen.last().map(shown).as_deref() != Some("end") {
        seen.extend(common::take(&mut scanner, 1).await);
    }
    let expected = match delivery {
        Delivery::Whole => &log.whole,
        Delivery::Raw => &log.raw,
    };
    let wanted = |it: &&Expected| {
        it.at >= at && (filter % 2 == 1 || it.stream.is_none() || it.stream == stream("a"))
    };
    let expected = expected.iter().filter(wanted).map(|it| it.text.clone());
    let expected: Vec<_> = expected.chain(["end".to_owned()]).collect();
    assert_eq!(
        common::hand::all_shown(&seen),
        expected,
        "from {from:?}, {delivery:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn who_follows_a_log_gets_exactly_what_the_model_says(
        steps in prop::collection::vec(any::<(u8, u8, u8)>(), 1..60),
        pieces in prop::collection::vec(any::<(u8, u8)>(), 1..20),
        choice: (u8, u8, bool, bool),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(steps, pieces, choice));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_start_and_end_delivers_exactly_what_the_model_says(
        steps in prop::collection::vec(any::<(u8, u8, u8)>(), 1..40),
        choice: (u8, u8, u8, bool),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(steps, choice));
    }
}
