//! Progress of one load: bytes in, bytes expected, and the word to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{LoadError, LoadErrorKind};

/// A shared view of how far a load is; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    read: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// Expects that many more bytes.
    pub fn expect(&self, bytes: u64) {
        self.0.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that came in.
    pub fn advance(&self, bytes: u64) {
        self.0.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that came in so far.
    pub fn read(&self) -> u64 {
        self.0.read.load(Ordering::Relaxed)
    }

    /// Bytes expected in all; 0 while unknown.
    pub fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    /// Asks the load to stop; nobody waits for its result any more.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the load should stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// Ends a load that should stop.
    ///
    /// # Errors
    /// [`LoadErrorKind::Internal`], once [`Self::cancel`] was called.
    pub fn go_on(&self) -> Result<(), LoadError> {
        if self.is_cancelled() {
            return Err(LoadError::new(LoadErrorKind::Internal, "the load was cancelled"));
        }
        Ok(())
    }
}
