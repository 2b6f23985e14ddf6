//! What the handlers share: the models that are served, the telemetry, the limits. Built once, when loading has ended;
//! the models are one value, which is changed for another as a whole.

use std::convert::Infallible;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use loadonce_core::registry::{Entry, Registry};
use loadonce_core::status::StatusView;
use loadonce_core::{Budget, InferError, LookupError, ModelHandle};
use tokio::sync::Semaphore;
use tower::Service;

use crate::counts::Counts;
use crate::grpc;
use crate::http;
use crate::ledger::{Ledger, Reading};
use crate::metrics::Metrics;
use crate::openapi;

/// The prediction API over a registry; cheap to clone.
#[derive(Clone, Debug)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    served: Arc<ArcSwap<Served>>,
    telemetry: Telemetry,
    limits: Limits,
    /// Permits to work on a body too large for the runtime's threads.
    large_bodies: Arc<Semaphore>,
}

/// The models, with what is told of them.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) registry: Registry,
    pub(crate) counts: Counts,
    /// The description of the API, in JSON.
    pub(crate) document: Bytes,
}

/// Status and metrics, which are there before any model is.
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub(crate) status: StatusView,
    pub(crate) metrics: Arc<Metrics>,
    ledger: Arc<Ledger>,
}

/// Bounds on what a caller may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body over HTTP.
    pub body_bytes: usize,
    /// Bytes of a message over gRPC.
    pub message_bytes: usize,
    /// Large bodies that are decoded or encoded at the same time.
    pub large_bodies: usize,
}

impl Default for Limits {
    /// 64 MiB, as Triton takes, and large bodies for the processors of this process.
    fn default() -> Self {
        let large_bodies = Self::large_bodies_for(Budget::of_this_process().cores());
        Self { body_bytes: 64 << 20, message_bytes: 64 << 20, large_bodies }
    }
}

impl Limits {
    /// One for each processor, and one more: some are on their way from one thread to another.
    pub fn large_bodies_for(cores: usize) -> usize {
        cores + 1
    }
}

impl Telemetry {
    /// Telemetry of the process with that status.
    pub fn new(status: StatusView) -> Self {
        let metrics = Arc::new(Metrics::new(status.clone()));
        Self { status, metrics, ledger: Arc::default() }
    }

    /// What models and server take in memory.
    pub(crate) async fn reading(&self) -> Arc<Reading> {
        self.ledger.read(|| self.metrics.handles()).await
    }

    /// The routes that answer while models are loading: startup report and metrics.
    pub fn routes(&self) -> Router {
        http::telemetry_routes(self.clone())
    }

    /// What answers over gRPC while models are loading: health and reflection, and for everything else why not.
    pub fn grpc_routes(&self) -> Router {
        grpc::routes_meanwhile(self.clone())
    }
}

impl Api {
    /// The API of loaded models.
    pub fn new(registry: Registry, telemetry: Telemetry, limits: Limits) -> Self {
        let served = Arc::new(ArcSwap::from_pointee(Served::new(registry, &Counts::default())));
        telemetry.metrics.watch(Arc::clone(&served));
        let large_bodies = Arc::new(Semaphore::new(limits.large_bodies));
        Self(Arc::new(Inner { served, telemetry, limits, large_bodies }))
    }

    /// Serves these models from now on. Requests under way keep the model that they found.
    pub fn replace(&self, registry: Registry) {
        let served = Served::new(registry, &self.served().counts);
        self.0.served.store(Arc::new(served));
    }

    /// Every route over HTTP but its health, which the lifespan shell answers.
    pub fn routes(self) -> Router {
        http::routes(self, None)
    }

    /// The same, and the only model's predictions (v1, rows or columns) at a path that a hosting platform chooses.
    pub fn routes_and(self, predict_path: &str) -> Router {
        http::routes(self, Some(predict_path))
    }

    /// The same routes behind a shortcut for most predictions; to be put before all routes and their layers.
    pub fn before(
        self,
        routes: Router,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
    {
        http::shortcut(self, routes)
    }

    /// Every route over gRPC, to be merged with those over HTTP: one port can serve both.
    pub fn grpc_routes(self) -> Router {
        grpc::routes(self)
    }

    /// The models as they are now; not to be kept, so that a model that was replaced can go.
    pub(crate) fn served(&self) -> Guard<Arc<Served>> {
        self.0.served.load()
    }

    /// A model that answers.
    pub(crate) fn model(&self, name: &str, version: Option<&str>) -> Result<ModelHandle, InferError> {
        self.served().registry.get(name, version).cloned()
    }

    /// A declared model.
    pub(crate) fn entry(&self, name: &str, version: Option<&str>) -> Result<Entry, LookupError> {
        self.served().registry.entry(name, version).cloned()
    }

    pub(crate) fn status(&self) -> &StatusView {
        &self.0.telemetry.status
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    pub(crate) fn limits(&self) -> Limits {
        self.0.limits
    }

    pub(crate) fn large_bodies(&self) -> &Arc<Semaphore> {
        &self.0.large_bodies
    }
}

impl Served {
    /// Models whose counts go on from those that are counted already, if they are of the same version.
    fn new(registry: Registry, counts: &Counts) -> Self {
        let counts = counts.for_models(&registry);
        let document = openapi::document(&registry).to_string().into();
        Self { registry, counts, document }
    }
}
