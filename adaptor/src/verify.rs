//! Reads everything that is confirmed, and checks what every backend's records promise.

use std::collections::HashMap;
use std::fmt;

use walx_core::{
    ChannelName, Error, ErrorKind, Finding, Lsn, Owner, Progress, Result, Seq, Tick, Verified,
    VerifiedChannel,
};
use walx_impls::{Kind, OpenerImpls, RoWalImpls, ScanOptions, Scanned, Start, StoredRecord};

use crate::look::next_batch;
use crate::patience::{Patience, patiently};

/// Verifies one channel, or all.
pub(crate) async fn verify(
    opener: &dyn OpenerImpls,
    channel: Option<&ChannelName>,
    progress: &Progress,
) -> Result<Verified> {
    let mut verified = Verified::default();
    let maintenance = opener.maintenance();
    let channels = match channel {
        Some(channel) => vec![channel.clone()],
        None => patiently(|| opener.list()).await?,
    };
    let salvaging = maintenance.map(|it| it.salvaging());
    let reading = salvaging.as_deref().unwrap_or(opener);
    // The readers come first: a channel that does not exist is told before everything is read.
    let mut readers = Vec::new();
    let outcome = async {
        for channel in &channels {
            readers.push(patiently(|| reading.open_read_only(channel)).await?);
        }
        if let Some(maintenance) = maintenance {
            let mut found = |finding| verified.add(finding);
            maintenance.verify(&mut found, progress).await?;
        }
        for reader in &readers {
            let told = maintenance.is_some();
            let channel = Checker::new(reader.channel(), told, &mut verified)
                .run(reader.as_ref(), progress)
                .await?;
            verified.channels.push(channel);
        }
        Ok(())
    }
    .await;
    let mut closed = Ok(());
    for reader in readers {
        closed = closed.and(reader.close().await);
    }
    if let Some(salvaging) = &salvaging {
        closed = closed.and(salvaging.close().await);
    }
    outcome.and(closed).map(|()| verified)
}

/// Checks the records of one channel, one after the other.
struct Checker<'a> {
    verified: &'a mut Verified,
    read: VerifiedChannel,
    /// Whether the backend has told its damage itself.
    told: bool,
    owner: Option<Owner>,
    /// The last record with numbers.
    last: Option<Last>,
    /// Whether there is damage before the next record.
    damaged: bool,
    /// The records of each open transaction whose Begin was read.
    open: HashMap<Seq, u32>,
    /// The damage since the last record, which a scanner that is started again tells again.
    here: Vec<String>,
}

/// What the next record must come behind.
#[derive(Clone, Copy)]
struct Last {
    seq: Seq,
    next_lsn: Option<Lsn>,
    tick: Tick,
}

impl<'a> Checker<'a> {
    fn new(channel: &ChannelName, told: bool, verified: &'a mut Verified) -> Self {
        Self {
            verified,
            read: VerifiedChannel::new(channel.clone()),
            told,
            owner: None,
            last: None,
            damaged: false,
            open: HashMap::new(),
            here: Vec::new(),
        }
    }

    async fn run(
        mut self,
        reader: &dyn RoWalImpls,
        progress: &Progress,
    ) -> Result<VerifiedChannel> {
        let bounds = patiently(|| reader.bounds()).await?;
        let Some(last) = bounds.foreign.or(bounds.newest) else {
            return Ok(self.read);
        };
        if let (None, Some(newest)) = (bounds.earliest, bounds.newest) {
            let what =
                "everything up to here is gone, though nobody can truncate the newest record";
            self.find(newest, what.to_owned());
            return Ok(self.read);
        }
        let scan = |start| patiently(move || reader.scan(start, ScanOptions::default()));
        let (mut scanner, mut start) = (scan(Start::Earliest).await?, Start::Earliest);
        let mut patience = Patience::new();
        loop {
            let batch = match next_batch(scanner.as_mut()).await {
                // The owner truncated meanwhile: what is left is read from its start.
                Err(error) if matches!(error.kind(), ErrorKind::PositionLost { .. }) => {
                    (start, self.last) = (Start::Earliest, None);
                    scanner = scan(start).await?;
                    continue;
                }
                Err(error) => {
                    patience.wait(error).await?;
                    scanner = scan(start).await?;
                    continue;
                }
                Ok(batch) => batch,
            };
            for item in batch {
                match item {
                    Scanned::Record(stored) => {
                        // What the backend has verified itself counts already.
                        if !self.told {
                            progress.advance(stored.record.bytes() as u64);
                        }
                        self.record(&stored);
                        self.here.clear();
                        patience.reset();
                        start = Start::After(stored.id);
                        if stored.id >= last {
                            return Ok(self.read);
                        }
                    }
                    Scanned::Damage(what) => self.damage(what),
                    Scanned::Foreign(foreign) => {
                        self.read.foreign += 1;
                        patience.reset();
                        start = Start::After(foreign.id);
                        if foreign.id >= last {
                            return Ok(self.read);
                        }
                    }
                    _ => {
                        let text = "the backend handed out what this version can't read";
                        return Err(Error::new(ErrorKind::Internal, text));
                    }
                }
            }
        }
    }

    fn damage(&mut self, what: String) {
        self.damaged = true;
        if !self.told && !self.here.contains(&what) {
            self.here.push(what.clone());
            self.find("before the next record", what);
        }
    }

