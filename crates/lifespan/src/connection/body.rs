//! A request's body as it comes in: counted, and given up when its sender is too slow.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Limits;

/// How long a body may be waited for: `timeout` in all, and a second more for every `bytes_per_second` that came. Only
/// time in which there was nothing to read counts, so a handler that reads slowly costs its client nothing. Once the
/// answer has begun, the two run side by side, as gRPC's streams do, and silence between messages is the sender's right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    timeout: Duration,
    bytes_per_second: u64,
}

/// What is known of a body, shared with whoever answers its request.
#[derive(Debug, Default)]
pub(super) struct Upload {
    received: AtomicU64,
    too_slow: AtomicBool,
    answered: AtomicBool,
}

/// The body of a request, kept to its pace.
pub(super) struct PacedBody<B = Incoming> {
    body: B,
    pace: Pace,
    upload: Arc<Upload>,
    /// In which nothing could be read, before the present wait.
    waited: Duration,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum BodyError<E> {
    #[error("the body came in too slowly")]
    TooSlow,
    #[error(transparent)]
    Broken(E),
}

impl Pace {
    pub(super) fn of(limits: &Limits) -> Self {
        Self { timeout: limits.body_timeout, bytes_per_second: limits.body_rate.get() }
    }

    /// How much longer to wait, once that many bytes have come and have been waited for that long.
    fn left(self, received: u64, waited: Duration) -> Duration {
        let earned = Duration::from_micros(received.saturating_mul(1_000_000) / self.bytes_per_second);
        self.timeout.saturating_add(earned).saturating_sub(waited)
    }
}

impl Upload {
    /// Bytes that were read.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Whether the body was given up.
    pub(super) fn is_too_slow(&self) -> bool {
        self.too_slow.load(Ordering::Relaxed)
    }

    /// The answer to its request has begun.
    pub(super) fn answer_began(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

impl<B> PacedBody<B> {
    pub(super) fn new(body: B, pace: Pace, upload: Arc<Upload>) -> Self {
        Self { body, pace, upload, waited: Duration::ZERO, waiting_since: None, timer: None }
    }

    fn came(&mut self, bytes: usize) {
        self.upload.received.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Ready when it has been waited for too long.
    fn poll_given_up(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            let end = now + self.pace.left(self.upload.received(), self.waited);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(end),
                None => self.timer = Some(Box::pin(sleep_until(end))),
            }
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for PacedBody<B> {
    type Data = Bytes;
    type Error = BodyError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.came(frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len));
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        if self.upload.is_answered() {
            return Poll::Pending;
        }
        ready!(self.poll_given_up(context));
        self.upload.too_slow.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(BodyError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use http_body_util::BodyExt as _;

    use super::*;

    const PACE: Pace = Pace { timeout: Duration::from_secs(30), bytes_per_second: 500 };

    #[test]
    fn every_second_worth_of_bytes_earns_a_second() {
        let left = |received, waited| PACE.left(received, Duration::from_secs(waited)).as_secs_f64();
        let cases = [((0, 0), 30.0), ((0, 30), 0.0), ((0, 31), 0.0), ((250, 0), 30.5), ((50_000, 100), 30.0)];
        for ((received, waited), expected) in cases {
            assert!((left(received, waited) - expected).abs() < 1e-9, "{received} bytes, {waited} s");
        }
        assert_eq!(PACE.left(u64::MAX, Duration::MAX), Duration::ZERO);
    }

    /// Gives chunks of that size, each after that time.
    struct Chunks(VecDeque<(u64, usize)>, Option<Pin<Box<Sleep>>>);

    impl HttpBody for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Some(&(after, size)) = self.0.front() else { return Poll::Ready(None) };
            let sleep = || Box::pin(tokio::time::sleep(Duration::from_secs(after)));
            ready!(self.1.get_or_insert_with(sleep).as_mut().poll(context));
            self.0.pop_front();
            self.1 = None;
            Poll::Ready(Some(Ok(Frame::data(vec![0; size].into()))))
        }
    }

    /// Reads a body of `count` such chunks, and pauses before each frame; whether it came to its end.
    async fn is_read(count: usize, after: u64, size: usize, pause: u64) -> bool {
        let upload = Arc::new(Upload::default());
        let chunks = Chunks(vec![(after, size); count].into(), None);
        let mut body = PacedBody::new(chunks, PACE, Arc::clone(&upload));
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                assert!(upload.is_too_slow());
                return false;
            }
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
        assert_eq!(upload.received(), (count * size) as u64);
        true
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_runs_beside_its_answer_may_be_silent() {
        let upload = Arc::new(Upload::default());
        let mut body = PacedBody::new(Chunks([(20, 1), (3600, 1)].into(), None), PACE, Arc::clone(&upload));
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
        upload.answer_began();
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_upload_has_all_the_time_it_needs_and_a_trickle_has_not() {
        assert!(is_read(1000, 1, 600, 0).await, "600 bytes a second for a quarter of an hour");
        assert!(!is_read(1000, 1, 400, 0).await, "400 bytes a second");
        assert!(!is_read(100, 10, 1, 0).await, "a byte every ten seconds");
        assert!(is_read(3, 9, 1, 0).await, "a small one, slow but short");
        assert!(!is_read(1, 31, 1, 0).await, "nothing at all");
        assert!(is_read(100, 0, 1, 60).await, "a slow reader is not the sender's fault");
    }
}
