//! What answers a request: the shell's own paths first, then the routes that are in place at this moment.

use std::sync::{PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use loadonce_core::status::StatusView;

use crate::application::Application;
use crate::health::{self, Health};
use crate::panic::caught_in;
use crate::tally::Tally;

/// One for the whole process; every connection asks it for every request, so that a connection opened while loading
/// sees the application's routes as soon as they are in.
#[derive(Debug)]
pub(crate) struct Shell {
    health: Health,
    routes: RwLock<Application>,
    pub(crate) tally: Tally,
}

impl Shell {
    pub(crate) fn new(health: Health, routes: impl Into<Application>) -> Self {
        Self { health, routes: RwLock::new(routes.into()), tally: Tally::default() }
    }

    /// Puts other routes in place; requests that have begun keep theirs.
    pub(crate) fn replace_routes(&self, routes: impl Into<Application>) {
        let replaced = {
            let mut slot = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *slot, routes.into())
        };
        // Outside the lock: dropping an application's state may take its time.
        drop(replaced);
    }

    /// Whether the shell itself answers that path.
    pub(crate) fn is_probe(&self, method: &Method, path: &str) -> bool {
        self.health.probe(method, path).is_some()
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        let method = request.method();
        if let Some(probe) = self.health.probe(method, request.uri().path()) {
            return self.health.answer(method, probe);
        }
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner).clone();
        match caught_in(routes.answer(request)).await {
            Ok(response) => response,
            Err(message) => {
                tracing::error!(message, "a request handler panicked");
                health::error(StatusCode::INTERNAL_SERVER_ERROR, "the request handler panicked")
            }
        }
    }
}

/// Routes for the time before startup has finished: the application's, then 503 with what is being waited for.
pub(crate) fn meanwhile(routes: Router, status: StatusView) -> Router {
    routes.fallback(move || {
        let response = health::unavailable(&status);
        async move { response }
    })
}
