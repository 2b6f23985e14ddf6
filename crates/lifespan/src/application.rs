//! What answers requests, whatever it is made of.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use tower::{Service, ServiceExt as _};

/// An application: a [`Router`] as a rule, or another service that answers all that comes. Cheap to clone.
#[derive(Clone)]
pub struct Application(Arc<dyn Fn(Request<Body>) -> Answer + Send + Sync>);

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

impl Application {
    /// The application that the service is.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self(Arc::new(move |request| {
            let service = service.clone();
            Box::pin(async move {
                match service.oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            })
        }))
    }

    /// The answer to a request.
    pub(crate) fn answer(&self, request: Request<Body>) -> Answer {
        (self.0)(request)
    }
}

impl From<Router> for Application {
    fn from(routes: Router) -> Self {
        // Builds the router's services now rather than at each request.
        Self::new(routes.with_state::<()>(()))
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Application").finish_non_exhaustive()
    }
}
