//! An API over fake models, and a client for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use loadonce_core::ModelSpec;
use loadonce_core::loader::{Declared, Engines, LoadOptions, Loading, Models};
use loadonce_core::registry::Registry;
use loadonce_core::status::{Board, Phase, ReadyRules};
use loadonce_core::testing::FakeEngine;
use loadonce_server::{Api, Limits, Telemetry};
use serde_json::Value;
use tower::ServiceExt as _;

/// A served set of fakes.
pub(crate) struct Served {
    pub(crate) models: Models,
    pub(crate) router: Router,
    pub(crate) api: Api,
    pub(crate) board: Board,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) bytes: Bytes,
}

/// Bytes that a body may have in these tests.
pub(crate) const BODY_LIMIT: usize = 1 << 20;

impl Served {
    /// Serves fakes by name, keeping going where one fails; `x` of each has the columns `length` and `width`.
    pub(crate) async fn new<const N: usize>(fakes: [(&str, FakeEngine); N]) -> Self {
        Self::of(fakes.map(|(name, fake)| (spec(name), fake))).await
    }

    /// The same, of models as they are declared.
    pub(crate) async fn of<const N: usize>(fakes: [(ModelSpec, FakeEngine); N]) -> Self {
        let board = Board::new(ReadyRules { keep_going: true, allow_empty: true });
        board.enter(Phase::Loading);
        let declared =
            fakes.iter().map(|(spec, _)| Declared { spec: spec.clone(), component: board.declare(&spec.name) });
        let declared = declared.collect();
        let fakes: BTreeMap<_, _> = fakes.into_iter().map(|(spec, fake)| (spec.name, fake)).collect();
        let engines: Arc<dyn Engines> = Arc::new(fakes);
        let options = LoadOptions { keep_going: true, ..LoadOptions::default() };
        let models = Loading::start(declared, &engines, board.view(), options).unwrap().finish().await.unwrap();
        board.enter(Phase::Ready);
        let limits = Limits { body_bytes: BODY_LIMIT, message_bytes: BODY_LIMIT, ..Limits::default() };
        let api = Api::new(Registry::new(&models), Telemetry::new(board.view()), limits);
        let http_and_grpc = api.clone().routes().merge(api.clone().grpc_routes());
        let router = Router::new().fallback_service(api.clone().before(http_and_grpc));
        Self { models, router, api, board }
    }

    /// One good fake, `m`, with predictions at a further path.
    pub(crate) async fn with_predict_path(path: &str) -> Self {
        let served = Self::one().await;
        let router = served.api.clone().routes_and(path).merge(served.api.clone().grpc_routes());
        Self { router, ..served }
    }

    /// One good fake, `m`.
    pub(crate) async fn one() -> Self {
        Self::new([("m", FakeEngine::default())]).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("host", "example.test").body(body.into());
        self.exchange(request.unwrap()).await
    }

    pub(crate) async fn exchange(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: head.status, headers: head.headers, body, bytes }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, body.to_owned()).await
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// The text of an error body, which has nothing else at its top level but the details of rows.
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        let others = usize::from(self.status == StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body.as_object().unwrap().len(), 1 + others, "{body}");
        body["error"].as_str().unwrap().to_owned()
    }
}

/// A fake's declaration, whose `x` has the columns `length` and `width`.
pub(crate) fn spec(name: &str) -> ModelSpec {
    let mut spec = ModelSpec::new(name, "");
    spec.columns.insert("x".to_owned(), vec!["length".to_owned(), "width".to_owned()]);
    spec
}

/// A v2 request for `x`.
pub(crate) fn v2(shape: &str, datatype: &str, data: &str) -> String {
    format!(r#"{{"inputs":[{{"name":"x","shape":{shape},"datatype":"{datatype}","data":{data}}}]}}"#)
}
