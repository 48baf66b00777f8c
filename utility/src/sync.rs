//! Locks of short critical sections.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock, also after a holder panicked: what the lock guards must be whole at every call that may panic.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
