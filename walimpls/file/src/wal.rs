use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, Error, ErrorKind, MessageId, Record, Result};
use walx_helper::frame;
use walx_impls::{
    Appending, Batch, FenceToken, RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls,
};

use crate::appending::Waiting;
use crate::completion::Completion;
use crate::directory::Directory;
use crate::frame::MAX_BODY;
use crate::group::Encoded;
use crate::handle::Handle;
use crate::read;
use crate::ro_wal::FileRoWal;
use crate::scanner::FileScanner;
use crate::store::Store;

/// A channel that is open for appending.
pub(crate) struct FileWal {
    ro: FileRoWal,
    store: Arc<Store>,
    handle: Arc<Handle>,
}

impl FileWal {
    pub(crate) fn new(ro: FileRoWal, store: Arc<Store>, handle: Arc<Handle>) -> Self {
        Self { ro, store, handle }
    }

    fn stage(&self, batch: &Batch<Record>) -> Result<(u64, Arc<Completion>)> {
        self.ro.check("append")?;
        let most = self.store.shared.config.max_record.0;
        let (mut records, mut bytes) = (Vec::with_capacity(batch.len()), 0);
        for record in batch.as_slice() {
            let len = frame::encoded_len(record);
            if len as u64 > most {
                let text = format!(
                    "a record of {len} bytes is larger than max_record={most}; cut it, or raise max_record"
                );
                return Err(Error::new(ErrorKind::TooLarge, text));
            }
            bytes += len;
            if bytes > MAX_BODY {
                let text =
                    format!("a batch of more than {MAX_BODY} bytes can't be stored as one; cut it");
                return Err(Error::new(ErrorKind::TooLarge, text));
            }
            let mut encoded = Vec::with_capacity(len);
            frame::encode(record, &mut encoded);
            records.push(Encoded::new(encoded, &record.header));
        }
        let mut state = self.store.shared.stage.lock()?;
        if let Some(reason) = self.handle.reason() {
            return Err(reason);
        }
        let staged = state.stage(self.handle.channel, &records);
        drop(state);
        self.store.shared.stage.wake();
        staged
    }
}

#[async_trait]
impl RoWalImpls for FileWal {
    fn channel(&self) -> &ChannelName {
        &self.ro.name
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let owner = (Arc::clone(&self.store.shared), self.handle.channel);
        let reader = self.ro.blocking("scan", move |directory, name| {
            read::start(&directory.config, name, Some(owner), start, &options)
        });
        let reader = reader.await?;
        let closings = [self.ro.closer.watch(), self.ro.opener.clone()];
        Ok(Box::new(FileScanner::new(
            self.ro.name.clone(),
            reader,
            closings,
        )))
    }

    async fn bounds(&self) -> Result<Bounds> {
        let shared = Arc::clone(&self.store.shared);
        let channel = self.handle.channel;
        let bounds = self.ro.blocking("bounds", move |directory, name| {
            read::bounds(&directory.config, name, Some((shared, channel)))
        });
        bounds.await
    }

    async fn close(&self) -> Result<()> {
        self.handle.close();
        self.ro.close().await
    }
}

#[async_trait]
impl WalImpls for FileWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        match self.stage(&batch) {
            Ok((first, done)) => {
                let (handle, count) = (Arc::clone(&self.handle), batch.len());
                let many = matches!(batch, Batch::Many(_));
                Appending::new(Waiting {
                    handle,
                    done,
                    place: None,
                    first,
                    count,
                    many,
                })
            }
            Err(error) => {
                // Nothing may overtake the hole.
                self.handle.fail();
                Appending::ready(Err(error
                    .with_operation("append")
                    .with_channel(&self.ro.name)))
            }
        }
    }

    fn fence_token(&self) -> FenceToken {
        self.store.token(self.handle.opens)
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        let (store, handle) = (Arc::clone(&self.store), Arc::clone(&self.handle));
        let work = move |_: &Directory, _: &ChannelName| match handle.reason() {
            Some(reason) if handle.is_fenced() || handle.is_closed() => Err(reason),
            _ => store.truncate(handle.channel, id),
        };
        self.ro.blocking("truncate", work).await
    }
}

impl Drop for FileWal {
    fn drop(&mut self) {
        self.handle.close();
    }
}
