use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use walx_core::{ErrorKind, Flow, Passage};

use super::*;
use crate::clock::{self, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn rate(bytes: u64) -> Rate {
    Rate::new(bytes).unwrap()
}

fn slow(mib: f64) -> FlowState {
    FlowState::SlowDown(rate((mib * f64::from(1 << 20)) as u64))
}

fn rejects(state: FlowState) -> bool {
    matches!(state, FlowState::Reject { .. })
}

/// The states of a controller and when each begins, in seconds from `now`, until `end` seconds from there.
fn course(controller: &mut Controller, now: Instant, end: u64) -> Vec<(u64, FlowState)> {
    let mut states = vec![(0, controller.state())];
    while let Some(due) = controller
        .due()
        .filter(|due| *due <= now + SECOND * end as u32)
    {
        controller.advance(due);
        states.push(((due - now).as_secs(), controller.state()));
    }
    states
}

#[test]
fn a_source_slows_down_step_by_step_then_rejects_and_recovers_step_by_step() {
    let now = clock::now();
    let mut controller = Controller::new(Profile::lag()).unwrap();
    controller.feel(Pressure::Rising, None, now);
    let states = course(&mut controller, now, 10_000);
    assert_eq!(states[0], (0, FlowState::Normal), "the first delay");
    assert_eq!(states[1], (30, slow(16.0)));
    assert_eq!(states[2], (60, slow(16.0 * 0.8)));
    let (rejected, last) = states[states.len() - 1];
    assert!(rejects(last));
    let (lowest, low) = states[states.len() - 2];
    assert_eq!((low, rejected - lowest), (slow(1.0), 120));
    // It goes down by a fifth each half minute, and never below the lowest.
    let rates: Vec<_> = states[1..states.len() - 1].iter().map(|it| it.1).collect();
    assert!(
        rates
            .windows(2)
            .all(|it| it[0].strictest(it[1]) == it[1] && it[0] != it[1])
    );
    assert_eq!(rates.len(), 14);

    let now = now + SECOND * 10_000;
    controller.feel(Pressure::Rising, None, now);
    assert!(
        rejects(controller.state()),
        "it rejects until it feels well"
    );
    controller.feel(Pressure::None, None, now);
    let states = course(&mut controller, now, 10_000);
    assert_eq!((states[0], states[1]), ((0, slow(2.0)), (1, slow(2.5))));
    assert_eq!(states[states.len() - 2], (60, slow(32.0)));
    assert_eq!(states[states.len() - 1], (120, FlowState::Normal));
    assert_eq!(controller.due(), None);
}

#[test]
fn slowing_down_starts_at_what_the_source_can_bear_and_recovery_where_it_was() {
    let now = clock::now();
    let mut controller = Controller::new(Profile::memory()).unwrap();
    controller.feel(Pressure::Rising, Some(Rate::mib(5)), now);
    assert_eq!(controller.state(), slow(5.0));
    controller.advance(now + SECOND * 30);
    assert_eq!(controller.state(), slow(4.0));
    controller.feel(Pressure::Steady, None, now + SECOND * 40);
    assert_eq!((controller.state(), controller.due()), (slow(4.0), None));
    controller.feel(Pressure::None, None, now + SECOND * 900);
    assert_eq!(controller.state(), slow(4.0));
    controller.feel(Pressure::Critical, None, now + SECOND * 901);
    assert!(rejects(controller.state()));
    controller.feel(Pressure::None, None, now + SECOND * 902);
    assert_eq!(controller.state(), slow(2.0));
}

#[test]
fn a_source_that_feels_well_again_before_the_first_delay_was_never_slow() {
    let now = clock::now();
    let mut controller = Controller::new(Profile::catching_up()).unwrap();
    controller.feel(Pressure::Rising, None, now);
    controller.feel(Pressure::None, None, now + SECOND * 9);
    assert_eq!(
        course(&mut controller, now, 10_000),
        [(0, FlowState::Normal)]
    );
}

#[test]
fn an_illegal_profile_is_refused_with_the_reason_and_the_former_one_stays() {
    let mut controller = Controller::new(Profile::fallback()).unwrap();
    let mut wrong = [Profile::fallback(); 6];
    wrong[0].slow_low = Rate::mib(33);
    wrong[1].slow_ratio = 1.0;
    wrong[2].slow_interval = Duration::ZERO;
    wrong[3].recovery_low = Rate::mib(65);
    wrong[4].recovery_interval = Duration::ZERO;
    wrong[5].retry_after = Duration::ZERO;
    let names = [
        "slow_low",
        "slow_ratio",
        "slow_interval",
        "recovery_low",
        "recovery_interval",
        "retry_after",
    ];
    for (profile, name) in wrong.into_iter().zip(names) {
        let error = controller.set_profile(profile, clock::now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().starts_with(name), "{error}");
        assert_eq!(*controller.profile(), Profile::fallback());
        assert!(Controller::new(profile).is_err());
    }
    assert!(
        Watermarks::new(0.9, 0.8, 1.0).is_err() && Watermarks::new(f64::NAN, 0.8, 1.0).is_err()
    );
    assert_eq!(Rate::new(0), None);
}

#[test]
fn the_profiles_with_a_name_can_be_followed() {
    let all = [
        Profile::memory(),
        Profile::lag(),
        Profile::catching_up(),
        Profile::append_rate(),
        Profile::fallback(),
    ];
    for profile in all {
        profile.check().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_strictest_source_wins_and_watches_are_told_at_once_and_on_change() {
    let control = FlowControl::new();
    let mut watch = control.watch();
    assert_eq!(watch.changed().await, FlowState::Normal);
    assert!(clock::timeout(SECOND, watch.changed()).await.is_err());
    let (memory, lag) = (control.source("memory"), control.source("lag"));
    memory.report(slow(8.0));
    lag.report(slow(9.0));
    assert_eq!(
        (control.state(), watch.changed().await),
        (slow(8.0), slow(8.0))
    );
    lag.report(slow(9.5));
    assert!(
        clock::timeout(SECOND, watch.changed()).await.is_err(),
        "nothing has changed"
    );
    lag.report(FlowState::Reject {
        retry_after: SECOND,
    });
    assert!(rejects(watch.changed().await));
    assert_eq!(control.sources()[0], ("memory".to_owned(), slow(8.0)));
    drop(lag);
    assert_eq!(watch.changed().await, slow(8.0));
    drop(memory);
    assert_eq!(watch.changed().await, FlowState::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_sources_and_the_time() {
    let control = FlowControl::new();
    let (memory, _other) = (control.source("memory"), control.source("other"));
    assert!(matches!(control.try_pass(1), Passage::Free));
    memory.report(FlowState::Reject {
        retry_after: SECOND,
    });
    let Passage::Refused(error) = control.try_pass(1) else {
        panic!("it is refused")
    };
    assert_eq!(
        error.kind(),
        ErrorKind::Overloaded {
            retry_after: SECOND
        }
    );
    assert!(
        error
            .to_string()
            .contains("because of: memory, retry after: 1s"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_of_a_change_that_lets_them_pass_earlier() {
    let control = FlowControl::new();
    let source = control.source("memory");
    source.report(FlowState::SlowDown(rate(10)));
    assert!(matches!(control.try_pass(1000), Passage::Free));
    let Passage::Wait(wait) = control.try_pass(1) else {
        panic!("it has to wait")
    };
    assert_eq!(wait, SECOND * 100);
    let changed = control.changed();
    source.report(FlowState::SlowDown(rate(1000)));
    changed.await;
    assert!(
        matches!(control.try_pass(1), Passage::Wait(SECOND)),
        "what is owed stays owed"
    );
    source.report(FlowState::Normal);
    assert!(matches!(control.try_pass(1), Passage::Free));
}

#[tokio::test(start_paused = true)]
async fn an_adaptive_source_changes_by_itself_and_ends_when_it_is_dropped() {
    let control = FlowControl::new();
    let source = control.adaptive("memory", Profile::memory()).unwrap();
    let mut watch = control.watch();
    watch.changed().await;
    let began = clock::now();
    source.feel(Pressure::Rising);
    assert_eq!(watch.changed().await, slow(8.0));
    assert_eq!(watch.changed().await, slow(6.4));
    assert_eq!(began.elapsed().as_secs(), 30);
    source.feel(Pressure::None);
    while watch.changed().await != FlowState::Normal {}
    assert_eq!(began.elapsed().as_secs(), 30 + 52 + 10);
    source.feel(Pressure::Critical);
    assert!(rejects(control.state()));
    drop(source);
    assert_eq!(control.state(), FlowState::Normal);
}

#[tokio::test(start_paused = true)]
async fn too_many_appends_are_slowed_down_and_recover_when_they_are_asked_to_be_measured() {
    let control = FlowControl::new();
    let push = async |mib: usize, seconds: u32| {
        for _ in 0..seconds * 10 {
            let _ = control.try_pass((mib << 20) / 10);
            clock::sleep(SECOND / 10).await;
        }
    };
    push(100, 10).await;
    assert_eq!(control.state(), FlowState::Normal, "it is off by default");
    let wrong = AppendRate {
        low: Rate::mib(33),
        ..AppendRate::default()
    };
    assert!(control.measure_appends(Some(wrong)).is_err());
    control
        .measure_appends(Some(AppendRate::default()))
        .unwrap();
    push(27, 10).await;
    assert_eq!(control.state(), FlowState::Normal);
    push(100, 3).await;
    assert_eq!(control.state(), slow(32.0));
    push(1, 60).await;
    assert_eq!(control.state(), FlowState::Normal);
    push(100, 3).await;
    assert_eq!(control.state(), slow(32.0));
    control.measure_appends(None).unwrap();
    tokio::task::yield_now().await;
    assert_eq!(control.state(), FlowState::Normal);
    let weak = Arc::downgrade(&control.0);
    drop(control);
    assert!(weak.upgrade().is_none(), "nothing keeps it alive");
}

proptest! {
    #[test]
    fn no_more_passes_than_rate_burst_and_one_append_in_any_time(
        per_second in 1_u64..10_000,
        burst in 0_u64..10_000,
        appends in prop::collection::vec((0_u64..5_000, 0_u64..3_000), 1..100),
    ) {
        let began = clock::now();
        let (mut now, mut bucket) = (began, Bucket::new(rate(per_second), burst, began));
        let mut passed: Vec<(Instant, u64)> = Vec::new();
        for (bytes, pause_ms) in appends {
            now += Duration::from_millis(pause_ms);
            match bucket.pass(bytes, now) {
                Ok(()) => passed.push((now, bytes)),
                Err(wait) => {
                    prop_assert!(wait > Duration::ZERO);
                    now += wait;
                    prop_assert!(bucket.pass(bytes, now).is_ok(), "it may go when it was told");
                    passed.push((now, bytes));
                }
            }
        }
        for (i, (from, _)) in passed.iter().enumerate() {
            let mut sum = 0;
            for (at, bytes) in &passed[i..] {
                // The last one may owe all of it.
                let most = per_second as f64 * (*at - *from).as_secs_f64() + burst as f64;
                prop_assert!(sum as f64 <= most + 1.0, "{sum} of {most}");
                sum += bytes;
            }
        }
    }

    #[test]
    fn whatever_a_source_feels_its_rates_stay_in_their_bounds_and_it_gets_well(
        feels in prop::collection::vec((0_u8..4, 0_u64..200, prop::option::of(1_u64..1 << 27)), 1..50),
    ) {
        let profile = Profile::lag();
        let mut controller = Controller::new(profile).unwrap();
        let mut now = clock::now();
        for (pressure, seconds, hint) in feels {
            let pressure = [Pressure::None, Pressure::Steady, Pressure::Rising, Pressure::Critical][usize::from(pressure)];
            controller.feel(pressure, hint.and_then(Rate::new), now);
            now += SECOND * seconds as u32;
            controller.advance(now);
            prop_assert!(controller.due().is_none_or(|due| due > now));
            if let FlowState::SlowDown(rate) = controller.state() {
                prop_assert!((profile.slow_low..=profile.recovery_high).contains(&rate), "{rate}");
            }
        }
        controller.feel(Pressure::None, None, now);
        controller.advance(now + SECOND * 1000);
        prop_assert_eq!(controller.state(), FlowState::Normal);
    }

    #[test]
    fn the_strictest_of_many_does_not_depend_on_their_order(
        states in prop::collection::vec(prop_oneof![
            Just(FlowState::Normal),
            (1_u64..9).prop_map(|it| FlowState::SlowDown(Rate::at_least_one(it))),
            (1_u64..9).prop_map(|it| FlowState::Reject { retry_after: SECOND * it as u32 }),
        ], 0..6),
    ) {
        let control = FlowControl::new();
        let _sources: Vec<_> = states.iter().map(|state| {
            let source = control.source("some");
            source.report(*state);
            source
        }).collect();
        let backwards = states.iter().rev().fold(FlowState::Normal, |all, it| it.strictest(all));
        prop_assert_eq!(control.state(), backwards);
        if states.iter().any(|it| rejects(*it)) {
            prop_assert!(rejects(control.state()));
        }
    }
}
