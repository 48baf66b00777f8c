//! One budget of memory for everything that a program opens.

mod charge;
mod pool;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

pub use self::charge::{Charge, Reserve};
use self::pool::Pool;
pub use self::watch::LimitsWatch;
use self::watch::Watchers;

/// What memory is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// Appends on their way, with what permits reserve. Beyond the limit, appends wait in the queue of their wal.
    InFlight,
    /// Entries that scanners have read ahead of their callers. Beyond the limit, they read less ahead.
    ReadAhead,
    /// Messages kept until their transaction, or their last chunk, is read. Beyond the limit, a scan does what it does
    /// beyond its own [`transaction_buffer_bytes`](crate::ScanOption::transaction_buffer_bytes).
    Transactions,
    /// Write-ahead caches. Beyond the limit, the wal that adds to its cache keeps less of it.
    Cache,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::InFlight,
        Self::ReadAhead,
        Self::Transactions,
        Self::Cache,
    ];

    /// Its name in texts and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::ReadAhead => "read_ahead",
            Self::Transactions => "transactions",
            Self::Cache => "cache",
        }
    }

    /// The limit of the process unless it is set, in bytes.
    pub const fn default_limit(self) -> usize {
        match self {
            Self::InFlight | Self::Transactions => 512 << 20,
            Self::ReadAhead => 256 << 20,
            Self::Cache => 1 << 30,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A budget of memory in bytes, shared by all wals that are opened with it. Each wal and scan has limits of its own
/// beside it, in [`OpenOption`](crate::OpenOption) and [`ScanOption`](crate::ScanOption); both hold.
///
/// Clones are the same budget. Limits can be set at any time: nothing is taken away from whoever holds more then, and
/// what comes new waits or is refused until enough is given back.
///
/// ```
/// use walx_core::{Category, Limits};
///
/// let limits = Limits::new().with_limit(Category::Transactions, 1000);
/// let charge = limits.try_charge(Category::Transactions, 600).unwrap();
/// assert!(limits.try_charge(Category::Transactions, 600).is_none());
/// drop(charge);
/// assert_eq!(limits.used(Category::Transactions), 0);
/// ```
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    pools: [Pool; Category::ALL.len()],
    watchers: Watchers,
}

impl Limits {
    /// A budget of its own, with the [default limits](Category::default_limit).
    pub fn new() -> Self {
        let pools = Category::ALL
            .map(|category| Pool::new(category.default_limit(), category == Category::InFlight));
        Self(Arc::new(Inner {
            pools,
            watchers: Watchers::default(),
        }))
    }

    /// The budget that everything is opened with that names no other.
    pub fn process() -> Self {
        static PROCESS: LazyLock<Limits> = LazyLock::new(Limits::new);
        PROCESS.clone()
    }

    /// Sets a limit in bytes, as [`set_limit`](Self::set_limit).
    #[must_use]
    pub fn with_limit(self, category: Category, bytes: usize) -> Self {
        self.set_limit(category, bytes);
        self
    }

    /// Sets a limit in bytes, from now on; who waits for room is let in where there is some now.
    pub fn set_limit(&self, category: Category, bytes: usize) {
        self.pool(category).set_limit(bytes);
        self.0.watchers.tell();
    }

    /// The limit in bytes.
    pub fn limit(&self, category: Category) -> usize {
        self.pool(category).limit()
    }

    /// The bytes that are held.
    pub fn used(&self, category: Category) -> usize {
        self.pool(category).used()
    }

    /// All limits and what is held.
    pub fn snapshot(&self) -> LimitsSnapshot {
        let of = |category| self.pool(category).usage();
        LimitsSnapshot {
            in_flight: of(Category::InFlight),
            read_ahead: of(Category::ReadAhead),
            transactions: of(Category::Transactions),
            cache: of(Category::Cache),
        }
    }

    /// What is held, now and after each change; changes that come faster than they are looked at count as one.
    pub fn watch(&self) -> LimitsWatch {
        LimitsWatch::new(self.clone())
    }

    /// Takes bytes if there is room and nobody waits for it; `None` otherwise.
    pub fn try_charge(&self, category: Category, bytes: usize) -> Option<Charge> {
        let charge = self.charge(category, 0);
        charge.try_grow(bytes).then_some(charge)
    }

    /// Takes as many bytes as there is room for, at most `wanted` and at least `least`, for what can do with less.
    pub fn charge_up_to(&self, category: Category, wanted: usize, least: usize) -> Charge {
        let room = self.limit(category).saturating_sub(self.used(category));
        self.charge(category, wanted.min(room.max(least)))
    }

    /// Takes bytes whether there is room or not, for what is there already.
    pub fn charge(&self, category: Category, bytes: usize) -> Charge {
        let charge = Charge::empty(self.clone(), category);
        charge.grow(bytes);
        charge
    }

    /// Takes bytes once there is room, behind everybody who waits already. More than the limit has
    /// room where nothing else is. The place in the queue is taken by the call.
    ///
    /// # Cancel
    /// Dropping the future leaves the queue, or gives the bytes back.
    pub fn reserve(&self, category: Category, bytes: usize) -> Reserve {
        Reserve::new(self.clone(), category, bytes)
    }

    fn pool(&self, category: Category) -> &Pool {
        &self.0.pools[category as usize]
    }
}

impl Default for Limits {
    /// That of the [process](Limits::process).
    fn default() -> Self {
        Self::process()
    }
}

impl PartialEq for Limits {
    /// Whether they are the same budget.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Limits").field(&self.snapshot()).finish()
    }
}

/// What was held of a budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsSnapshot {
    /// Appends on their way.
    pub in_flight: Use,
    /// What scanners have read ahead.
    pub read_ahead: Use,
    /// Messages kept until their transaction ends.
    pub transactions: Use,
    /// Write-ahead caches.
    pub cache: Use,
}

impl LimitsSnapshot {
    /// What was held of a category.
    pub const fn of(&self, category: Category) -> Use {
        match category {
            Category::InFlight => self.in_flight,
            Category::ReadAhead => self.read_ahead,
            Category::Transactions => self.transactions,
            Category::Cache => self.cache,
        }
    }
}

/// What was held of one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Use {
    /// Bytes that are held.
    pub used: usize,
    /// The limit in bytes.
    pub limit: usize,
    /// How many wait for room: of appends, each wal counts once.
    pub waiting: usize,
}

/// What the locks here guard is whole at every call that may panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
