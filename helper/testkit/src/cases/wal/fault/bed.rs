//! A recorded log: at the end its whole history is held to every promise.

use std::fmt;
use std::sync::Arc;

use walx_core::{
    Append, End, Error, ErrorKind, Message, OpenOption, Opener, Place, Result, ScanOption, Wal,
};
use walx_utility::clock;

use crate::case::{ensure, refused};
use crate::history::{Checks, Recorder, check};
use crate::log::{PATIENCE, Sent, message, messages, open_once_free, option};
use crate::{Context, Failure, Outcome};

/// A channel in a store, whose every call and answer is put down.
pub(super) struct Bed {
    pub(super) store: Arc<dyn Opener>,
    pub(super) option: OpenOption,
    recorder: Recorder,
}

impl Bed {
    pub(super) async fn new(context: &Context) -> Outcome<Self> {
        let recorder = Recorder::new(0);
        Ok(Self {
            store: recorder.opener(context.store().await?),
            option: option(context)?.with_take_over(true),
            recorder,
        })
    }

    /// The same channel in the store as another context opens it; the one before must be closed.
    pub(super) async fn reopened(self, context: &Context) -> Outcome<Self> {
        Ok(Self {
            store: self.recorder.opener(context.store().await?),
            ..self
        })
    }

    /// The next owner, whatever the last one left.
    pub(super) async fn owner(&self) -> Outcome<Arc<dyn Wal>> {
        open_once_free(&self.store, &self.option).await
    }

    /// The next owner appends behind what is there, everything is read, and the history is held to the promises.
    /// Answers what is there.
    pub(super) async fn conclude(self) -> Outcome<Vec<Sent>> {
        let wal = self.owner().await?;
        wal.append(message(u64::MAX)).await?;
        let all = messages(&*wal, ScanOption::earliest().until(End::Tail)).await?;
        let reader = self
            .store
            .open_read_only(OpenOption::new(self.option.channel.clone()));
        let same = messages(&*reader.await?, ScanOption::earliest().until(End::Tail)).await?;
        ensure!(same == all, "a reader sees {same:?}, and the owner {all:?}");
        wal.close().await?;
        let history = self.recorder.history();
        let violations = check(&history, &Checks::of(&self.store.capability()));
        self.store.close().await?;
        match violations.first() {
            None => Ok(all),
            Some(first) => Err(Failure::new(format!(
                "the history breaks {} promises; the first one: {first}",
                violations.len()
            ))),
        }
    }
}

/// How an append is answered, which must be in time.
pub(super) async fn answer(append: Append) -> Outcome<Result<Place>> {
    clock::timeout(PATIENCE, append)
        .await
        .map_err(|_| Failure::new("an append is never answered"))
}

/// An append behind one that failed fails too, or the wal has recovered and both are acknowledged.
pub(super) fn is_behind(answer: Result<Place>, first: &Result<Place>, what: &str) -> Outcome {
    const KINDS: &[ErrorKind] = &[ErrorKind::NotWritten, ErrorKind::Unavailable];
    match first {
        Ok(_) => answer
            .map(drop)
            .map_err(|error| Failure::from(error).during(what)),
        Err(_) => refused(answer, KINDS, what).map(drop),
    }
}

/// Appends so many messages at once; they differ from those of `log::append`.
pub(super) fn burst(wal: &dyn Wal, count: u64) -> Vec<(Message, Append)> {
    let message = |number| {
        let message = Message::new(format!("one of {count}, number {number}"));
        (message.clone(), wal.append(message))
    };
    (0..count).map(message).collect()
}

/// Where the message lies, if it is there; it may be there once.
pub(super) fn find(all: &[Sent], message: &Message) -> Outcome<Option<Place>> {
    let mut places = all.iter().filter(|it| it.message == *message);
    let first = places.next().map(|it| it.place);
    match places.next() {
        None => Ok(first),
        Some(again) => Err(Failure::new(format!(
            "a message lies at {first:?} and again at {:?}",
            again.place
        ))),
    }
}

/// Whether an open may fail like this where every step of it may meet a fault.
pub(super) fn is_open_failure(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable
            | ErrorKind::NotWritten
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Fenced
    )
}

/// A failure, with what took place before it.
pub(super) fn under(context: &Context) -> impl Fn(Failure) -> Failure + use<> {
    let faults = context.injected().cloned();
    move |failure| match &faults {
        Some(faults) => failure.with(faults as &dyn fmt::Display),
        None => failure,
    }
}
