//! What scans make of reads that fail, and of copies.

use walx_core::{End, ErrorKind, OpenOption, RoWal, ScanOption};

use super::bed::Bed;
use crate::case::{refused, same};
use crate::log::{append, end, messages, take};
use crate::{Context, Outcome};

fn all() -> ScanOption {
    ScanOption::earliest().until(End::Tail)
}

pub(super) async fn scans_survive_reads_that_fail(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let wal = bed.owner().await?;
    let mut sent = append(&*wal, 20).await?;
    wal.close().await?;
    // The next owner's cache is empty: its scans begin in the backend.
    let wal = bed.owner().await?;
    let reader = bed
        .store
        .open_read_only(OpenOption::new(bed.option.channel.clone()));
    let reader = reader.await?;
    let faults = context.faults()?;
    let small = ScanOption::earliest().with_read_ahead_bytes(1);
    let mut scanners = [wal.scan(small.clone()).await?, reader.scan(small).await?];
    let mut seen = [Vec::new(), Vec::new()];
    for round in 0..5 {
        for (scanner, seen) in scanners.iter_mut().zip(&mut seen) {
            faults.fail_reads(1);
            seen.extend(take(&mut **scanner, 4).await?);
        }
        sent.extend(append(&*wal, round).await?);
    }
    for (scanner, seen) in scanners.iter_mut().zip(&mut seen) {
        seen.extend(take(&mut **scanner, sent.len() - seen.len()).await?);
        same(seen, &sent, "messages of a scan whose reads fail")?;
    }
    // A cut is not mended by waiting: the handle's scans go on trying, and end with the wal.
    faults.calm().cut();
    wal.close().await?;
    let [of_owner, _] = scanners;
    refused::<()>(
        Err(end(of_owner).await?),
        &[ErrorKind::Closed],
        "a scan of a closed wal",
    )?;
    reader.close().await?;
    bed.conclude().await.map(drop)
}

pub(super) async fn a_record_that_comes_twice_is_delivered_once(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let wal = bed.owner().await?;
    let mut sent = append(&*wal, 10).await?;
    wal.close().await?;
    let wal = bed.owner().await?;
    let reader = bed
        .store
        .open_read_only(OpenOption::new(bed.option.channel.clone()));
    let reader = reader.await?;
    context.faults()?.double_reads(1_000);
    let mut following = reader
        .scan(ScanOption::earliest().with_read_ahead_bytes(1))
        .await?;
    let mut seen = take(&mut *following, 10).await?;
    for opened in [&*wal as &dyn RoWal, &*reader] {
        for read_ahead_bytes in [1, 4 << 20] {
            let option = all().with_read_ahead_bytes(read_ahead_bytes);
            same(
                &messages(opened, option).await?,
                &sent,
                "messages whose records come twice",
            )?;
        }
    }
    for _ in 0..10 {
        sent.extend(append(&*wal, 2).await?);
        seen.extend(take(&mut *following, 2).await?);
    }
    same(
        &seen,
        &sent,
        "messages of a reader that follows records that come twice",
    )?;
    wal.close().await?;
    reader.close().await?;
    bed.conclude().await.map(drop)
}
