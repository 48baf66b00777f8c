use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use walx_core::{
    Append, AppendBatch, Availability, Bounds, ChannelInfo, Delivery, End, Expected, Message,
    MessageId, Owner, Permit, Position, Refused, Result, RoWal, ScanOption, Scanner, Tail, Tick,
    Transaction, TransactionOption, VirtualChannel, Wal,
};

use super::Recorder;
use super::append::{RecordedPermit, answered_append, answered_tick, recorded, recorded_batch};
use super::scanner::RecordedScanner;
use super::stamp;
use super::transaction::RecordedTransaction;
use crate::history::event::{Appended, EventId, Failed, Key, Start, Stop, What};

/// A handle of a channel, and the event that names it.
struct Handle<W: ?Sized> {
    recorder: Recorder,
    handle: EventId,
    inner: Arc<W>,
}

/// An owner's wal, recorded.
pub(super) struct RecordedWal(Handle<dyn Wal>);

/// A reader's wal, recorded.
pub(super) struct RecordedRoWal(Handle<dyn RoWal>);

impl RecordedWal {
    pub(super) fn new(recorder: Recorder, handle: EventId, inner: Arc<dyn Wal>) -> Self {
        Self(Handle {
            recorder,
            handle,
            inner,
        })
    }
}

impl RecordedRoWal {
    pub(super) fn new(recorder: Recorder, handle: EventId, inner: Arc<dyn RoWal>) -> Self {
        Self(Handle {
            recorder,
            handle,
            inner,
        })
    }
}

impl<W: RoWal + ?Sized> Handle<W> {
    async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>> {
        let call = self.recorder.call(What::ScanCalled {
            handle: self.handle,
            from: start(&option.from),
            until: stop(option.until.as_ref()),
            virtual_channels: option.virtual_channels.clone(),
            raw: option.transactions == Delivery::Raw,
            ticks: option.ticks,
        })?;
        let started = self.inner.scan(option).await;
        let answer = started.as_ref().map(|_| ()).map_err(Failed::from);
        self.recorder.put(What::ScanAnswered { call, answer });
        Ok(Box::new(RecordedScanner::new(
            self.recorder.clone(),
            call,
            started?,
        )))
    }

    async fn newest_tick(&self, virtual_channel: &VirtualChannel) -> Result<Option<Tick>> {
        let call = self.recorder.call(What::NewestCalled {
            handle: self.handle,
            virtual_channel: virtual_channel.clone(),
        })?;
        let newest = self.inner.newest_tick(virtual_channel).await;
        let answer = newest.as_ref().copied().map_err(Failed::from);
        self.recorder.put(What::NewestAnswered { call, answer });
        newest
    }

    async fn close(&self) -> Result<()> {
        let handle = self.handle;
        let call = self.recorder.call(What::CloseCalled { handle })?;
        let closed = self.inner.close().await;
        let answer = closed.as_ref().copied().map_err(Failed::from);
        self.recorder.put(What::CloseAnswered { call, answer });
        closed
    }
}

fn start(position: &Position) -> Start {
    match position {
        Position::Earliest => Start::Earliest,
        Position::Latest => Start::Latest,
        Position::At(id) => Start::At(*id),
        Position::After(id) => Start::After(*id),
        Position::Resume(token) => Start::After(token.id()),
        Position::Lsn(lsn) => Start::Lsn(*lsn),
        Position::Tick(tick) => Start::Tick(*tick),
        Position::Time(time) => {
            // Ticks count whole milliseconds; a time within one stands for its begin.
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            let unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            Start::Tick(Tick::from_unix_ms(unix_ms))
        }
        _ => Start::Somewhere,
    }
}

fn stop(end: Option<&End>) -> Stop {
    match end {
        Some(End::Tail) => Stop::Tail,
        Some(End::Id(id)) => Stop::Id(*id),
        Some(End::Lsn(lsn)) => Stop::Lsn(*lsn),
        Some(End::Tick(tick)) => Stop::Tick(*tick),
        _ => Stop::Never,
    }
}

macro_rules! read {
    ($wal:ident) => {
        #[async_trait]
        impl RoWal for $wal {
            fn channel(&self) -> &ChannelInfo {
                self.0.inner.channel()
            }

            async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>> {
                self.0.scan(option).await
            }

            async fn bounds(&self) -> Result<Bounds> {
                self.0.inner.bounds().await
            }

            async fn tail(&self) -> Result<Tail> {
                self.0.inner.tail().await
            }

            async fn newest_tick(&self, virtual_channel: &VirtualChannel) -> Result<Option<Tick>> {
                self.0.newest_tick(virtual_channel).await
            }

            fn availability(&self) -> Availability {
                self.0.inner.availability()
            }

            async fn unavailable(&self) -> Availability {
                self.0.inner.unavailable().await
            }

            async fn close(&self) -> Result<()> {
                self.0.close().await
            }
        }
    };
}

