//! Who asks when: the turns of all callers of one thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::alarm::Alarm;
use super::arrivals::Arrivals;

/// A request that is sent later after it was due, because no connection was free, is counted.
const LATE: Duration = Duration::from_millis(1);

/// The time of a row, and how many requests it may have; the same for all threads.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// When asking starts.
    pub(super) start: Instant,
    /// The end of the warm-up.
    pub(super) begin: Instant,
    /// From when on nothing is asked any more.
    pub(super) end: Option<Instant>,
    /// Requests that are left.
    pub(super) left: Option<Arc<AtomicU64>>,
}

/// Leave to ask once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// When the request is due, from which its time is counted.
    pub(super) due: Instant,
    /// Whether it counts.
    pub(super) is_measured: bool,
    /// Whether it had to wait for a connection.
    pub(super) is_late: bool,
}

/// Gives turns.
pub(super) enum Pace {
    /// To whoever comes.
    Closed,
    /// To one caller after the other, when the next request is due.
    Open(Mutex<Schedule>),
}

/// The requests of an open loop that are still to come.
pub(super) struct Schedule {
    arrivals: Arrivals,
    alarm: Alarm,
    /// Requests that were due, and for which there was no connection until the end.
    unsent: u64,
}

impl Window {
    /// Whether a request that is due then counts; nothing where none is wanted any more.
    fn claim(&self, due: Instant) -> Option<bool> {
        if self.is_over(due) {
            return None;
        }
        if due < self.begin {
            return Some(false);
        }
        let Some(left) = &self.left else { return Some(true) };
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.ok().map(|_| true)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }
}

impl Pace {
    /// An open loop.
    pub(super) fn open(arrivals: Arrivals) -> io::Result<Self> {
        Ok(Self::Open(Mutex::new(Schedule { arrivals, alarm: Alarm::new()?, unsent: 0 })))
    }

    /// The next turn, when it has come; nothing when the row is over.
    pub(super) async fn turn(&self, window: &Window) -> io::Result<Option<Turn>> {
        match self {
            Self::Closed => {
                let due = Instant::now();
                Ok(window.claim(due).map(|is_measured| Turn { due, is_measured, is_late: false }))
            }
            Self::Open(schedule) => schedule.lock().await.turn(window).await,
        }
    }

    /// Requests that were due but never sent.
    pub(super) async fn unsent(&self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Open(schedule) => schedule.lock().await.unsent,
        }
    }
}

impl Schedule {
    async fn turn(&mut self, window: &Window) -> io::Result<Option<Turn>> {
        while let Some(due) = self.arrivals.next().map(|due| window.start + due) {
            let Some(is_measured) = window.claim(due) else { return Ok(None) };
            let now = Instant::now();
            // What a warm-up could not send is no debt of the row.
            if window.is_over(now) || !is_measured && now >= window.begin {
                self.unsent += u64::from(is_measured);
                continue;
            }
            self.alarm.until(due).await?;
            return Ok(Some(Turn { due, is_measured, is_late: now > due + LATE }));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::arrivals::Share;
    use crate::cli::bench::flags::Spacing;

    fn window(start: Instant, [begin, end]: [u64; 2]) -> Window {
        let at = |seconds| start + Duration::from_secs(seconds);
        Window { start, begin: at(begin), end: Some(at(end)), left: None }
    }

    fn open(rate: f64) -> Pace {
        Pace::open(Arrivals::new(rate, Spacing::Constant, Share { thread: 0, of: 1 })).unwrap()
    }

    #[tokio::test]
    async fn what_is_due_while_nobody_is_free_is_late_and_then_unsent() {
        // Nobody came for 100 seconds, of which the first three were the warm-up.
        let start = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        let at = |seconds| start + Duration::from_secs(seconds);
        let pace = open(1.0);
        let turn = pace.turn(&window(start, [3, 1000])).await.unwrap().unwrap();
        assert_eq!(turn, Turn { due: at(3), is_measured: true, is_late: true });
        // Over since long ago: seconds 4 to 9 had no caller.
        assert_eq!(pace.turn(&window(start, [3, 10])).await.unwrap(), None);
        assert_eq!(pace.unsent().await, 6);
        // While it warms up, what is late is sent.
        let turn = open(1.0).turn(&window(start, [900, 1000])).await.unwrap().unwrap();
        assert_eq!(turn, Turn { due: start, is_measured: false, is_late: true });
    }

    #[tokio::test]
    async fn nobody_is_sent_before_the_time() {
        let start = Instant::now() + Duration::from_millis(20);
        let turn = open(1.0).turn(&window(start, [0, 9])).await.unwrap().unwrap();
        assert!(Instant::now() >= start);
        assert_eq!((turn.due, turn.is_measured), (start, true));
    }

    #[tokio::test]
    async fn a_count_of_requests_ends_a_row_and_the_warm_up_takes_none_of_them() {
        let now = Instant::now();
        let mut window = Window { start: now, begin: now, end: None, left: Some(Arc::new(AtomicU64::new(2))) };
        let turns = async |window: &Window| {
            let turn = Pace::Closed.turn(window).await.unwrap();
            turn.map(|turn| turn.is_measured)
        };
        assert_eq!([turns(&window).await, turns(&window).await, turns(&window).await], [Some(true), Some(true), None]);
        window.begin = now + Duration::from_secs(1000);
        assert_eq!(turns(&window).await, Some(false));
    }
}
