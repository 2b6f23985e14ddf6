//! The operations that are not one model's own: health, metadata, statistics, and predictions by name and version.

use loadonce_core::ErrorKind;
use serde_json::{Map, Value, json};

use super::answers::{BODY, LOADED, MODEL, PREDICTION, responses};
use super::{Parts, TIMEOUT, bodies, parameter, reference, v2};
use crate::error::ApiErrorKind;
use crate::http::TARGET_MODEL;
use crate::metrics;

/// What the document says about the server.
pub(super) const DESCRIPTION: &str = "Models that were loaded once and are shared by all requests.\n\n\
    Every error is `{\"error\": \"...\"}`. Numbers keep every bit; NaN and the infinities, for which JSON has no numbers, \
    are the strings `\"NaN\"`, `\"Infinity\"` and `\"-Infinity\"`. Bodies may be packed with gzip or deflate, both ways.";

// A colon ends a model's name in URLs, so that no model has the name of a tag.
const HEALTH: &str = "server: health";
const MODELS: &str = "server: models";
const ABOUT: &str = "server: about";

/// An operation that is not one model's own.
struct Operation {
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    /// Schema of the body; an operation without one is a GET.
    body: Option<&'static str>,
    answer: Answer,
    errors: &'static [ApiErrorKind],
}

/// A good answer.
enum Answer {
    /// JSON of that schema.
    Json(&'static str),
    /// Text of one of these media types.
    Text(&'static [&'static str]),
}

use Answer::{Json, Text};

/// A question, answered once the server is ready.
const fn get(path: &'static str, id: &'static str, summary: &'static str, answer: Answer) -> Operation {
    Operation { path, id, tag: ABOUT, summary, body: None, answer, errors: LOADED }
}

const OPERATIONS: &[Operation] = &[
    Operation {
        tag: HEALTH,
        errors: &[],
        ..get("/v2/health/live", "server_live", "Whether the process lives", Json("Live"))
    },
    Operation { tag: HEALTH, ..get(PING, "ping", "The same, where SageMaker asks", Json("Ready")) },
    Operation { tag: HEALTH, ..get(READY, "server_ready", "Whether every declared model answers", Json("Ready")) },
    get("/v2", "server_metadata", "Name, version and extensions of the server", Json("ServerMetadata")),
    Operation { errors: &[], ..get("/v2/startup", "startup", "How the startup went, model by model", Json("Startup")) },
    Operation {
        errors: &[ApiErrorKind::Infer(ErrorKind::Internal)],
        ..get("/metrics", "metrics", "Metrics for Prometheus", Text(metrics::MEDIA_TYPES))
    },
    get("/docs", "docs", "The models, to be tried in a browser", Text(&["text/html"])),
    get("/openapi.json", "openapi", "This document", Json("Document")),
    Operation { tag: MODELS, ..get("/v1/models", "model_names", "The names of the models", Json("ModelNames")) },
    Operation { tag: MODELS, ..get("/v2/models/stats", "statistics", "What every model did", Json("Statistics")) },
    Operation {
        tag: MODELS,
        body: Some("IndexRequest"),
        errors: BODY,
        ..get("/v2/repository/index", "index", "The models, and whether they are ready", Json("Index"))
    },
    Operation {
        tag: MODELS,
        body: Some("PredictRequest"),
        errors: PREDICTION,
        ..get(INVOCATIONS, "invocations", "Predict with the only model, as SageMaker asks", Json("PredictResponse"))
    },
];

/// Questions about a model, and about a version of it.
const OF_A_MODEL: &[Operation] = &[
    model("/v2/models/{name}", "metadata", "Names, dtypes and shapes", Json("ModelMetadata")),
    model("/v2/models/{name}/ready", "ready", "Whether it answers", Json("ModelReady")),
    model("/v2/models/{name}/stats", "statistics", "What it did since it was loaded", Json("Statistics")),
    model("/v2/models/{name}/config", "config", "Its configuration, as Triton has it", Json("ModelConfig")),
    model(
        "/v1/models/{name}/metadata",
        "signature",
        "Its signature, as TensorFlow Serving has it",
        Json("ModelDescription"),
    ),
    model("/v1/models/{name}", "status", "Whether it answers, as TensorFlow Serving has it", Json("ModelStatus")),
];

