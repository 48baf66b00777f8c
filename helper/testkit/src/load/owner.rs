use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use walx_core::{ChannelName, OpenOption, Opener, Wal};
use walx_utility::clock;
use walx_utility::spawn::{self, Task};

use super::books::Books;
use crate::{Failure, Outcome};

/// How long it waits before it opens again where that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// The wal of now; none while there is no owner.
pub(super) type Wals = watch::Receiver<Option<Arc<dyn Wal>>>;

/// Sees to it that the channel has an owner: where a wal gives up, the next one is opened.
pub(super) struct Keeper {
    wals: watch::Sender<Option<Arc<dyn Wal>>>,
    keeping: Task<()>,
}

impl Keeper {
    pub(super) async fn start(
        store: Arc<dyn Opener>,
        channel: ChannelName,
        books: &Arc<Books>,
    ) -> Outcome<(Self, Wals)> {
        let option = OpenOption::new(channel).with_take_over(true);
        let first = store.open(option.clone()).await?;
        books.owned();
        let (wals, receiver) = watch::channel(Some(Arc::clone(&first)));
        let keeping = spawn::task(keep(store, option, wals.clone(), first, Arc::clone(books)));
        Ok((Self { wals, keeping }, receiver))
    }

    /// Lets go of the channel.
    pub(super) async fn end(self) {
        drop(self.keeping);
        let wal = self.wals.send_replace(None);
        if let Some(wal) = wal {
            // The store's close tells what went wrong.
            let _ = wal.close().await;
        }
    }
}

async fn keep(
    store: Arc<dyn Opener>,
    option: OpenOption,
    wals: watch::Sender<Option<Arc<dyn Wal>>>,
    mut wal: Arc<dyn Wal>,
    books: Arc<Books>,
) {
    loop {
        wal.unavailable().await;
        wals.send_replace(None);
        let _ = wal.close().await;
        wal = loop {
            match store.open(option.clone()).await {
                Ok(wal) => break wal,
                Err(_) => clock::sleep(PAUSE).await,
            }
        };
        books.owned();
        wals.send_replace(Some(Arc::clone(&wal)));
    }
}

/// The wal of now, as soon as there is one.
pub(super) async fn current(wals: &mut Wals) -> Outcome<Arc<dyn Wal>> {
    let some = wals.wait_for(Option::is_some).await;
    let wal = some.ok().and_then(|it| it.clone());
    wal.ok_or_else(|| Failure::new("the load ended"))
}
