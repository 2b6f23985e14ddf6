//! What an access log is told: every request that was answered or given up, once it is over.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Method, Request, StatusCode, Uri, Version};
use tokio::time::Instant;

use crate::identity::Identity;

/// Is told of every request. Called on the async runtime, so it must not block.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A request is over.
    fn observe(&self, exchange: Exchange);
}

/// A request and its answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// As sent.
    pub method: Method,
    /// As sent.
    pub uri: Uri,
    /// The version of HTTP.
    pub version: Version,
    /// Who asked, the id of the request, and its place in a trace.
    pub identity: Identity,
    /// Whether the shell answered it itself as a probe.
    pub is_probe: bool,
    /// `None` when the caller left before there was an answer.
    pub status: Option<StatusCode>,
    /// Bytes of the body that were read.
    pub received: u64,
    /// Bytes of the answer's body that were sent.
    pub sent: u64,
    /// From the end of the request's head until the answer's last byte was taken.
    pub duration: Duration,
    /// Extensions of the response: what the handler wants to say.
    pub extensions: Extensions,
}

impl Exchange {
    pub(crate) fn begun<B>(request: &Request<B>, identity: &Identity, is_probe: bool) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            identity: identity.clone(),
            is_probe,
            status: None,
            received: 0,
            sent: 0,
            duration: Duration::ZERO,
            extensions: Extensions::new(),
        }
    }
}

/// A request that is observed, until it is over.
pub(crate) struct Observed {
    observer: Arc<dyn Observer>,
    began: Instant,
    pub(crate) exchange: Exchange,
}

impl Observed {
    pub(crate) fn new(observer: Arc<dyn Observer>, exchange: Exchange) -> Self {
        Self { observer, began: Instant::now(), exchange }
    }

    pub(crate) fn end(mut self) {
        self.exchange.duration = self.began.elapsed();
        self.observer.observe(self.exchange);
    }
}
