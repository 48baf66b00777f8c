//! A log as a list: what a window says is looked up in it from its end.

use walx_core::{
    BackendName, Chunk, Header, IdempotencyOption, Kind, Lsn, MessageId, Owner, Record, Term,
    TransactionContext,
};

use super::super::*;
use super::steps::Step;

/// A log as a list: what the window says is looked up in it from its end.
pub(super) struct Model {
    window: Window<u32>,
    option: IdempotencyOption,
    /// Records that have their place, by seq; those before `decided` are durable.
    log: Vec<Row>,
    decided: usize,
    open: Vec<TransactionId>,
    /// Who waits for the message or Commit with this index in the log.
    waiting: Vec<(usize, usize, u32)>,
    next: Seq,
    waiters: u32,
    now: Tick,
}

#[derive(Clone)]
pub(super) struct Row {
    record: Record,
    refused: bool,
}

pub(super) const OWNER: Owner = Owner::new(Term::FIRST);

pub(super) fn place(record: &Record) -> Place {
    let seq = record.header.seq.unwrap();
    let id = MessageId::from_u64(BackendName::constant("memory"), seq.get());
    Place::new(id, record.header.lsn.unwrap(), record.header.tick, OWNER)
}

fn refusal() -> Error {
    Error::new(walx_core::ErrorKind::TooLarge, "refused")
}

