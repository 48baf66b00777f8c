//! A mirror of one memory store in another.

use std::sync::Arc;
use std::time::Duration;

use walx_adaptor::layer::{Mirror, MirrorOption, MirrorWal};
use walx_utility::clock;

use super::{Rig, within};

/// Two memory stores, and a mirror of one in the other.
pub struct Pair {
    pub first: Rig,
    pub second: Rig,
    pub mirror: Arc<Mirror>,
}

impl Pair {
    pub fn new(option: MirrorOption) -> Self {
        Self::of(Rig::new(), Rig::new(), option)
    }

    pub fn of(first: Rig, second: Rig, option: MirrorOption) -> Self {
        let mirror = Mirror::new(first.other_opener(), second.other_opener(), option);
        Self {
            first,
            second,
            mirror,
        }
    }

    pub async fn open(&self) -> Arc<MirrorWal> {
        let option = self.first.option().with_take_over(true);
        self.mirror.open_mirrored(option).await.unwrap()
    }

    /// Everything is copied, and nothing differs.
    pub async fn check(&self, wal: &MirrorWal) -> u64 {
        let mirrored = clock::timeout(Duration::from_secs(600), wal.mirrored()).await;
        mirrored
            .unwrap_or_else(|_| panic!("{:?}", wal.state()))
            .unwrap();
        let compared = self.mirror.compare(&self.first.channel).await.unwrap();
        assert_eq!((compared.difference, compared.behind), (None, 0));
        within(async {
            while wal.state().lag > 0 {
                clock::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        compared.equal
    }
}
