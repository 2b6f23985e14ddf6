//! One model's operation in one protocol.

use loadonce_core::ErrorKind;
use serde_json::{Map, Value, json};

use super::answers::{PREDICTION, responses};
use super::examples::Form;
use super::{Model, Parts, TIMEOUT, parameter, reference};
use crate::error::ApiErrorKind;
use crate::wire::rows::of_json;

/// What differs between protocols.
pub(super) struct Prediction {
    /// What the protocol calls it, in the operation's id and the schemas' keys.
    pub(super) verb: &'static str,
    pub(super) path: String,
    pub(super) summary: &'static str,
    /// What is answered, in words.
    pub(super) answer: &'static str,
    pub(super) request: Value,
    pub(super) response: Value,
    pub(super) examples: Vec<Form>,
}

/// What a caller of the model can meet: rows are refused by models that take JSON, others take tensors or not.
fn errors(model: &Model<'_>) -> Vec<ApiErrorKind> {
    let takes_json = of_json(&model.signature.inputs).is_some();
    let of_rows = ApiErrorKind::Infer(ErrorKind::InvalidRows);
    PREDICTION.iter().copied().filter(|kind| takes_json || *kind != of_rows).collect()
}

impl Prediction {
    /// The schemas' keys: of the request, of the response.
    fn keys(&self, model: &Model<'_>) -> [String; 2] {
        ["request", "response"].map(|part| model.key(&[self.verb, part]))
    }

    /// The operation, which refers to the schemas.
    pub(super) fn operation(&self, model: &Model<'_>) -> Value {
        let [request, response] = self.keys(model);
        let good = json!({
            "description": self.answer,
            "content": { "application/json": self.media(&response, |form| &form.answer) },
        });
        let body = json!({
            "required": true,
            "content": { "application/json": self.media(&request, |form| &form.request) },
        });
        json!({
            "operationId": format!("{}_{}", self.verb, model.key(&[])),
            "summary": self.summary,
            "tags": [model.name],
            "parameters": [parameter(TIMEOUT)],
            "requestBody": body,
            "responses": responses(good, &errors(model)),
        })
    }

    fn media(&self, schema: &str, value: impl Fn(&Form) -> &Value) -> Value {
        let example = |form: &Form| (form.key.to_owned(), json!({ "summary": form.summary, "value": value(form) }));
        let examples: Map<_, _> = self.examples.iter().map(example).collect();
        json!({ "schema": reference(schema), "examples": examples })
    }

    /// Adds the operation and its schemas to the document.
    pub(super) fn add(self, model: &Model<'_>, operation: &Value, parts: &mut Parts) {
        let [request, response] = self.keys(model);
        parts.schemas.insert(request, self.request);
        parts.schemas.insert(response, self.response);
        parts.paths.insert(self.path, json!({ "post": operation }));
    }
}
