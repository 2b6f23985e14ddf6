//! Counts of requests by the number of rows of the run that answered them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use loadonce_core::Timing;

use super::histogram::nanoseconds;

/// Different numbers of rows that are counted apart; those that come later are counted together.
const MOST_SIZES: usize = 64;

/// A table as large as it may become. A number of rows takes the first free place from its own on, and keeps it.
#[derive(Debug)]
pub(super) struct Batches {
    places: [Place; MOST_SIZES],
    others: Place,
}

#[derive(Debug, Default)]
struct Place {
    /// One more than the number of rows; 0 is free.
    key: AtomicU64,
    requests: AtomicU64,
    decode: AtomicU64,
    encode: AtomicU64,
    runs: AtomicU64,
    run: AtomicU64,
}

/// What is known of runs of one size; times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// None for all sizes that are not counted apart.
    pub(crate) rows: Option<u64>,
    /// Requests that such runs answered.
    pub(crate) requests: u64,
    /// Reading these requests.
    pub(crate) decode: u64,
    /// Writing their answers.
    pub(crate) encode: u64,
    pub(crate) runs: u64,
    /// In the model, once for each run.
    pub(crate) run: u64,
}

impl Default for Batches {
    fn default() -> Self {
        Self { places: std::array::from_fn(|_| Place::default()), others: Place::default() }
    }
}

impl Batches {
    /// Counts a request that was answered.
    pub(super) fn add(&self, timing: &Timing, decode: Duration, encode: Duration) {
        let place = self.place(timing.shared.rows);
        place.requests.fetch_add(1, Ordering::Relaxed);
        place.decode.fetch_add(nanoseconds(decode), Ordering::Relaxed);
        place.encode.fetch_add(nanoseconds(encode), Ordering::Relaxed);
        if timing.shared.leads {
            place.runs.fetch_add(1, Ordering::Relaxed);
            place.run.fetch_add(nanoseconds(timing.run), Ordering::Relaxed);
        }
    }

    /// All that was counted, by rows.
    pub(super) fn read(&self) -> Vec<Batch> {
        let mut batches: Vec<_> =
            self.places.iter().chain([&self.others]).map(Place::read).filter(|batch| batch.requests > 0).collect();
        batches.sort_by_key(|batch| batch.rows.unwrap_or(u64::MAX));
        batches
    }

    fn place(&self, rows: usize) -> &Place {
        let key = (rows as u64).saturating_add(1);
        let (before, from) = self.places.split_at(rows % MOST_SIZES);
        from.iter().chain(before).find(|place| place.is_for(key)).unwrap_or(&self.others)
    }
}

impl Place {
    /// Whether the place has that key, which it takes if it is free.
    fn is_for(&self, key: u64) -> bool {
        let found = match self.key.load(Ordering::Relaxed) {
            0 => self
                .key
                .compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed)
                .map_or_else(|taken| taken, |_| key),
            taken => taken,
        };
        found == key
    }

    fn read(&self) -> Batch {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Batch {
            rows: of(&self.key).checked_sub(1),
            requests: of(&self.requests),
            decode: of(&self.decode),
            encode: of(&self.encode),
            runs: of(&self.runs),
            run: of(&self.run),
        }
    }
}

#[cfg(test)]
mod tests {
    use loadonce_core::SharedRun;

    use super::*;

    fn add(batches: &Batches, rows: usize) {
        let timing = Timing { shared: SharedRun { rows, ..SharedRun::default() }, ..Timing::default() };
        batches.add(&timing, Duration::from_nanos(1), Duration::from_nanos(2));
    }

    #[test]
    fn sizes_are_counted_apart_even_where_they_want_the_same_place() {
        let batches = Batches::default();
        for rows in [0, 64, 1, 128, 64] {
            add(&batches, rows);
        }
        let read: Vec<_> = batches.read().iter().map(|batch| (batch.rows.unwrap(), batch.requests)).collect();
        assert_eq!(read, [(0, 1), (1, 1), (64, 2), (128, 1)]);
    }

    #[test]
    fn the_sizes_that_are_counted_apart_are_bounded() {
        let batches = Batches::default();
        (0..1000).for_each(|rows| add(&batches, rows));
        let read = batches.read();
        assert_eq!(read.len(), MOST_SIZES + 1);
        let rest = u64::try_from(1000 - MOST_SIZES).unwrap();
        assert_eq!(
            read.last(),
            Some(&Batch { rows: None, requests: rest, decode: rest, encode: 2 * rest, runs: rest, run: 0 })
        );
    }
}