    fn record(&mut self, stored: &StoredRecord) {
        let header = &stored.record.header;
        if let Some(owner) = self.owner.filter(|owner| header.owner < *owner) {
            // Two opens met: the Barrier of one came late, and the other one went on with a larger term.
            if header.kind == Kind::Barrier {
                return self.count(stored);
            }
            let what = format!(
                "a record of owner {} lies behind one of owner {owner}",
                header.owner
            );
            return self.find(stored.id, what);
        }
        self.owner = Some(header.owner);
        self.count(stored);
        let Some(seq) = header.seq else {
            return;
        };
        if let Some(last) = self.last {
            if seq <= last.seq {
                // A double of one that was read: scans drop it.
                return;
            }
            self.compare(&last, stored, seq);
            if seq != last.seq.next() {
                // What is missing was told.
                self.open.clear();
            }
        }
        self.transaction(stored);
        // Only what has a seq shows what the damage took: a Barrier behind it tells nothing.
        self.damaged = false;
        self.last = Some(Last {
            seq,
            next_lsn: header.next_lsn(),
            tick: header.tick,
        });
    }

    fn compare(&mut self, last: &Last, stored: &StoredRecord, seq: Seq) {
        let header = &stored.record.header;
        let dense = seq == last.seq.next();
        if !dense && !self.damaged {
            let what = format!(
                "seq {seq} follows seq {}: records between them are missing",
                last.seq
            );
            self.find(stored.id, what);
        }
        if let (Some(lsn), Some(next)) = (header.lsn, last.next_lsn)
            && (lsn < next || (dense && lsn > next))
        {
            let what = format!("lsn {lsn} stands where lsn {next} belongs");
            self.find(stored.id, what);
        }
        if header.tick <= last.tick {
            let what = format!(
                "tick {} follows tick {}, which is not smaller",
                header.tick, last.tick
            );
            self.find(stored.id, what);
        }
    }

    /// A Commit says how many records its transaction has.
    fn transaction(&mut self, stored: &StoredRecord) {
        let header = &stored.record.header;
        let Some(transaction) = header.transaction else {
            return;
        };
        let id = transaction.id.0;
        match header.kind {
            Kind::Begin => drop(self.open.insert(id, 0)),
            Kind::Data => {
                if let Some(records) = self.open.get_mut(&id) {
                    *records = records.saturating_add(1);
                }
            }
            Kind::Commit => {
                if let Some(records) = self.open.remove(&id)
                    && transaction.count != Some(records)
                {
                    let says = transaction.count.unwrap_or(0);
                    let what = format!(
                        "the commit of the transaction {id} says {says} records, and it has {records}"
                    );
                    self.find(stored.id, what);
                }
            }
            _ => drop(self.open.remove(&id)),
        }
    }

    fn count(&mut self, stored: &StoredRecord) {
        let (read, header) = (&mut self.read, &stored.record.header);
        read.records += 1;
        read.bytes += stored.record.bytes() as u64;
        // A message stands where its last chunk does.
        if header.ends_message() {
            read.messages += 1;
            read.first = read.first.or(header.lsn);
            read.last = header.lsn.or(read.last);
        }
    }

    fn find(&mut self, place: impl fmt::Display, what: String) {
        let finding = Finding::new(place, what).with_channel(&self.read.channel);
        self.verified.add(finding);
    }
}

#[cfg(test)]
mod tests {
    use walx_core::{BackendName, MessageId, Record, Term, TransactionContext, TransactionId};
    use walx_impls::Header;

    use super::*;

    fn record(id: u64, term: u64, seq: Option<u64>) -> StoredRecord {
        let owner = Owner::new(Term::new(term));
        let kind = if seq.is_some() {
            Kind::Data
        } else {
            Kind::Barrier
        };
        let mut header = Header::new(kind, owner, Tick::new(id));
        if let Some(seq) = seq {
            header = header.numbered(Seq::new(seq), Lsn::new(seq));
        }
        StoredRecord {
            id: MessageId::from_u64(BackendName::constant("file"), id),
            record: Record::marker(header),
        }
    }

    #[test]
    fn a_commit_that_counts_wrong_is_found() {
        for (count, findings) in [(2, 0), (1, 1), (3, 1)] {
            let mut verified = Verified::default();
            let channel = ChannelName::new("orders").unwrap();
            let mut checker = Checker::new(&channel, true, &mut verified);
            let kinds = [Kind::Begin, Kind::Data, Kind::Data, Kind::Commit];
            for (seq, kind) in (0..).zip(kinds) {
                let mut record = record(seq + 1, 1, Some(seq));
                let header = &mut record.record.header;
                (header.kind, header.lsn) = (kind, Some(Lsn::new(seq.saturating_sub(1))));
                header.transaction = Some(TransactionContext {
                    id: TransactionId(Seq::ZERO),
                    count: (kind == Kind::Commit).then_some(count),
                    keepalive_ms: None,
                });
                checker.record(&record);
            }
            assert_eq!(verified.findings.len(), findings, "{:?}", verified.findings);
        }
    }

    #[test]
    fn damage_explains_what_is_missing_behind_it_also_where_a_barrier_comes_first() {
        let mut verified = Verified::default();
        let channel = ChannelName::new("orders").unwrap();
        let mut checker = Checker::new(&channel, true, &mut verified);
        checker.record(&record(1, 1, Some(0)));
        checker.damage("told by the backend".to_owned());
        checker.record(&record(5, 2, None));
        checker.record(&record(6, 2, Some(4)));
        assert!(checker.verified.findings.is_empty());
        // It explains one hole, not the next.
        checker.record(&record(8, 2, Some(6)));
        assert_eq!(verified.findings.len(), 1);
    }
}
