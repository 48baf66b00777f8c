use super::*;
use crate::faults::Fault;

#[test]
fn seeds_choose_different_faults_and_each_one_is_chosen() {
    let plans: Vec<_> = (0..50).map(Plan::seeded).collect();
    for fault in Fault::ALL {
        let on = plans.iter().filter(|plan| plan.per_mille(fault) > 0);
        assert!((10..50).contains(&on.count()), "{fault:?}");
    }
    assert_eq!(plans[7], Plan::seeded(7));
    assert_ne!(plans[7].clone().with_seed(8), plans[8]);
}

#[test]
fn odds_are_kept_and_a_fault_that_is_off_moves_no_other_one() {
    let plan = Plan::quiet()
        .with_seed(1)
        .with(Fault::Cut, 100)
        .with(Fault::Double, 500);
    let hits = |plan: &Plan, fault: Fault| {
        let mut dice = plan.dice(&[0, 0]);
        let draw = |_| [dice.hits(Fault::Cut), dice.hits(Fault::Double)];
        let drawn: Vec<_> = (0..1000).map(draw).collect();
        let at = usize::from(fault == Fault::Double);
        drawn.into_iter().map(|pair| pair[at]).collect::<Vec<_>>()
    };
    let count = |hits: Vec<bool>| hits.into_iter().filter(|hit| *hit).count();
    assert!((60..140).contains(&count(hits(&plan, Fault::Cut))));
    assert!((440..560).contains(&count(hits(&plan, Fault::Double))));
    let without = plan.clone().without(Fault::Cut);
    assert_eq!(count(hits(&without, Fault::Cut)), 0);
    assert_eq!(hits(&without, Fault::Double), hits(&plan, Fault::Double));
}

/// The same calls, whose faults are told without their times.
async fn session(seed: u64) -> Vec<(u64, String)> {
    let rig = Rig::new(Plan::seeded(seed).with_longest_stall(Duration::from_millis(3))).await;
    for _ in 0..5 {
        let Ok(wal) = rig.opener.open(&name(), Claim::TakeOver).await else {
            continue;
        };
        for number in 0..60 {
            let _ = wal.bounds().await;
            // Some are waited for, some aren't: only the calls count.
            let appending = append(&*wal, number);
            if number % 3 == 0 {
                let _ = within(appending).await;
            }
            let _ = wal.bounds().await;
        }
    }
    let told = rig.faults.injected().into_iter();
    // A cut comes with the answers, which take their time.
    let mut told: Vec<_> = told
        .filter(|it| it.what != "cut")
        .map(|it| (it.handle, it.what))
        .collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_and_the_same_calls_give_the_same_faults() {
    let mut some = 0;
    // Without a cut, whose moment decides which calls come to the backend at all.
    let seeds = (0..60).filter(|seed| Plan::seeded(*seed).per_mille(Fault::Cut) == 0);
    let seeds = seeds.filter(|seed| Plan::seeded(*seed).per_mille(Fault::LoseAck) == 0);
    for seed in seeds.take(5) {
        let first = session(seed).await;
        assert_eq!(first, session(seed).await, "seed {seed}");
        some += first.len();
    }
    assert!(some > 50, "{some} faults took place");
    assert_ne!(session(1).await, session(2).await);
}
