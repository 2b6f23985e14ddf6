//! A model in v1: rows or columns in, the same out (`wire::v1`).

use loadonce_core::TensorSpec;
use serde_json::{Map, Value, json};

use super::prediction::Prediction;
use super::schema::{array_of_rows, has_rows, object, whole};
use super::{Model, Parts, examples, reference, segment};

/// Adds the model's operation.
pub(super) fn describe(model: &Model<'_>, parts: &mut Parts) {
    let prediction = Prediction {
        protocol: "v1",
        verb: "predict",
        path: format!("/v1/models/{}:predict", segment(model.name)),
        summary: "Predict from rows or columns",
        answer: "One prediction a row, or one value an output, as the request has it",
        request: request(model),
        response: response(model),
        examples: examples::v1(model),
    };
    let operation = prediction.operation(model);
    prediction.add(model, &operation, parts);
}

/// `instances` are rows, `inputs` are columns (TensorFlow Serving's `api_rest.md`, "Predict API").
fn request(model: &Model<'_>) -> Value {
    let inputs = &model.signature.inputs;
    let mut rows = bare_or_by_name(inputs, &|spec| reference(&model.key(&["input", &spec.name])));
    if let [only] = inputs.as_slice()
        && !only.columns.is_empty()
    {
        let element = reference(only.dtype.as_str());
        rows.push(object(&only.columns.iter().map(|column| (column.clone(), element.clone())).collect()));
    }
    let columns = bare_or_by_name(inputs, &|spec| whole(spec, &model.key(&["input", &spec.name])));
    either(inputs, ("instances", any_of(rows)), ("inputs", any_of(columns)))
}

fn response(model: &Model<'_>) -> Value {
    let outputs = &model.signature.outputs;
    let row = answer(outputs, &|spec| reference(&model.key(&["output", &spec.name])));
    let whole = answer(outputs, &|spec| whole(spec, &model.key(&["output", &spec.name])));
    either(outputs, ("predictions", row), ("outputs", whole))
}

/// A body with rows, where all tensors have some, or with whole tensors.
fn either(specs: &[TensorSpec], (rows, row): (&str, Value), (tensors, whole): (&str, Value)) -> Value {
    let body = |key: &str, schema: Value| json!({ "type": "object", "required": [key], "properties": { key: schema } });
    let mut bodies = vec![body(tensors, whole)];
    if specs.iter().all(has_rows) {
        bodies.insert(0, body(rows, array_of_rows(specs, &row)));
    }
    any_of(bodies)
}

/// The forms of a value: bare for the only tensor, and an object of values by name.
fn bare_or_by_name(specs: &[TensorSpec], value: &dyn Fn(&TensorSpec) -> Value) -> Vec<Value> {
    let by_name = by_name(specs, value);
    match specs {
        [only] => vec![value(only), by_name],
        _ => vec![by_name],
    }
}

/// The form of an answer: bare for the only tensor, else an object of values by name.
fn answer(specs: &[TensorSpec], value: &dyn Fn(&TensorSpec) -> Value) -> Value {
    match specs {
        [only] => value(only),
        several => by_name(several, value),
    }
}

fn by_name(specs: &[TensorSpec], value: &dyn Fn(&TensorSpec) -> Value) -> Value {
    object(&specs.iter().map(|spec| (spec.name.clone(), value(spec))).collect::<Map<_, _>>())
}

fn any_of(mut schemas: Vec<Value>) -> Value {
    if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) }
}
