//! What a connection has been doing, as seen by its socket and its requests; read by its watchdog.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// First bytes of an HTTP/2 connection, and of no HTTP/1 request (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Shared by one connection's socket, requests and watchdog.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

/// A connection at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Requests whose answer is not complete.
    pub(super) in_flight: usize,
    /// Whether a request ever came.
    pub(super) used: bool,
    /// Whether the peer speaks HTTP/2.
    pub(super) http2: bool,
    /// Since when a request's head has been coming in (HTTP/1).
    pub(super) head_since: Option<Instant>,
    /// Since when the peer has not taken what is to be sent.
    pub(super) write_blocked_since: Option<Instant>,
    /// When a byte last came in or went out.
    pub(super) last: Instant,
    /// How much of [`HTTP2_PREFACE`] has come; `None` once something else came.
    preface: Option<usize>,
    /// Whether the last attempt to read found nothing: see [`Activity::is_read_empty`].
    read_empty: bool,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            in_flight: 0,
            used: false,
            http2: false,
            head_since: None,
            write_blocked_since: None,
            last: Instant::now(),
            preface: Some(0),
            read_empty: false,
        }))
    }

    pub(super) fn state(&self) -> State {
        *self.lock()
    }

    /// The socket gave these bytes.
    pub(super) fn received(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let now = Instant::now();
        state.preface = state.preface.and_then(|seen| follow_preface(seen, bytes));
        state.http2 |= state.preface == Some(HTTP2_PREFACE.len());
        if state.in_flight == 0 {
            state.head_since.get_or_insert(now);
        }
        state.last = now;
        state.read_empty = false;
    }

    /// The socket was read and gave nothing.
    pub(super) fn found_empty(&self) {
        self.lock().read_empty = true;
    }

    /// The socket took bytes.
    pub(super) fn sent(&self) {
        let mut state = self.lock();
        state.write_blocked_since = None;
        state.last = Instant::now();
    }

    /// The socket took nothing.
    pub(super) fn write_blocked(&self) {
        self.lock().write_blocked_since.get_or_insert_with(Instant::now);
    }

    /// Whether nothing lies behind the request that is being answered.
    ///
    /// While an HTTP/1 request is under way, hyper reads from the socket only when its own buffer is empty (to notice a
    /// peer that leaves). So when its last read found nothing, there is no further, pipelined request in its buffer. If
    /// that ever changes in hyper, this says `false` more often, which only delays the close.
    pub(super) fn is_read_empty(&self) -> bool {
        self.lock().read_empty
    }

    pub(super) fn request_began(&self, http2: bool) {
        let mut state = self.lock();
        state.in_flight += 1;
        state.used = true;
        state.http2 = http2;
        state.head_since = None;
    }

    pub(super) fn request_ended(&self) {
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of the preface has come after these bytes too.
fn follow_preface(seen: usize, bytes: &[u8]) -> Option<usize> {
    let expected = &HTTP2_PREFACE[seen..];
    let length = expected.len().min(bytes.len());
    (expected[..length] == bytes[..length]).then_some(seen + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_http2(pieces: &[&[u8]]) -> bool {
        let activity = Activity::new();
        for piece in pieces {
            activity.received(piece);
        }
        activity.state().http2
    }

    #[test]
    fn http2_is_known_by_its_whole_preface_however_it_arrives() {
        assert!(is_http2(&[HTTP2_PREFACE]));
        assert!(is_http2(&[&[HTTP2_PREFACE, b"settings"].concat()]));
        assert!(is_http2(&HTTP2_PREFACE.chunks(5).collect::<Vec<_>>()));
        assert!(!is_http2(&[&HTTP2_PREFACE[..23]]));
        assert!(!is_http2(&[b"PRI * HTTP/1.1", b".0\r\n\r\nSM\r\n\r\n"]));
        assert!(!is_http2(&[b"GET / HTTP/1.1\r\n\r\n", HTTP2_PREFACE]));
    }

    #[test]
    fn a_head_is_coming_in_from_its_first_byte_until_the_request_begins() {
        let activity = Activity::new();
        assert!(activity.state().head_since.is_none());
        activity.received(b"GET");
        assert!(activity.state().head_since.is_some());
        activity.request_began(false);
        assert!(activity.state().head_since.is_none());
        activity.received(b"body");
        assert!(activity.state().head_since.is_none());
        activity.request_ended();
        activity.received(b"GET");
        assert!(activity.state().head_since.is_some());
    }
}
