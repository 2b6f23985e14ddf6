//! When the requests of an open loop are due: decided beforehand, and never by an answer.

use std::time::Duration;

use fastrand::Rng;

use super::flags::Spacing;

/// The share of a stream of requests that one of several threads sends; without an end.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    /// Mean distance in seconds.
    distance: f64,
    /// When the next request is due, in seconds from the start.
    next: f64,
    /// Of distances that differ.
    random: Option<Rng>,
}

/// Which of how many threads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) thread: u32,
    pub(super) of: u32,
}

impl Arrivals {
    /// A thread's share of `rate` requests a second. The same share always has the same times.
    pub(super) fn new(rate: f64, spacing: Spacing, Share { thread, of }: Share) -> Self {
        let distance = f64::from(of) / rate;
        match spacing {
            // The threads take turns.
            Spacing::Constant => Self { distance, next: f64::from(thread) / rate, random: None },
            // Independent streams of random times add up to one.
            Spacing::Poisson => {
                let mut random = Rng::with_seed(u64::from(thread));
                Self { distance, next: exponential(&mut random) * distance, random: Some(random) }
            }
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    /// The next time from the start. Times add up in floats, whose error stays far below a microsecond in a day.
    fn next(&mut self) -> Option<Duration> {
        let due = Duration::try_from_secs_f64(self.next).ok()?;
        self.next += self.distance * self.random.as_mut().map_or(1.0, exponential);
        Some(due)
    }
}

/// A distance between independent events, of mean 1.
fn exponential(random: &mut Rng) -> f64 {
    -(1.0 - random.f64()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(thread: u32, of: u32) -> Share {
        Share { thread, of }
    }

    #[test]
    fn constant_requests_are_equally_far_apart_over_all_threads() {
        let mut times: Vec<_> = (0..3)
            .flat_map(|thread| Arrivals::new(1000.0, Spacing::Constant, share(thread, 3)).take(1000))
            .map(|due| due.as_secs_f64())
            .collect();
        times.sort_by(f64::total_cmp);
        assert_eq!(times.len(), 3000);
        for (position, time) in times.iter().enumerate() {
            assert!((time - f64::from(u32::try_from(position).unwrap()) / 1000.0).abs() < 1e-9, "{position}: {time}");
        }
    }

    #[test]
    fn poisson_requests_come_at_the_rate_and_vary_as_independent_ones_do() {
        let count = 100_000;
        let times: Vec<_> = Arrivals::new(500.0, Spacing::Poisson, share(0, 1)).take(count).collect();
        assert!(times.is_sorted());
        let rate = f64::from(u32::try_from(count).unwrap()) / times[count - 1].as_secs_f64();
        assert!((rate / 500.0 - 1.0).abs() < 0.02, "{rate}");
        // Counts in equal spans have a variance like their mean.
        let spans = times[count - 1].as_secs();
        let in_span = |span| times.iter().filter(|due| due.as_secs() == span).count();
        let squares = (0..spans).map(|span| (f64::from(u32::try_from(in_span(span)).unwrap()) - 500.0).powi(2));
        let variance = squares.sum::<f64>() / f64::from(u32::try_from(spans).unwrap());
        assert!((350.0..650.0).contains(&variance), "{variance}");
    }

    #[test]
    fn threads_have_times_of_their_own_and_always_the_same() {
        let first = |thread| Arrivals::new(10.0, Spacing::Poisson, share(thread, 2)).take(5).collect::<Vec<_>>();
        assert_eq!(first(0), first(0));
        assert_ne!(first(0), first(1));
    }
}
