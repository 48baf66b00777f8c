//! No check is idle, and none cries wolf.

use super::plants::plants;
use super::script::Script;
use crate::history::{Check, Checks, History, check};

fn history(plant: fn(&mut Script, bool), broken: bool) -> History {
    let mut script = Script::default();
    plant(&mut script, broken);
    script.history()
}

#[test]
fn every_sound_history_passes() {
    for (name, _, plant) in plants() {
        let violations = check(&history(*plant, false), &Checks::all());
        assert!(violations.is_empty(), "{name}: {}", violations[0]);
    }
}

#[test]
fn every_planted_violation_is_found_by_its_check_and_by_no_other() {
    for (name, expected, plant) in plants() {
        let history = history(*plant, true);
        let violations = check(&history, &Checks::all());
        assert!(!violations.is_empty(), "{name}: not found in\n{history}");
        for violation in &violations {
            assert_eq!(violation.check, *expected, "{name}: {violation}");
        }
        let alone = check(&history, &Checks::all().only(*expected));
        assert_eq!(alone, violations, "{name}");
    }
}

#[test]
fn every_check_that_is_switched_off_lets_its_plants_through() {
    for (name, expected, plant) in plants() {
        let off = Checks::all().without(expected.name().parse().unwrap());
        let violations = check(&history(*plant, true), &off);
        assert!(violations.is_empty(), "{name}: {}", violations[0]);
    }
    for check in Check::ALL {
        assert!(
            plants().any(|(_, it, _)| it == check),
            "nothing is planted for {check}"
        );
    }
}

#[test]
fn the_piece_that_is_reported_is_small_and_is_itself_a_violation() {
    for (name, _, plant) in plants() {
        for violation in check(&history(*plant, true), &Checks::all()) {
            assert!(violation.events.len() <= 9, "{name}: {violation}");
            let piece = History::new(violation.events.clone()).unwrap();
            let again = check(&piece, &Checks::all().only(violation.check));
            assert!(
                again.iter().any(|it| it.says == violation.says),
                "{name}: {violation}"
            );
            // None of its events can be left out.
            for left_out in 0..violation.events.len() {
                let mut fewer = violation.events.clone();
                fewer.remove(left_out);
                let fewer = History::new(fewer).unwrap();
                let less = check(&fewer, &Checks::all().only(violation.check));
                assert!(
                    less.iter().all(|it| it.says != violation.says),
                    "{name}: {violation}"
                );
            }
        }
    }
}

#[test]
fn a_report_names_the_promise_and_the_events() {
    let (_, _, plant) = plants().next().unwrap();
    let violations = check(&history(*plant, true), &Checks::all());
    let text = violations[0].to_string();
    assert_eq!(
        text,
        "lost: message 0.30.0 is acknowledged at lsn 0, and scan 0.90 passes it without a word\n  \
         the promise: an acknowledged message is delivered by every later scan from at or before it, until it is \
         truncated (invariant 3)\n  \
         0.10 open-called channel=log access=write keys=16777216/600000\n  \
         0.30 append-called handle=0.10 message=7\n  \
         0.50 append-answered call=0.30 place=file:000000000000000a/0/262144000/1.0\n  \
         0.90 scan-called handle=0.10 from=earliest until=tail\n  \
         0.110 delivered scan=0.90 key=0.60.0 place=file:0000000000000014/1/262406144/1.0 message=7\n"
    );
}

#[test]
fn a_name_that_is_no_check_is_refused_with_the_names_that_are() {
    let error = "lots".parse::<Check>().unwrap_err().to_string();
    assert!(error.contains("lost, doubled"), "{error}");
}
