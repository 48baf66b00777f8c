//! What a scan delivers, and in which forms.

use futures_util::StreamExt;
use walx_core::{End, Message, Position, RoWal, ScanOption, VirtualChannel};

use super::bed::Bed;
use crate::case::{case, ensure, same};
use crate::log::{Sent, messages, new_log, next, same_channel, sent, take};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_token_goes_on_exactly_once_through_its_text,
            "A scan that is cut and resumed delivers each message once."
        ),
        case!(
            the_stream_and_next_batch_deliver_the_same,
            "Both forms of one scanner, and two scanners, agree."
        ),
        case!(
            next_batch_hands_out_no_more_than_asked_for,
            "`max` is a limit, and the rest comes with the next call."
        ),
        case!(
            a_stream_of_a_channel_is_itself_and_what_is_meant_for_all,
            "Filtering by virtual channel keeps the order."
        ),
    ]
}

async fn a_token_goes_on_exactly_once_through_its_text(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    for wal in [&*bed.wal as &dyn RoWal, &*bed.reader] {
        let mut seen = Vec::new();
        let mut from = Position::Earliest;
        while seen.len() < bed.all.len() {
            let mut scanner = wal.scan(ScanOption::new(from)).await?;
            ensure!(
                scanner.token().is_none(),
                "a scanner has a token before its first message"
            );
            let count = 3.min(bed.all.len() - seen.len());
            seen.extend(take(&mut *scanner, count).await?);
            let token = scanner
                .token()
                .ok_or_else(|| Failure::new("a scanner has no token behind a message"))?;
            from = Position::Resume(token.to_string().parse()?);
        }
        same(
            &seen,
            &bed.all,
            "messages of a scan that was cut again and again",
        )?;
    }
    Ok(bed.store.close().await?)
}

async fn the_stream_and_next_batch_deliver_the_same(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let option = ScanOption::earliest().until(End::Tail);
    for wal in [&*bed.wal as &dyn RoWal, &*bed.reader] {
        let mut stream = wal.scan(option.clone()).await?;
        let mut mixed = wal.scan(option.clone()).await?;
        let (mut streamed, mut seen) = (Vec::new(), Vec::new());
        while let Some(entry) = stream.next().await {
            streamed.push(sent(&entry?)?);
            if seen.len() % 2 == 0 {
                seen.push(next(&mut *mixed).await?);
            } else if let Some(entry) = mixed.next().await {
                seen.push(sent(&entry?)?);
            }
        }
        ensure!(
            mixed.next_batch(1).await?.is_empty(),
            "one of two scanners delivers more than the other"
        );
        ensure!(
            stream.next().await.is_none(),
            "a stream goes on behind its end"
        );
        same(&streamed, &bed.all, "messages of a stream")?;
        same(
            &seen,
            &bed.all,
            "messages of a scanner that is used in both ways",
        )?;
    }
    Ok(bed.store.close().await?)
}

async fn next_batch_hands_out_no_more_than_asked_for(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    for wal in [&*bed.wal as &dyn RoWal, &*bed.reader] {
        let mut scanner = wal.scan(ScanOption::earliest().until(End::Tail)).await?;
        let mut seen = Vec::new();
        for max in (1..=4).cycle() {
            let batch = scanner.next_batch(max).await?;
            ensure!(
                batch.len() <= max,
                "next_batch({max}) hands out {} entries",
                batch.len()
            );
            if batch.is_empty() {
                break;
            }
            seen.extend(batch.iter().map(sent).collect::<Outcome<Vec<_>>>()?);
        }
        same(&seen, &bed.all, "messages of batches")?;
    }
    Ok(bed.store.close().await?)
}

async fn a_stream_of_a_channel_is_itself_and_what_is_meant_for_all(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let (a, b) = (VirtualChannel::new("a")?, VirtualChannel::new("b")?);
    let mut all = Vec::new();
    for number in 0..30 {
        let message = Message::new(format!("{number}"));
        let message = match number % 3 {
            0 => message,
            1 => message.with_virtual_channel(a.clone()),
            _ => message.with_virtual_channel(b.clone()),
        };
        all.push(Sent {
            place: wal.append(message.clone()).await?,
            message,
        });
    }
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for stream in [a, b] {
        let is_of = |it: &&Sent| {
            it.message
                .virtual_channel
                .as_ref()
                .is_none_or(|own| *own == stream)
        };
        let expected: Vec<_> = all.iter().filter(is_of).cloned().collect();
        let option = ScanOption::earliest()
            .until(End::Tail)
            .with_virtual_channel(stream.clone());
        same(
            &messages(&*wal, option.clone()).await?,
            &expected,
            "messages of a stream",
        )?;
        same(
            &messages(&*reader, option).await?,
            &expected,
            "messages of a stream, by a reader",
        )?;
    }
    Ok(store.close().await?)
}