impl Model {
    pub(super) fn new(option: IdempotencyOption) -> Self {
        Self {
            window: Window::new(option),
            option,
            log: Vec::new(),
            decided: 0,
            open: Vec::new(),
            waiting: Vec::new(),
            next: Seq::ZERO,
            waiters: 0,
            now: Tick::from_unix_ms(1_000_000),
        }
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Append {
                key,
                stream,
                transaction,
                bytes,
            } => {
                let transaction = match transaction {
                    Some(_) if self.open.is_empty() => None,
                    Some(pick) => Some(self.open[usize::from(pick) % self.open.len()]),
                    None => None,
                };
                let stream = stream.then(|| VirtualChannel::new("v").unwrap());
                self.append(key, stream, transaction, bytes, None);
            }
            Step::Chunked { key, chunks } => self.append(key, None, None, 10, Some(chunks.into())),
            Step::Begin => {
                let id = TransactionId(self.next);
                self.place(Kind::Begin, |header| header.transaction = Some(context(id)));
                self.open.push(id);
            }
            Step::End { .. } if self.open.is_empty() => {}
            Step::End {
                transaction,
                commit,
            } => {
                let id = self
                    .open
                    .swap_remove(usize::from(transaction) % self.open.len());
                let kind = if commit { Kind::Commit } else { Kind::Rollback };
                self.place(kind, |header| header.transaction = Some(context(id)));
            }
            Step::Decide { refuse } => self.decide(refuse),
            Step::Recover { landed } => self.recover(landed),
            Step::Wait { ms } => self.now = Tick::from_unix_ms(self.now.unix_ms() + u64::from(ms)),
            Step::Reopen => self.reopen(),
        }
    }

    fn place(&mut self, kind: Kind, fill: impl FnOnce(&mut Header)) {
        self.now = self.now.next();
        let lsn = Lsn::new(self.next.get());
        let mut header = Header::new(kind, OWNER, self.now).numbered(self.next, lsn);
        fill(&mut header);
        let record = Record::marker(header);
        self.add(record);
    }

    fn add(&mut self, record: Record) {
        self.window.placed(&record);
        self.next = self.next.next();
        self.log.push(Row {
            record,
            refused: false,
        });
    }

    fn append(
        &mut self,
        key: u8,
        stream: Option<VirtualChannel>,
        transaction: Option<TransactionId>,
        bytes: u16,
        chunks: Option<u32>,
    ) {
        let name = Bytes::from(vec![key; usize::from(key) + 1]);
        let found = self.window.look_up(&stream, &name, transaction, self.now);
        let (expected, cause) = self.look_up(&stream, &name, transaction);
        assert_eq!(found, expected);
        match found {
            Found::New => {
                for index in 0..chunks.unwrap_or(1) {
                    self.now = self.now.next();
                    let lsn = Lsn::new(self.next.get());
                    let mut header =
                        Header::new(Kind::Data, OWNER, self.now).numbered(self.next, lsn);
                    header.virtual_channel = stream.clone();
                    header.idempotency_key = Some(name.clone());
                    header.transaction = transaction.map(context);
                    header.chunk = chunks.map(|total| Chunk { index, total });
                    let mut record = Record::marker(header);
                    record.payload = vec![0; bytes.into()].into();
                    self.add(record);
                }
            }
            Found::Join(seq) => {
                self.waiters += 1;
                self.window.join(seq, self.waiters);
                let (message, cause) = cause.unwrap();
                self.waiting.push((message, cause, self.waiters));
            }
            Found::Known(_) | Found::Conflict(_) => {}
        }
    }

    /// From the log alone: what holds, and where one is to wait, for which record.
    fn look_up(
        &self,
        stream: &Option<VirtualChannel>,
        key: &Bytes,
        transaction: Option<TransactionId>,
    ) -> (Found, Option<(usize, usize)>) {
        for at in (0..self.log.len()).rev() {
            let Row { record, refused } = &self.log[at];
            let header = &record.header;
            let named = header.idempotency_key.as_ref() == Some(key)
                && &header.virtual_channel == stream
                && Keyed::of(header).is_some();
            if !named || *refused {
                continue;
            }
            let seq = header.seq.unwrap();
            let of = header.transaction.map(|it| it.id);
            let end = self.log.iter().enumerate().find(|(_, row)| {
                let ends = matches!(row.record.header.kind, Kind::Commit | Kind::Rollback);
                ends && of.is_some() && row.record.header.transaction.map(|it| it.id) == of
            });
            let is_rolled_back =
                end.is_some_and(|(_, row)| row.record.header.kind == Kind::Rollback);
            if is_rolled_back {
                continue;
            }
            let commit = end.map(|(at, _)| at);
            let pending = at >= self.decided;
            let waits_for = match (of, commit) {
                (Some(_), Some(commit)) if commit >= self.decided => Some(commit),
                _ if pending => Some(at),
                _ => None,
            };
            let is_waited_for = self.waiting.iter().any(|(message, _, _)| *message == at);
            if !pending && !is_waited_for && self.is_out(at) {
                return (Found::New, None);
            }
            return match (of, commit) {
                (Some(id), None) if transaction != of => (Found::Conflict(id), None),
                _ => match waits_for {
                    Some(cause) => (Found::Join(seq), Some((at, cause))),
                    None => (Found::Known(place(record)), None),
                },
            };
        }
        (Found::New, None)
    }

    /// Whether what is behind it in the log, or its age, puts it out of the window.
    fn is_out(&self, at: usize) -> bool {
        let first = at
            - self.log[at]
                .record
                .header
                .chunk
                .map_or(0, |it| it.index as usize);
        let bytes: usize = self.log[first..]
            .iter()
            .map(|it| it.record.bytes() + OVERHEAD_BYTES)
            .sum();
        let age_ms = self.now.unix_ms() - self.log[at].record.header.tick.unix_ms();
        bytes > self.option.bytes || u128::from(age_ms) > self.option.keep.as_millis()
    }

    fn decide(&mut self, refuse: bool) {
        let Some(row) = self.log.get_mut(self.decided) else {
            return;
        };
        let (header, mut told) = (row.record.header.clone(), Vec::new());
        let refused = refuse && header.kind == Kind::Data && header.chunk.is_none();
        row.refused = refused;
        let at = self.decided;
        self.decided += 1;
        let outcome = if refused {
            Err(refusal())
        } else {
            Ok(place(&row.record))
        };
        if let Some(what) = Keyed::of(&header) {
            self.window.decided(what, outcome, &mut told);
        }
        let mut due = Vec::new();
        for (message, cause, waiter) in std::mem::take(&mut self.waiting) {
            // One that waits for a message whose transaction commits meanwhile waits for the Commit.
            let commit = self
                .commit_of(message)
                .filter(|commit| *commit > at && !refused);
            match commit {
                _ if cause != at && !(refused && message == at) => {
                    self.waiting.push((message, cause, waiter))
                }
                Some(commit) => self.waiting.push((message, commit, waiter)),
                None => due.push((message, cause, waiter)),
            }
        }
        due.sort_by_key(|(_, _, waiter)| *waiter);
        told.sort_by_key(|(waiter, _)| *waiter);
        assert_eq!(told.len(), due.len());
        for ((message, _, expected), (waiter, outcome)) in due.iter().zip(&told) {
            assert_eq!(waiter, expected);
            match outcome {
                Ok(it) => assert_eq!(*it, place(&self.log[*message].record)),
                Err(error) => assert!(refused, "{error}"),
            }
        }
    }

    fn commit_of(&self, message: usize) -> Option<usize> {
        let of = self.log[message].record.header.transaction?.id;
        self.log.iter().position(|row| {
            let header = &row.record.header;
            header.kind == Kind::Commit && header.transaction.is_some_and(|it| it.id == of)
        })
    }

    /// What has not landed gets other numbers; transactions that began there get other ids.
    fn recover(&mut self, landed: u8) {
        let pending = self.log.len() - self.decided;
        let first = self.decided + usize::from(landed) % (pending + 1);
        let Some(cut) = self.log.get(first).map(|it| it.record.header.seq.unwrap()) else {
            return;
        };
        let refused = self.log[..first]
            .iter_mut()
            .rev()
            .take_while(|it| it.refused);
        let back = refused.filter_map(|it| it.record.header.seq.take()).count() as u64;
        // Their numbers are given again.
        self.window.unplace(cut);
        let again = |id: TransactionId| match id.0 >= cut {
            true => TransactionId(Seq::new(id.0.get() - back)),
            false => id,
        };
        // The model's log keeps refused rows, whose seqs nobody asks for any more.
        for row in &mut self.log[first..] {
            let header = &mut row.record.header;
            let former = header.seq.unwrap();
            header.seq = Some(Seq::new(former.get() - back));
            header.lsn = header.seq.map(|it| Lsn::new(it.get()));
            self.now = self.now.next();
            header.tick = self.now;
            if let Some(transaction) = &mut header.transaction {
                transaction.id = again(transaction.id);
            }
            self.window.placed_again(former, &row.record);
        }
        self.open.iter_mut().for_each(|id| *id = again(*id));
        self.next = Seq::new(self.next.get() - back);
    }

    /// A new owner reads the log from where the window starts, and rolls back what it finds open.
    fn reopen(&mut self) {
        while self.decided < self.log.len() {
            self.decide(false);
        }
        self.window.evict(self.now);
        let start = self.window.start_seq(self.next);
        let mut keys = Keys::new(self.option);
        keys.starts_at(start);
        let log = self.log.iter().rev().filter(|it| !it.refused);
        for Row { record, .. } in log {
            if !keys.take(place(record).id, record) {
                break;
            }
        }
        let mut restored = Window::from(keys);
        restored.evict(self.now);
        let known = |window: &Window<u32>| {
            let mut known: Vec<_> = window.index.clone().into_iter().collect();
            known.sort();
            known
        };
        assert_eq!(known(&restored), known(&self.window));
        // Bytes of what was refused count until the reopen.
        self.log
            .retain(|it| !it.refused && it.record.header.seq.unwrap() >= start);
        self.decided = self.log.len();
        self.window = restored;
        for id in std::mem::take(&mut self.open) {
            self.place(Kind::Rollback, |header| {
                header.transaction = Some(context(id))
            });
        }
    }
}

fn context(id: TransactionId) -> TransactionContext {
    TransactionContext {
        id,
        count: None,
        keepalive_ms: None,
    }
}
