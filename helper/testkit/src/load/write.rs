use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use walx_core::{Error, ErrorKind, Message};
use walx_utility::clock;

use super::books::{Books, LAST};
use super::owner::{Wals, current};
use crate::{Failure, Outcome};

/// So many appends of a task are on their way at most.
const WINDOW: usize = 64;
/// How often a second a task looks whether more is due.
const TICKS: u64 = 200;
/// How long it waits before it tries the last message again.
const PAUSE: Duration = Duration::from_millis(50);

/// Appends so many messages a second, until it is over and all of them are answered. What a pause held up is not made up
/// for.
pub(super) async fn write(
    mut wals: Wals,
    books: Arc<Books>,
    task: usize,
    rate: u64,
    bytes: usize,
) -> Outcome {
    // One message or more each so many ticks.
    let every = (TICKS / rate).max(1);
    let due = (rate * every / TICKS).max(1);
    let (mut flights, mut ticks) = (FuturesUnordered::new(), 0_u64);
    while !books.is_over() || !flights.is_empty() {
        let due = match books.is_over() || !ticks.is_multiple_of(every) {
            true => 0,
            false => due,
        };
        for _ in 0..due {
            if flights.len() >= WINDOW {
                break;
            }
            let wal = current(&mut wals).await?;
            let (number, message) = books.message(bytes);
            let append = wal.append(message);
            flights.push(async move { (number, append.await) });
        }
        let tick = clock::sleep(Duration::from_secs(1) / TICKS as u32);
        tokio::pin!(tick);
        loop {
            tokio::select! {
                biased;
                () = &mut tick => break,
                Some((number, answer)) = flights.next() => {
                    books.answered(task, number, &answer);
                    check(answer.err())?;
                }
            }
        }
        ticks += 1;
    }
    Ok(())
}

/// What an append must not fail with, whatever is disturbed.
fn check(error: Option<Error>) -> Outcome {
    let Some(error) = error else {
        return Ok(());
    };
    let may = matches!(
        error.kind(),
        ErrorKind::OutcomeUnknown
            | ErrorKind::NotWritten
            | ErrorKind::Unavailable
            | ErrorKind::Closed
            | ErrorKind::Fenced
    );
    match may {
        true => Ok(()),
        false => Err(Failure::from(error).during("an append")),
    }
}

/// Appends the last message, whoever owns the channel.
pub(super) async fn write_last(mut wals: Wals) -> Outcome {
    loop {
        let wal = current(&mut wals).await?;
        match wal.append(Message::new(LAST)).await {
            Ok(_) => return Ok(()),
            Err(error) => check(Some(error))?,
        }
        clock::sleep(PAUSE).await;
    }
}
