use super::*;
use crate::demo::ledger::chain;
use crate::demo::wire::{Acknowledged, Event};

/// Books of one line a channel that everybody delivered, and what a fresh scan finds.
async fn books() -> (Books, Tails, [Found; 2]) {
    let books = Books::new().unwrap();
    for channel in 0..2 {
        let ack = Acknowledged {
            channel,
            lsn: 0,
            hash: 7,
            at_ns: 1_000_000,
            took_us: 1_500,
        };
        books.write(Event::Given { channel, lines: 2 }).await;
        books.write(Event::Acknowledged(ack)).await;
        let mut ledger = books.ledger(channel);
        (0..ledger.readers.len()).for_each(|reader| ledger.deliver(reader, 0, 7, 3_000_000));
    }
    let found = Found {
        delivered: 1,
        gaps: 0,
        chain: chain(0, 0, 7),
    };
    (
        books,
        Tails {
            durability: "each".to_owned(),
            lsns: [1, 1],
        },
        [found; 2],
    )
}

fn verdict(books: &Books, tails: &Tails, found: &[Found; 2]) -> Verdict {
    (0..2).for_each(|channel| books.ledger(channel).close());
    Verdict::new(books, tails, found, 3, Duration::from_millis(20_040))
}

#[tokio::test]
async fn a_clean_verdict_is_a_table() {
    let (books, tails, found) = books().await;
    let verdict = verdict(&books, &tails, &found);
    assert!(verdict.is_clean());
    assert_eq!(
        verdict.to_string(),
        "durability each, 20.0 s, 3 writers killed

scanner        appended  acknowledged  in the log  delivered       lost    doubled  out of order       gaps
orders 1              2             1           1          1          0          0             0          0
orders 2              2             1           1          1          0          0             0          0
payments 1            2             1           1          1          0          0             0          0

latency in ms                p50         p99         max
append to ack              1.500       1.500       1.500
ack to delivered           2.000       2.000       2.000

clean: every acknowledged line reached every scanner, with its bytes, once, in order
"
    );
}

#[tokio::test]
async fn each_fault_alone_makes_it_unclean() {
    type Spoil = fn(&Books, &mut Tails, &mut [Found; 2]);
    let spoils: [(&str, Spoil); 9] = [
        ("payments 1: 1 lost", |books, _, _| {
            let ack = Acknowledged {
                channel: 1,
                lsn: 1,
                hash: 8,
                at_ns: 0,
                took_us: 0,
            };
            books.ledger(1).acknowledge(ack);
        }),
        ("orders 2: 1 doubled", |books, _, _| {
            books.ledger(0).deliver(1, 0, 7, 0)
        }),
        ("orders 1: 1 out of order", |books, _, _| {
            [2, 1]
                .map(|lsn| books.ledger(0).deliver(0, lsn, 7, 0))
                .into_iter()
                .collect()
        }),
        ("orders 1: 1 gaps", |books, _, _| {
            books.ledger(0).readers[0].gaps += 1
        }),
        ("orders 1: it ended early: closed", |books, _, _| {
            books.ledger(0).end(0, Some("closed".to_owned()))
        }),
        (
            "orders 1: it delivered other lines than a fresh scan",
            |_, _, found| found[0].chain += 1,
        ),
        (
            "orders: a fresh scan finds 0 of 1 lines, 0 gaps",
            |_, _, found| found[0].delivered = 0,
        ),
        (
            "payments: 3 lines in the log, 2 were appended",
            |_, tails, _| tails.lsns[1] = 3,
        ),
        (
            "orders: 1 lines got a place of an older line",
            |books, _, _| {
                books.ledger(0).acknowledge(Acknowledged {
                    channel: 0,
                    lsn: 0,
                    hash: 7,
                    at_ns: 0,
                    took_us: 0,
                });
            },
        ),
    ];
    for (fault, spoil) in spoils {
        let (books, mut tails, mut found) = books().await;
        spoil(&books, &mut tails, &mut found);
        let verdict = verdict(&books, &tails, &found);
        assert!(
            !verdict.is_clean() && verdict.to_string().contains(fault),
            "{fault}: {verdict}"
        );
    }
}

#[tokio::test]
async fn a_demo_in_which_nothing_happened_proves_nothing() {
    let tails = Tails {
        durability: "each".to_owned(),
        lsns: [0, 0],
    };
    assert!(!verdict(&Books::new().unwrap(), &tails, &[Found::default(); 2]).is_clean());
}
