//! Who breaks things, and mends them within seconds.

use std::sync::Arc;
use std::time::Duration;

use walx_core::ErrorKind;
use walx_memory::Faults;
use walx_utility::clock;

use crate::chance::{millis, percent, pick, up_to};
use crate::network::Weather;
use crate::world::World;

/// So long things break at most: some calls wait until they don't.
const LONGEST: Duration = Duration::from_secs(20);

/// Switches the store's faults and the weather until the run is over.
pub(crate) async fn rage(world: Arc<World>) {
    let calm = pick(&[20, 150, 1_500]);
    let windy = percent(70);
    let begin = clock::now();
    while !world.is_over() && begin.elapsed() < LONGEST {
        if windy && percent(40) {
            let weather = weather();
            world.trace.say(format_args!("{weather:?}"));
            world.network.set_weather(weather);
        }
        clock::sleep(millis(calm)).await;
        let at = up_to(world.channels.len() as u64 - 1) as usize;
        let faults = world.store.faults(&world.channels[at].name);
        one(&world, &faults, at).await;
    }
    heal(&world);
}

fn weather() -> Weather {
    Weather {
        call_ms: pick(&[0, 0, 2, 30]),
        send_ms: pick(&[0, 0, 3, 40]),
        answer_ms: pick(&[0, 0, 3, 40]),
        fails: pick(&[0, 0, 0, 10]),
        hangs: pick(&[0, 0, 0, 20]),
        crumbs: percent(30),
    }
}

async fn one(world: &World, faults: &Faults, at: usize) {
    let name = &world.channels[at].name;
    let say = |what: &str| world.trace.say(format_args!("{name}: {what}"));
    match up_to(11) {
        0 => {
            say("fence");
            faults.fence();
        }
        1 | 2 => {
            let kind = pick(&[
                ErrorKind::Unavailable,
                ErrorKind::NotWritten,
                ErrorKind::Internal,
                ErrorKind::TooLarge,
            ]);
            say(&format!("an append fails with {kind:?}"));
            faults.pass_next(up_to(5) as usize).fail_next(1, kind);
        }
        3 | 4 => {
            let landed = percent(50);
            say(&format!("an outcome is unknown, landed: {landed}"));
            faults.pass_next(up_to(5) as usize).unknown_next(landed);
        }
        5 => {
            say("an acknowledgement gets lost");
            faults.pass_next(up_to(5) as usize).lose_ack_next();
        }
        6 | 7 => {
            say("hold");
            faults.hold();
            for _ in 0..up_to(3) {
                clock::sleep(millis(pick(&[10, 1_000]))).await;
                faults.release(up_to(3) as usize);
            }
            clock::sleep(millis(pick(&[10, 1_000]))).await;
            say("release");
            faults.release_all();
        }
        8 => {
            say("answers take time");
            faults.delay(millis(100));
            clock::sleep(millis(1_000)).await;
            faults.delay(Duration::ZERO);
        }
        9 | 10 => {
            say("scans fail");
            faults.fail_scan_next(1 + up_to(2) as u32);
        }
        _ => {
            say("an open fails");
            faults.fail_open_next(1);
        }
    }
}

/// Everything works again.
fn heal(world: &World) {
    world.trace.say("everything heals");
    world.network.set_weather(Weather::default());
    for channel in &world.channels {
        world.store.faults(&channel.name).clear();
    }
}
