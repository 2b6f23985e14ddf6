//! When a connection is to end, though its peer has not closed it: it was silent for too long, it does not take what is
//! sent to it, or the process stops.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::{Activity, State};
use crate::config::Limits;
use crate::orders::Orders;

/// When to look again while requests are in flight: those of HTTP/2 end on other tasks, which do not wake this one.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What is in flight is answered, then it closes.
    Finish,
    /// At once.
    Cut,
}

/// Judges one connection.
pub(super) struct Watchdog<'a> {
    activity: &'a Activity,
    bounds: Bounds,
    orders: Orders,
    timer: Pin<Box<Sleep>>,
    finishing_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    linger: Duration,
}

/// Until when nothing is to be done, and what then.
type Due = (Instant, Verdict);

impl<'a> Watchdog<'a> {
    pub(super) fn new(activity: &'a Activity, limits: &Limits, linger: Duration, orders: Orders) -> Self {
        let Limits { header_timeout, idle_timeout, write_timeout, .. } = *limits;
        let bounds = Bounds { header_timeout, idle_timeout, write_timeout, linger };
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { activity, bounds, orders, timer, finishing_since: None }
    }

    /// Ready when something is to be done. To be polled after every step of the connection and after every order, so
    /// that it judges by the newest state.
    pub(super) fn poll_verdict(&mut self, context: &mut Context<'_>) -> Poll<Verdict> {
        loop {
            let state = self.activity.state();
            let due = due(&state, self.bounds, self.orders.closing_since(), self.finishing_since);
            let at = due.map_or(state.last + LOOK_AGAIN, |(at, _)| at);
            // Moving the timer costs a lock, and the clock is not free; a timer that fires too early only looks again.
            if at < self.timer.deadline() || self.timer.is_elapsed() {
                let now = Instant::now();
                if let Some((_, verdict)) = due.filter(|(at, _)| *at <= now) {
                    self.finishing_since.get_or_insert(now);
                    return Poll::Ready(verdict);
                }
                self.timer.as_mut().reset(due.map_or(now + LOOK_AGAIN, |(at, _)| at));
            }
            ready!(self.timer.as_mut().poll(context));
        }
    }
}

/// The rule. `closing_since` is set once the process has stopped accepting, `finishing_since` once
/// [`Verdict::Finish`] was given.
fn due(state: &State, bounds: Bounds, closing_since: Option<Instant>, finishing_since: Option<Instant>) -> Option<Due> {
    let must_say_so = finishing_since.is_none();
    if state.http2
        && must_say_so
        && let Some(closing) = closing_since
    {
        // HTTP/2 tells the peer which requests will be answered (GOAWAY, RFC 9113 section 6.8), so nothing is lost.
        return Some((closing, Verdict::Finish));
    }
    if let Some(since) = state.write_blocked_since {
        return Some((since + bounds.write_timeout, Verdict::Cut));
    }
    if state.in_flight > 0 {
        return None;
    }
    if let Some(since) = state.head_since.filter(|_| !state.http2) {
        return Some((since + bounds.header_timeout, Verdict::Cut));
    }
    match (finishing_since, closing_since) {
        (Some(since), _) => Some((state.last.max(since) + bounds.header_timeout, Verdict::Cut)),
        // A request may be on its way on an idle HTTP/1 connection, and nothing can tell its sender that it will not be
        // answered: closing at once would answer it with a reset, and a sender that cannot know whether it was
        // processed must not repeat it (RFC 9112 sections 9.3.1 and 9.6). So the connection lingers; what comes in
        // is answered, with `Connection: close`.
        (None, Some(closing)) => Some((state.last.max(closing) + bounds.linger, Verdict::Finish)),
        (None, None) if !state.used && !state.http2 => Some((state.last + bounds.header_timeout, Verdict::Finish)),
        (None, None) => Some((state.last + bounds.idle_timeout, Verdict::Finish)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        header_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_mins(10),
        write_timeout: Duration::from_mins(1),
        linger: Duration::from_secs(5),
    };

    /// What is due, in seconds after the last activity.
    fn check(change: impl FnOnce(&mut State), closing: Option<u64>, finishing: Option<u64>) -> Option<(u64, Verdict)> {
        let mut state = Activity::new().state();
        change(&mut state);
        let start = state.last;
        let after = |seconds: Option<u64>| seconds.map(|seconds| start + Duration::from_secs(seconds));
        due(&state, BOUNDS, after(closing), after(finishing)).map(|(at, verdict)| ((at - start).as_secs(), verdict))
    }

    fn used(state: &mut State) {
        state.used = true;
    }

    fn busy(state: &mut State) {
        (state.used, state.in_flight) = (true, 1);
    }

    fn in_head(state: &mut State) {
        state.head_since = Some(state.last);
    }

    fn blocked(state: &mut State) {
        (state.used, state.in_flight, state.write_blocked_since) = (true, 1, Some(state.last));
    }

    fn http2(state: &mut State) {
        (state.http2, state.head_since) = (true, Some(state.last));
    }

    #[test]
    fn what_is_due_when() {
        use Verdict::{Cut, Finish};
        type Case = (&'static str, fn(&mut State), Option<u64>, Option<u64>, Option<(u64, Verdict)>);
        let cases: [Case; 15] = [
            ("a new connection may be silent for as long as a head may take", |_| (), None, None, Some((30, Finish))),
            ("a used one may be idle for longer", used, None, None, Some((600, Finish))),
            ("a head has its time", in_head, None, None, Some((30, Cut))),
            ("a head has its time while closing too", in_head, Some(1), None, Some((30, Cut))),
            ("an answer has no bound here", busy, None, None, None),
            ("nor while closing", busy, Some(1), None, None),
            ("but an answer is to be taken", blocked, None, None, Some((60, Cut))),
            ("while closing too", blocked, Some(1), Some(2), Some((60, Cut))),
            ("idle before the close: lingers from the close on", used, Some(3), None, Some((8, Finish))),
            ("never used, the same", |_| (), Some(3), None, Some((8, Finish))),
            ("HTTP/2 may be idle, whatever control frames came", http2, None, None, Some((600, Finish))),
            ("HTTP/2 is told at once", http2, Some(3), None, Some((3, Finish))),
            ("HTTP/2 is told once", http2, Some(3), Some(3), Some((33, Cut))),
            ("a peer that does not react is cut", used, None, Some(600), Some((630, Cut))),
            ("not while it is answered", busy, Some(1), Some(2), None),
        ];
        for (name, change, closing, finishing, expected) in cases {
            assert_eq!(check(change, closing, finishing), expected, "{name}");
        }
    }

    #[test]
    fn http2_is_told_though_it_is_busy() {
        let told = check(|state| (state.http2, state.in_flight) = (true, 3), Some(3), None);
        assert_eq!(told, Some((3, Verdict::Finish)));
    }
}
