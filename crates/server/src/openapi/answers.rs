//! The errors that an operation can answer, from the one table of statuses, and the bodies of all answers.

use std::collections::{BTreeMap, BTreeSet};

use loadonce_core::ErrorKind;
use serde_json::{Map, Value, json};

use super::reference;
use crate::error::ApiErrorKind;

/// Errors of a prediction.
pub(super) const PREDICTION: &[ApiErrorKind] = &[
    ApiErrorKind::Infer(ErrorKind::InvalidRequest),
    ApiErrorKind::Infer(ErrorKind::InvalidRows),
    ApiErrorKind::Infer(ErrorKind::NotFound),
    ApiErrorKind::Infer(ErrorKind::Unavailable),
    ApiErrorKind::Infer(ErrorKind::Overloaded),
    ApiErrorKind::Infer(ErrorKind::TooLate),
    ApiErrorKind::Infer(ErrorKind::DeadlineExceeded),
    ApiErrorKind::Infer(ErrorKind::Internal),
    ApiErrorKind::BodyTooLarge,
    ApiErrorKind::BodyCutShort,
    ApiErrorKind::BodyTooSlow,
    ApiErrorKind::UnknownEncoding,
];

/// Errors of a body that is read and asks for no prediction.
pub(super) const BODY: &[ApiErrorKind] = &[
    ApiErrorKind::Infer(ErrorKind::InvalidRequest),
    ApiErrorKind::Infer(ErrorKind::Unavailable),
    ApiErrorKind::BodyTooLarge,
    ApiErrorKind::BodyCutShort,
    ApiErrorKind::BodyTooSlow,
    ApiErrorKind::UnknownEncoding,
];

/// Errors of a question about a model.
pub(super) const MODEL: &[ApiErrorKind] =
    &[ApiErrorKind::Infer(ErrorKind::NotFound), ApiErrorKind::Infer(ErrorKind::Unavailable)];

/// Errors of what is not there until every model is.
pub(super) const LOADED: &[ApiErrorKind] = &[ApiErrorKind::Infer(ErrorKind::Unavailable)];

/// When a caller meets that error.
fn explain(kind: ApiErrorKind) -> &'static str {
    match kind {
        ApiErrorKind::Infer(ErrorKind::InvalidRequest) => {
            "the request is wrong: the text says where, and what was expected"
        }
        ApiErrorKind::Infer(ErrorKind::InvalidRows) => "the model does not take these rows: the text says why",
        ApiErrorKind::Infer(ErrorKind::NotFound) => "the server has no such model or version",
        ApiErrorKind::Infer(ErrorKind::Unavailable) => "the server or the model is not ready",
        ApiErrorKind::Infer(ErrorKind::Overloaded) => "too many requests wait for the model",
        ApiErrorKind::Infer(ErrorKind::TooLate) => "so many requests wait that the answer would come too late",
        ApiErrorKind::Infer(ErrorKind::DeadlineExceeded) => "the answer was not there in time",
        ApiErrorKind::Infer(ErrorKind::Internal) => "the model failed, or its answer cannot be written",
        ApiErrorKind::BodyTooLarge => "the body is larger than the server takes",
        ApiErrorKind::BodyCutShort => "the body ends too early",
        ApiErrorKind::BodyTooSlow => "the body does not come in time",
        ApiErrorKind::UnknownEncoding => "the body is packed in a way that the server does not know",
        ApiErrorKind::NoSuchPath => "there is no such path",
        ApiErrorKind::MethodNotAllowed => "the path does not take this method",
        ApiErrorKind::NotGrpc => "a gRPC method was called with something else than gRPC",
    }
}

/// The responses of an operation: a good one, and references to those of these errors.
pub(super) fn responses(good: Value, errors: &[ApiErrorKind]) -> Value {
    let statuses: BTreeSet<_> = errors.iter().map(|kind| kind.status().as_u16()).collect();
    let mut responses = Map::from_iter([("200".to_owned(), good)]);
    for status in statuses {
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{status}") }));
    }
    responses.into()
}

/// The responses of all errors, by status.
pub(super) fn all() -> Value {
    let mut texts: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for kind in PREDICTION {
        texts.entry(kind.status().as_u16()).or_default().push(explain(*kind));
    }
    texts.into_iter().map(|(status, texts)| (status.to_string(), error(status, &texts))).collect::<Map<_, _>>().into()
}

fn error(status: u16, texts: &[&str]) -> Value {
    let mut response = json!({
        "description": texts.join("; "),
        "content": { "application/json": { "schema": reference("Error") } },
    });
    if matches!(status, 429 | 503) {
        let schema = json!({ "type": "integer" });
        let description =
            "Seconds after which to try again: of a full queue, the least time until those who wait are answered.";
        response["headers"] = json!({ "Retry-After": { "description": description, "schema": schema } });
    }
    response
}
