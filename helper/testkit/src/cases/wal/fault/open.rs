//! Opens whose steps fail.

use walx_core::{ErrorKind, Message};

use super::bed::{Bed, is_open_failure};
use crate::case::{ensure, refused};
use crate::log::message;
use crate::{Context, Failure, Outcome};

pub(super) async fn an_open_that_fails_at_any_step_leaks_nothing(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let faults = context.faults()?;
    for step in 0.. {
        let wal = bed.owner().await?;
        wal.append(message(u64::from(step))).await?;
        wal.close().await?;
        faults.fail_call_behind(step);
        let opened = bed.store.open(bed.option.clone()).await;
        let reached = faults.is_calm();
        faults.calm();
        match opened {
            Err(error) => drop(refused::<()>(
                Err(error),
                &[ErrorKind::Unavailable],
                "an open of which a step fails",
            )?),
            Ok(wal) => wal.close().await?,
        }
        if !reached {
            ensure!(step > 1, "an open makes {step} calls to the backend");
            break;
        }
    }
    bed.conclude().await.map(drop)
}

pub(super) async fn an_open_whose_barrier_fails_leaks_nothing(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let faults = context.faults()?;
    for round in 0..6 {
        let wal = bed.owner().await?;
        wal.append(Message::new(format!("round {round}"))).await?;
        wal.close().await?;
        match round % 3 {
            0 => faults.refuse_next(),
            1 => faults.lose_ack_next(),
            _ => faults.lose_opens(1),
        };
        match bed.store.open(bed.option.clone()).await {
            Ok(_) => {
                return Err(Failure::new(
                    "an open succeeds whose Barrier was not acknowledged",
                ));
            }
            Err(error) => ensure!(
                is_open_failure(&error),
                "an open whose Barrier fails is answered with {error:?}"
            ),
        }
    }
    bed.conclude().await.map(drop)
}
