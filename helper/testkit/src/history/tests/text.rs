//! The text of a history, and what several processes make of one.

use walx_core::{
    ErrorKind, Expected, GapReason, Lsn, MarkerKind, MessageId, Term, Tick, VirtualChannel,
};

use super::plants::plants;
use super::script::{Script, id, mark};
use crate::history::{
    Appended, Check, Checks, Ending, Event, EventId, Failed, History, ScanEnd, Sent, Start, Stop,
    What, check,
};

fn parses_back(history: &History) {
    let text = history.to_string();
    let back: History = text
        .parse()
        .unwrap_or_else(|error| panic!("{error} in\n{text}"));
    assert_eq!(back.events(), history.events());
}

#[test]
fn every_planted_history_parses_back() {
    for (_, _, plant) in plants() {
        for broken in [false, true] {
            let mut script = Script::default();
            plant(&mut script, broken);
            parses_back(&script.history());
        }
    }
}

#[test]
fn every_kind_of_event_parses_back() {
    let mut s = Script::default();
    let w = s.open(3);
    let call = s.open_called(true);
    for kind in [
        ErrorKind::Fenced,
        ErrorKind::Overloaded {
            retry_after: std::time::Duration::ZERO,
        },
        ErrorKind::PositionLost { earliest: None },
        ErrorKind::Denied,
    ] {
        for unknown in [false, true] {
            let answer = Err(Failed { kind, unknown });
            s.put(What::OpenAnswered { call, answer });
        }
    }
    s.call_in(w, None, &[Some("a b@%ü=/"), None]);
    let ids: [MessageId; 2] = [id(4), "pulsar:00ff".parse().unwrap()];
    for from in [
        Start::At(ids[0]),
        Start::After(ids[1]),
        Start::Tick(Tick::new(u64::MAX)),
        Start::Somewhere,
    ] {
        for until in [
            Stop::Id(ids[1]),
            Stop::Tick(Tick::ZERO),
            Stop::Lsn(Lsn::new(7)),
        ] {
            let scan = s.scan_of(w, from, until, Some("é"));
            s.gap(scan, GapReason::Lost, None);
            let failed = Failed {
                kind: ErrorKind::Corrupt,
                unknown: false,
            };
            for end in [ScanEnd::Dropped, ScanEnd::Failed(failed)] {
                s.put(What::ScanEnded { scan, end });
            }
        }
    }
    s.call_reserved(w);
    s.call_with(
        w,
        None,
        vec![Sent {
            digest: 7,
            virtual_channel: Some(VirtualChannel::new("a").unwrap()),
            key: Some(u64::MAX),
            bytes: 300,
            exclusive: true,
        }],
    );
    s.call_if(
        w,
        Expected::new()
            .with_lsn(Lsn::new(3))
            .with_term(Term::new(4)),
    );
    for how in [Ending::Commit, Ending::Rollback, Ending::Drop] {
        let transaction = s.begin(w);
        let call = s.put(What::EndCalled { transaction, how });
        for answer in [Appended::Dropped, Appended::Acknowledged(vec![mark(3)])] {
            s.put(What::EndAnswered { call, answer });
        }
    }
    s.tick(w, mark(2));
    for tick in [None, Some(Tick::new(5))] {
        s.newest(w, tick);
    }
    let scan = s.scan_raw(w);
    let body = s.call(w);
    s.deliver_whole(scan, (5, mark(1)), &[(body, 0)]);
    for kind in [
        MarkerKind::Begin,
        MarkerKind::Commit { count: 3 },
        MarkerKind::Rollback { expired: false },
        MarkerKind::Rollback { expired: true },
    ] {
        s.mark(scan, kind, mark(2), Some(4));
    }
    s.mark(scan, MarkerKind::Tick, mark(2), None);
    s.truncate_through(Some(w), id(1));
    s.put(What::After { point: w });
    s.put(What::PowerLost);
    parses_back(&s.history());
    let named = VirtualChannel::new("a b@%ü=/").unwrap();
    assert!(s.events.iter().any(|event| matches!(&event.what,
        What::AppendCalled { messages, .. } if messages[0].virtual_channel.as_ref() == Some(&named))));
}

