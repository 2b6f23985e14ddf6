//! What became of a prediction, told with its answer: to access logs as an extension, and to a caller who asks in headers,
//! which are metadata to gRPC.

use std::time::Duration;

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::predict::Prediction;

/// A request with this header asks.
pub const EXPLAIN: &str = "loadonce-explain";

/// Microseconds for which the request waited for a session.
pub const QUEUE: &str = "loadonce-queue-us";

/// Microseconds in the model.
pub const RUN: &str = "loadonce-run-us";

/// Requests that shared the run.
pub const BATCH: &str = "loadonce-batch";

/// What an answer may be explained with.
pub(crate) const HEADERS: [HeaderName; 3] =
    [HeaderName::from_static(QUEUE), HeaderName::from_static(RUN), HeaderName::from_static(BATCH)];

/// Whether the request with these headers asks what becomes of it.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    headers.contains_key(const { HeaderName::from_static(EXPLAIN) })
}

/// Tells of the prediction with its response.
pub(crate) fn attach(prediction: Prediction, is_asked: bool, response: &mut Response) {
    if let Some(timing) = prediction.timing.filter(|_| is_asked) {
        let headers = response.headers_mut();
        headers.insert(const { HeaderName::from_static(QUEUE) }, microseconds(timing.queue));
        headers.insert(const { HeaderName::from_static(RUN) }, microseconds(timing.run));
        headers.insert(const { HeaderName::from_static(BATCH) }, HeaderValue::from(timing.shared.requests));
    }
    response.extensions_mut().insert(prediction);
}

fn microseconds(time: Duration) -> HeaderValue {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).into()
}