const fn model(path: &'static str, id: &'static str, summary: &'static str, answer: Answer) -> Operation {
    Operation { tag: MODELS, errors: MODEL, ..get(path, id, summary, answer) }
}

/// Predictions by version; without one, each model has its own operation.
const OF_A_VERSION: &[Operation] = &[
    Operation {
        body: Some(TENSORS),
        errors: PREDICTION,
        ..model("/v2/models/{name}/infer", "infer", "Predict from tensors", Json("InferResponse"))
    },
    Operation {
        body: Some("PredictRequest"),
        errors: PREDICTION,
        ..model("/v1/models/{name}:predict", "predict", "Predict from rows or columns", Json("PredictResponse"))
    },
];

/// Their answers tell what is waited for.
const READY: &str = "/v2/health/ready";
const PING: &str = "/ping";

/// It takes and gives CSV too.
const INVOCATIONS: &str = "/invocations";

/// The schema of a body that may have tensors behind it.
const TENSORS: &str = "InferRequest";

/// Adds these operations and their schemas.
pub(super) fn describe(parts: &mut Parts) {
    parts.tags.extend([HEALTH, MODELS, ABOUT].map(|tag| json!({ "name": tag })));
    bodies::add(&mut parts.schemas);
    for operation in OPERATIONS {
        parts.add(operation.path.to_owned(), operation.id, operation);
    }
    for operation in OF_A_MODEL {
        parts.add(operation.path.to_owned(), &format!("model_{}", operation.id), operation);
    }
    for operation in OF_A_MODEL.iter().chain(OF_A_VERSION) {
        let path = operation.path.replacen("{name}", "{name}/versions/{version}", 1);
        parts.add(path, &format!("version_{}", operation.id), operation);
    }
}

impl Parts {
    fn add(&mut self, path: String, id: &str, operation: &Operation) {
        let method = if operation.body.is_some() { "post" } else { "get" };
        let described = operation.describe(&path, id);
        self.paths.insert(path, json!({ method: described }));
    }
}

impl Operation {
    fn describe(&self, path: &str, id: &str) -> Value {
        let good = match self.answer {
            Json(schema) => json_response("Good", schema),
            Text(types) => text_response("Good", types),
        };
        let names = ["name", "version"].into_iter().filter(|name| path.contains(&format!("{{{name}}}")));
        let is_prediction = self.errors.contains(&ApiErrorKind::Infer(ErrorKind::DeadlineExceeded));
        let parameters = names.chain(is_prediction.then_some(TIMEOUT)).map(parameter);
        let mut operation = json!({
            "operationId": id,
            "summary": self.summary,
            "tags": [self.tag],
            "parameters": parameters.collect::<Vec<_>>(),
            "responses": responses(good, self.errors),
        });
        if let Some(schema) = self.body {
            operation["requestBody"] = json!({ "content": { "application/json": { "schema": reference(schema) } } });
        }
        if matches!(self.path, READY | PING) {
            operation["responses"]["503"] = json_response("Not yet, or no more", "NotReady");
        }
        if self.body == Some(TENSORS) {
            v2::allow_binary(&mut operation);
        }
        if self.path == INVOCATIONS {
            allow_csv(&mut operation);
        }
        operation
    }
}

/// Rows as lines, and a model that is named where several are served.
fn allow_csv(operation: &mut Value) {
    let description = "The model that is meant, where several are served.";
    let header =
        json!({ "name": TARGET_MODEL, "in": "header", "description": description, "schema": { "type": "string" } });
    if let Value::Array(parameters) = &mut operation["parameters"] {
        parameters.push(header);
    }
    let lines = json!({ "schema": { "type": "string" } });
    operation["requestBody"]["content"]["text/csv"] = lines.clone();
    operation["responses"]["200"]["content"]["text/csv"] = lines;
}

fn json_response(description: &str, schema: &str) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": reference(schema) } } })
}

fn text_response(description: &str, types: &[&str]) -> Value {
    let text = json!({ "schema": { "type": "string" } });
    let content: Map<String, Value> = types.iter().map(|media| ((*media).to_owned(), text.clone())).collect();
    json!({ "description": description, "content": content })
}