read!(RecordedWal);
read!(RecordedRoWal);

impl RecordedWal {
    /// Puts down an append before it is made.
    fn call(&self, messages: &[Message], expected: Expected) -> Result<EventId> {
        self.0.recorder.call(What::AppendCalled {
            handle: self.0.handle,
            transaction: None,
            reserved: false,
            expected,
            messages: messages.iter().map(stamp::sent).collect(),
        })
    }

    fn append_one(
        &self,
        message: Message,
        expected: Expected,
        append: impl FnOnce(&dyn Wal, Message) -> Append,
    ) -> Append {
        let call = match self.call(std::slice::from_ref(&message), expected) {
            Ok(call) => call,
            Err(error) => return Append::failed(error),
        };
        let stamped = stamp::stamp(message, Key { call, index: 0 });
        let append = append(&*self.0.inner, stamped);
        self.taken(call);
        recorded(&self.0.recorder, call, append, answered_append)
    }

    fn taken(&self, call: EventId) {
        self.0.recorder.put(What::AppendTaken { call });
    }
}

#[async_trait]
impl Wal for RecordedWal {
    fn append(&self, message: Message) -> Append {
        self.append_one(message, Expected::new(), |wal, message| wal.append(message))
    }

    fn append_batch(&self, messages: Vec<Message>) -> AppendBatch {
        let call = match self.call(&messages, Expected::new()) {
            Ok(call) => call,
            Err(error) => return AppendBatch::failed(error),
        };
        let messages = (0..)
            .zip(messages)
            .map(|(index, message)| stamp::stamp(message, Key { call, index }))
            .collect();
        let batch = self.0.inner.append_batch(messages);
        self.taken(call);
        recorded_batch(&self.0.recorder, call, batch)
    }

    fn append_if(&self, message: Message, expected: Expected) -> Append {
        self.append_one(message, expected, |wal, message| {
            wal.append_if(message, expected)
        })
    }

    fn begin(&self, option: TransactionOption) -> Result<Transaction> {
        let Handle {
            recorder,
            handle,
            inner,
        } = &self.0;
        let call = recorder.call(What::BeginCalled {
            handle: *handle,
            virtual_channel: option.virtual_channel.clone(),
        })?;
        let stream = option.virtual_channel.clone();
        let begun = inner.begin(option);
        let answer = begun.as_ref().map(|_| ()).map_err(Failed::from);
        recorder.put(What::BeginAnswered { call, answer });
        let recorder = recorder.clone();
        Ok(RecordedTransaction::transaction(
            recorder, *handle, call, stream, begun?,
        ))
    }

    fn advance_tick(&self, virtual_channel: Option<VirtualChannel>) -> Append {
        let called = self.0.recorder.call(What::TickCalled {
            handle: self.0.handle,
            virtual_channel: virtual_channel.clone(),
        });
        let call = match called {
            Ok(call) => call,
            Err(error) => return Append::failed(error),
        };
        let append = self.0.inner.advance_tick(virtual_channel);
        self.0.recorder.put(What::TickTaken { call });
        recorded(&self.0.recorder, call, append, answered_tick)
    }

    fn try_append(&self, message: Message) -> std::result::Result<Append, Refused> {
        let call = match self.call(std::slice::from_ref(&message), Expected::new()) {
            Ok(call) => call,
            Err(error) => return Err(Refused { message, error }),
        };
        let stamped = stamp::stamp(message.clone(), Key { call, index: 0 });
        let tried = self.0.inner.try_append(stamped);
        self.taken(call);
        match tried {
            Ok(append) => Ok(recorded(&self.0.recorder, call, append, answered_append)),
            Err(Refused { error, .. }) => {
                let answer = Appended::Failed(Failed::from(&error));
                self.0.recorder.put(What::AppendAnswered { call, answer });
                Err(Refused { message, error })
            }
        }
    }

    async fn reserve(&self, bytes: usize) -> Result<Permit> {
        let permit = self
            .0
            .inner
            .reserve(bytes.saturating_add(stamp::BYTES))
            .await?;
        let Handle {
            recorder, handle, ..
        } = &self.0;
        Ok(RecordedPermit::permit(
            recorder.clone(),
            *handle,
            permit,
            bytes,
        ))
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        let call = self.0.recorder.call(What::TruncateCalled {
            channel: self.channel().name.clone(),
            through: Some(self.0.handle),
            id,
        })?;
        let truncated = self.0.inner.truncate(id).await;
        let answer = truncated.as_ref().copied().map_err(Failed::from);
        self.0.recorder.put(What::TruncateAnswered { call, answer });
        truncated
    }

    fn owner(&self) -> Owner {
        self.0.inner.owner()
    }
}
