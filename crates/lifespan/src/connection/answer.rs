//! One request on a connection: counted while it is under way, and told to be the last one when the process stops.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Frame, Incoming, SizeHint};
use tracing::Span;

use super::activity::Activity;
use super::body::{Pace, PacedBody, Upload};
use crate::address::Peer;
use crate::health;
use crate::identity::{Identity, REQUEST_ID};
use crate::observer::{Exchange, Observed, Observer};
use crate::orders::Orders;
use crate::shell::Shell;

/// What the requests of one connection share.
pub(super) struct Connection {
    pub(super) shell: Arc<Shell>,
    pub(super) orders: Orders,
    pub(super) activity: Arc<Activity>,
    pub(super) pace: Pace,
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) peer: Peer,
}

/// A response body that keeps its request counted until the last byte is taken.
pub(super) struct CountedBody {
    body: Body,
    in_flight: InFlight,
}

/// A request under way; counted off when dropped.
struct InFlight {
    connection: Arc<Connection>,
    upload: Arc<Upload>,
    answered: bool,
    /// Where somebody wants to be told.
    observed: Option<Box<Observed>>,
}

impl Connection {
    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<CountedBody>, Infallible> {
        let is_http1 = request.version() < Version::HTTP_2;
        let identity = Identity::of(self.peer, request.headers());
        let mut in_flight = InFlight::begin(Arc::clone(&self), &request, &identity);
        let upload = Arc::clone(&in_flight.upload);
        let mut request = request.map(|body| Body::new(PacedBody::new(body, self.pace, Arc::clone(&upload))));
        if let Peer::Tcp(address) = self.peer {
            request.extensions_mut().insert(ConnectInfo(address));
        }
        request.extensions_mut().insert(identity.clone());
        let mut response = in_span(&identity.span(), self.shell.answer(request)).await;
        upload.answer_began();
        if upload.is_too_slow() {
            // Whatever the application made of a body that broke off.
            response = too_slow(upload.received());
        }
        response.headers_mut().entry(REQUEST_ID).or_insert_with(|| identity.header());
        in_flight.answered_with(&response);
        let is_last = upload.is_too_slow() || self.is_ending();
        if is_http1 && is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            // hyper closes the connection after a response that says so.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| CountedBody { body, in_flight }))
    }

    /// Whether the answer that is being given should be the last: the process stops, and no pipelined request lies
    /// behind this one. The sender of such a request would see it unanswered, since nothing may be processed after the
    /// answer that says `close` (RFC 9112 section 9.6). A sender that never lets the connection run empty is told all
    /// the same after a while.
    fn is_ending(&self) -> bool {
        self.orders.closing_since().is_some() && (self.activity.is_read_empty() || self.orders.has_lingered())
    }
}

/// Like `tracing`'s `instrument`, but the future is not moved there and back, which it is large enough to notice.
async fn in_span<F: Future>(span: &Span, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| span.in_scope(|| future.as_mut().poll(context))).await
}

fn too_slow(received: u64) -> Response<Body> {
    let text = format!("the request's body came in too slowly: {received} bytes, then nothing more in time");
    health::error(StatusCode::REQUEST_TIMEOUT, &text)
}

impl InFlight {
    fn begin<B>(connection: Arc<Connection>, request: &Request<B>, identity: &Identity) -> Self {
        connection.activity.request_began(request.version() == Version::HTTP_2);
        connection.shell.tally.started();
        let observed = connection.observer.clone().map(|observer| {
            let is_probe = connection.shell.is_probe(request.method(), request.uri().path());
            Box::new(Observed::new(observer, Exchange::begun(request, identity, is_probe)))
        });
        Self { connection, upload: Arc::default(), answered: false, observed }
    }

    fn answered_with(&mut self, response: &Response<Body>) {
        self.answered = true;
        if let Some(observed) = &mut self.observed {
            observed.exchange.status = Some(response.status());
            observed.exchange.extensions = response.extensions().clone();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.connection.activity.request_ended();
        self.connection.shell.tally.ended(self.answered);
        if let Some(mut observed) = self.observed.take() {
            observed.exchange.received = self.upload.received();
            observed.end();
        }
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let (Some(Ok(frame)), Some(observed)) = (&frame, &mut self.in_flight.observed) {
            observed.exchange.sent += frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
