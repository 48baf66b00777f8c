//! Failures by chance, which harm nothing.

use std::sync::Arc;

use walx::interceptor::Chaos;
use walx::{End, ErrorKind, Message, Position, ScanOption, Status};

use crate::bed::{Hook, on_each, open, read, refused};

#[tokio::test]
async fn refused_appends_are_not_written_and_a_seed_repeats_itself() {
    on_each(async |store| {
        let mut fates = Vec::new();
        for channel in ["first", "second"] {
            let chaos: Hook = Arc::new(Chaos::seeded(4711).with_append(0.3));
            let wal = open(&store, channel, &[chaos]).await;
            let mut written = Vec::new();
            for i in 0..200 {
                let message = Message::new(i.to_string());
                match wal.append(message.clone()).await {
                    Ok(_) => written.push(message),
                    Err(error) => {
                        assert!(matches!(error.kind(), ErrorKind::Overloaded { .. }));
                        assert_eq!(error.status(), Status::Temporary);
                    }
                }
            }
            wal.close().await.unwrap();
            assert!((100..180).contains(&written.len()), "{}", written.len());
            assert_eq!(read(&store, channel, &[]).await.unwrap(), written);
            fates.push(written);
        }
        assert_eq!(fates[0], fates[1]);
    })
    .await;
}

#[tokio::test]
async fn a_scan_that_chaos_ends_goes_on_from_its_token() {
    on_each(async |store| {
        let wal = open(&store, "orders", &[]).await;
        let messages: Vec<_> = (0..100).map(|i| Message::new(i.to_string())).collect();
        wal.append_batch(messages.clone()).await.unwrap();
        wal.close().await.unwrap();
        let always: Hook = Arc::new(Chaos::new().with_scan(1.0));
        let error = refused(&store, "orders", &[always]).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("lsn: 0"), "{error}");

        let chaos: Hook = Arc::new(Chaos::seeded(7).with_scan(0.1));
        let reader = store
            .open_read_only(crate::bed::option("orders", &[chaos]))
            .await
            .unwrap();
        let (mut from, mut read, mut ends) = (Position::Earliest, Vec::new(), 0);
        while read.len() < messages.len() {
            let scan = ScanOption::new(from).until(End::Tail);
            let mut scanner = reader.scan(scan).await.unwrap();
            while let Ok(batch) = scanner.next_batch(1).await {
                read.extend(batch.iter().map(|it| it.message().unwrap().message.clone()));
                if batch.is_empty() {
                    break;
                }
            }
            ends += 1;
            assert!(ends < 100, "a scan gets on");
            from = scanner.token().map_or(from, Position::Resume);
        }
        assert!(ends > 2, "{ends}");
        assert_eq!(read, messages);
    })
    .await;
}
