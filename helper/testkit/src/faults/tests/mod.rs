mod answers;
mod plan;
mod process;
mod proxy;
mod reads;

use std::sync::Arc;
use std::time::Duration;

use walx_core::{ChannelName, Config, ErrorKind, Header, Kind, MessageId, Owner, Record, Result};
use walx_core::{Lsn, Seq, Term, Tick};
use walx_impls::{Appending, Batch, Claim, OpenerBuilderImpls, OpenerImpls, WalImpls};
use walx_memory::MemoryStore;
use walx_utility::clock;

use super::{Faults, Faulty, Plan};

/// A writer over a faulty line, and the store behind it.
struct Rig {
    store: MemoryStore,
    opener: Arc<dyn OpenerImpls>,
    faults: Faults,
}

impl Rig {
    async fn new(plan: Plan) -> Self {
        let store = MemoryStore::new();
        let faulty = Faulty::new(Arc::new(store.builder()), plan);
        Self {
            opener: faulty.build(Config::new()).await.unwrap(),
            faults: faulty.faults().clone(),
            store,
        }
    }

    async fn writer(&self) -> Arc<dyn WalImpls> {
        self.opener.open(&name(), Claim::TakeOver).await.unwrap()
    }

    /// How many records the backend has.
    async fn stored(&self) -> u64 {
        let bounds = self.store.opener().bounds(&name()).await.unwrap();
        bounds.newest.map_or(0, |id| id.to_u64().unwrap() + 1)
    }
}

fn name() -> ChannelName {
    ChannelName::new("a").unwrap()
}

fn record(number: u64) -> Record {
    let header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::new(number));
    Record::marker(header.numbered(Seq::new(number), Lsn::new(number)))
}

fn append(wal: &dyn WalImpls, number: u64) -> Appending {
    wal.append(Batch::One(record(number)))
}

/// Nothing in these tests takes long.
async fn within<T>(future: impl Future<Output = T>) -> T {
    clock::timeout(Duration::from_secs(20), future)
        .await
        .expect("it takes too long")
}

fn kind(answer: Result<Batch<MessageId>>) -> Option<ErrorKind> {
    answer.err().map(|error| error.kind())
}
