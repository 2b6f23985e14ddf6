//! What the next run gets: a pure function of who waits, the time, and the limits.
//!
//! Batches form by themselves: a session that is free takes at once what is there, and while all are busy requests
//! gather. Only where the operator set a delay does a session wait for more.

use std::time::{Duration, Instant};

/// How far a run may grow by requests that share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// Rows of one run; 1 where no request shares one.
    pub(crate) rows: usize,
    /// Bytes of its inputs.
    pub(crate) bytes: usize,
    /// How long the oldest request may wait for others though a session is free.
    pub(crate) delay: Duration,
}

impl Sharing {
    /// No request shares a run.
    pub(crate) const OFF: Self = Self { rows: 1, bytes: usize::MAX, delay: Duration::ZERO };
}

/// What is to be known of a waiting request.
pub(super) trait Waiting {
    /// Rows that it brings.
    fn rows(&self) -> usize;
    /// Bytes of its inputs.
    fn bytes(&self) -> usize;
    /// When it came.
    fn arrived(&self) -> Instant;
    /// Whether both can share a run.
    fn fits(&self, other: &Self) -> bool;
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Nobody waits.
    Nothing,
    /// Look again then: more may have come.
    WaitUntil(Instant),
    /// Run the requests at these positions, in ascending order, together.
    Run(Vec<usize>),
}

/// The oldest request leads; those behind it that fit join it in their order, up to the limits. The leader itself is run
/// however large it is, so that every request gets its turn.
pub(super) fn choose<'a, W: Waiting + 'a>(
    waiting: impl IntoIterator<Item = &'a W>,
    now: Instant,
    limits: &Sharing,
) -> Choice {
    let mut waiting = waiting.into_iter().enumerate();
    let Some((position, leader)) = waiting.next() else { return Choice::Nothing };
    let (mut rows, mut bytes, mut chosen) = (leader.rows(), leader.bytes(), vec![position]);
    for (position, other) in waiting {
        if rows >= limits.rows || bytes >= limits.bytes {
            break;
        }
        let (more_rows, more_bytes) = (rows.saturating_add(other.rows()), bytes.saturating_add(other.bytes()));
        if more_rows <= limits.rows && more_bytes <= limits.bytes && leader.fits(other) {
            (rows, bytes) = (more_rows, more_bytes);
            chosen.push(position);
        }
    }
    let full = rows >= limits.rows || bytes >= limits.bytes;
    let end = leader.arrived() + limits.delay;
    if full || now >= end || !leader.fits(leader) { Choice::Run(chosen) } else { Choice::WaitUntil(end) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A request of that many rows, one byte each; only requests of one kind share a run, and those of kind 0 none.
    #[derive(Clone, Copy, Debug)]
    struct Fake {
        kind: u8,
        rows: usize,
        arrived: Instant,
    }

    impl Waiting for Fake {
        fn rows(&self) -> usize {
            self.rows
        }

        fn bytes(&self) -> usize {
            self.rows
        }

        fn arrived(&self) -> Instant {
            self.arrived
        }

        fn fits(&self, other: &Self) -> bool {
            self.kind == other.kind && self.kind != 0
        }
    }

    fn limits(max_rows: usize, delay: u64) -> Sharing {
        Sharing { rows: max_rows, bytes: 100, delay: Duration::from_millis(delay) }
    }

    /// Decides on requests of these kinds and rows that came just now.
    fn check(requests: &[(u8, usize)], limits: &Sharing) -> Choice {
        let now = Instant::now();
        let waiting: Vec<_> = requests.iter().map(|&(kind, rows)| Fake { kind, rows, arrived: now }).collect();
        choose(&waiting, now, limits)
    }

    #[test]
    fn the_oldest_leads_and_those_that_fit_join_in_order() {
        let eight = limits(8, 0);
        assert_eq!(check(&[], &eight), Choice::Nothing);
        assert_eq!(check(&[(1, 1), (1, 2), (1, 3)], &eight), Choice::Run(vec![0, 1, 2]));
        assert_eq!(check(&[(1, 1), (2, 1), (1, 1)], &eight), Choice::Run(vec![0, 2]));
        assert_eq!(check(&[(1, 5), (1, 4), (1, 3), (1, 1)], &eight), Choice::Run(vec![0, 2]));
        assert_eq!(check(&[(1, 50), (1, 1)], &eight), Choice::Run(vec![0]));
        assert_eq!(check(&[(0, 1), (0, 1)], &eight), Choice::Run(vec![0]));
        assert_eq!(check(&[(1, 99), (1, 1), (1, 1)], &limits(1000, 0)), Choice::Run(vec![0, 1]));
    }

    #[test]
    fn only_a_delay_that_was_set_and_a_batch_with_room_wait() {
        let now = Instant::now();
        let fake = Fake { kind: 1, rows: 1, arrived: now };
        let later = |milliseconds| now + Duration::from_millis(milliseconds);
        assert_eq!(choose(&[fake], now, &limits(8, 5)), Choice::WaitUntil(later(5)));
        assert_eq!(choose(&[fake], later(4), &limits(8, 5)), Choice::WaitUntil(later(5)));
        assert_eq!(choose(&[fake], later(5), &limits(8, 5)), Choice::Run(vec![0]));
        assert_eq!(choose(&[fake; 8], now, &limits(8, 5)), Choice::Run((0..8).collect()));
        let alone = Fake { kind: 0, ..fake };
        assert_eq!(choose(&[alone], now, &limits(8, 5)), Choice::Run(vec![0]));
    }

    /// The rule once more, as naively as it can be said: try every request behind the leader, from the oldest on.
    fn oracle(waiting: &[Fake], max_rows: usize) -> Vec<usize> {
        let mut chosen = vec![0];
        for position in 1..waiting.len() {
            let sum: usize = chosen.iter().map(|&chosen: &usize| waiting[chosen].rows).sum();
            let same = waiting[position].kind == waiting[0].kind && waiting[0].kind != 0;
            let has_room = sum < max_rows.min(100);
            if same && has_room && sum + waiting[position].rows <= max_rows.min(100) {
                chosen.push(position);
            }
        }
        chosen
    }

    proptest! {
        #[test]
        fn the_choice_is_that_of_the_naive_rule(
            requests in prop::collection::vec((0_u8..3, 0_usize..40), 1..30),
            max_rows in 1_usize..120,
        ) {
            let now = Instant::now();
            let waiting: Vec<_> = requests.iter().map(|&(kind, rows)| Fake { kind, rows, arrived: now }).collect();
            prop_assert_eq!(choose(&waiting, now, &limits(max_rows, 0)), Choice::Run(oracle(&waiting, max_rows)));
        }

        #[test]
        fn everybody_gets_a_turn_in_as_many_runs_as_there_are_requests(
            requests in prop::collection::vec((0_u8..3, 0_usize..40), 0..30),
        ) {
            let now = Instant::now();
            let mut waiting: Vec<_> = requests.iter().map(|&(kind, rows)| Fake { kind, rows, arrived: now }).collect();
            for _ in 0..requests.len() {
                if let Choice::Run(chosen) = choose(&waiting, now, &limits(16, 0)) {
                    prop_assert_eq!(chosen[0], 0);
                    let mut position = 0;
                    waiting.retain(|_| {
                        position += 1;
                        !chosen.contains(&(position - 1))
                    });
                }
            }
            prop_assert!(waiting.is_empty());
        }
    }
}