#[test]
fn a_line_that_was_cut_by_a_kill_is_left_out_and_a_wrong_one_is_named() {
    let mut s = Script::default();
    s.open(1);
    let text = s.history().to_string();
    for cut in 0..text.len() {
        let history: History = text[..cut].parse().unwrap();
        assert_eq!(history.events().len(), text[..cut].matches('\n').count());
    }
    for line in [
        "0.1",
        "0.1 nothing",
        "x.1 power-lost",
        "0.1 open-called channel=log",
        "0.1 append-answered call=0.0 place=file:00/1/2",
        "0.1 end-called transaction=0.0 commit rollback",
        "0.1 scan-ended scan=0.0",
    ] {
        let error = line.parse::<Event>().unwrap_err();
        assert!(error.to_string().contains(line), "{error}");
    }
}

/// Two owners in two processes, of which the first one goes on.
fn two_processes(link: impl Fn(&mut Script, EventId)) -> Vec<Event> {
    let mut s = Script::default();
    s.process(2);
    s.open(2);
    let opened = s.events[1].id;
    s.process(1);
    let w = s.open(1);
    link(&mut s, opened);
    s.append(w, 1, 0);
    s.events
}

#[test]
fn calls_of_two_processes_are_ordered_only_where_one_says_so() {
    let histories = |events: Vec<Event>| {
        [1, 2].map(|process| {
            let own = events.iter().filter(|event| event.id.process == process);
            History::new(own.cloned().collect()).unwrap()
        })
    };
    let checks = Checks::all().only(Check::TwoOwners);
    let unordered = History::merge(histories(two_processes(|_, _| ()))).unwrap();
    assert_eq!(check(&unordered, &checks), []);
    let told = two_processes(|s, point| {
        s.put(What::After { point });
    });
    let ordered = History::merge(histories(told.clone())).unwrap();
    assert_eq!(check(&ordered, &checks).len(), 1);
    let mut ended = told;
    for event in &mut ended {
        if let What::After { .. } = event.what {
            event.what = What::Ended { process: 2 };
        }
    }
    let ended = History::merge(histories(ended)).unwrap();
    assert_eq!(check(&ended, &checks).len(), 1);
}

#[test]
fn histories_that_wait_for_each_other_or_share_a_number_are_refused() {
    let after = |process, other| Event {
        id: EventId { process, number: 1 },
        what: What::After {
            point: EventId {
                process: other,
                number: 1,
            },
        },
    };
    let error = History::new(vec![after(1, 2), after(2, 1)]).unwrap_err();
    assert!(error.to_string().contains("wait for each other"), "{error}");
    let error = History::new(vec![after(1, 1), after(1, 1)]).unwrap_err();
    assert!(error.to_string().contains("a number of its own"), "{error}");
}

#[test]
fn what_the_store_may_lose_is_no_violation() {
    let lost = |what: What| {
        let mut s = Script::default();
        s.process(1);
        let w = s.open(1);
        s.append(w, 1, 0);
        s.process(0);
        s.put(What::Ended { process: 1 });
        s.put(what);
        let w = s.open(1);
        s.read(w, []);
        s.append(w, 1, 0);
        s.history()
    };
    let power = lost(What::PowerLost);
    let capability = walx_core::Capability::new(1000);
    let with = |durability| Checks::of(&capability.with_durability(durability));
    use walx_core::Durability::{Interval, None, OperatingSystem, Replicated, Synced};
    for durability in [None, OperatingSystem, Interval(std::time::Duration::MAX)] {
        assert_eq!(check(&power, &with(durability)), [], "{durability}");
    }
    for durability in [Synced, Replicated] {
        let found = check(&power, &with(durability));
        assert!(
            found.iter().any(|it| it.check == Check::Lost),
            "{durability}"
        );
    }
    let killed = lost(What::Damaged);
    assert_eq!(check(&killed, &with(None)), []);
    assert!(!check(&killed, &with(OperatingSystem)).is_empty());
}
