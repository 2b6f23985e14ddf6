//! Models that are wrong in ways that no single request shows.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is wrong with a fake model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Runs write to memory that all sessions share, and read it again later.
    SharesScratch,
    /// The answer depends on the request before.
    RemembersLast,
    /// The answer depends on chance.
    AnswersAtRandom,
    /// Each run leaves a page behind.
    Leaks,
    /// Only one run goes on at a time, though sessions are many.
    Locks,
}

/// The time of a run that works.
const WORK: Duration = Duration::from_micros(100);

/// What the sessions of a faulty model share.
#[derive(Debug, Default)]
pub(super) struct Faults {
    scratch: AtomicU32,
    last: AtomicU32,
    random: AtomicU64,
    lock: Mutex<()>,
}

impl Faults {
    /// What comes to the answer of a request with that first element.
    pub(super) fn happen(&self, fault: Fault, first: f32) -> f32 {
        match fault {
            Fault::SharesScratch => {
                self.scratch.store(first.to_bits(), Ordering::SeqCst);
                work();
                f32::from_bits(self.scratch.load(Ordering::SeqCst)) - first
            }
            Fault::RemembersLast => f32::from_bits(self.last.swap(first.to_bits(), Ordering::SeqCst)),
            Fault::AnswersAtRandom => {
                // The constants of Knuth's MMIX.
                let next = |state: u64| state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let state = self.random.update(Ordering::SeqCst, Ordering::SeqCst, next);
                f32::from(u16::try_from(state >> 48).unwrap_or_default())
            }
            Fault::Leaks => {
                std::mem::forget(vec![1_u8; 4096]);
                0.0
            }
            Fault::Locks => {
                let _one = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
                work();
                0.0
            }
        }
    }
}

fn work() {
    let started = Instant::now();
    while started.elapsed() < WORK {
        std::hint::spin_loop();
    }
}
