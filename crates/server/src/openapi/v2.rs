//! A model in the Open Inference Protocol v2: tensors in, tensors out (`wire::v2`).

use loadonce_core::TensorSpec;
use serde_json::{Value, json};

use super::prediction::Prediction;
use super::schema::{element_of, shape};
use super::{Model, Parts, examples, reference, segment};
use crate::wire::v2::HEADER_LENGTH;

/// Adds the model's operation.
pub(super) fn describe(model: &Model<'_>, parts: &mut Parts) {
    let prediction = Prediction {
        verb: "infer",
        path: format!("/v2/models/{}/infer", segment(model.name)),
        summary: "Predict from tensors",
        answer: "The outputs; those asked for in binary form lie behind the JSON",
        request: request(model),
        response: response(model),
        examples: examples::v2(model).into_iter().collect(),
    };
    let mut operation = prediction.operation(model);
    allow_binary(&mut operation);
    prediction.add(model, &operation, parts);
}

/// Tensors may be in binary form, both ways (Triton's `extension_binary_data.md`).
pub(super) fn allow_binary(operation: &mut Value) {
    let description = "Bytes of the body that are JSON; tensors in binary form follow. 0 if all of it is one tensor.";
    let header = json!({ "description": description, "schema": { "type": "integer", "minimum": 0 } });
    let mut parameter = header.clone();
    parameter["name"] = HEADER_LENGTH.into();
    parameter["in"] = "header".into();
    if let Value::Array(parameters) = &mut operation["parameters"] {
        parameters.push(parameter);
    }
    operation["requestBody"]["content"]["application/octet-stream"] = json!({});
    operation["responses"]["200"]["content"]["application/octet-stream"] = json!({});
    operation["responses"]["200"]["headers"] = json!({ HEADER_LENGTH: header });
}

/// `inference_rest.md`, "Inference Request JSON Object".
fn request(model: &Model<'_>) -> Value {
    let inputs: Vec<_> = model.signature.inputs.iter().map(input).collect();
    let outputs: Vec<_> = model.signature.outputs.iter().map(|spec| &spec.name).collect();
    let output = json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "enum": outputs }, "parameters": reference("OutputParameters") },
    });
    json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": { "type": "string", "description": "Comes back in the answer." },
            "parameters": reference("Parameters"),
            "inputs": { "type": "array", "minItems": inputs.len(), "maxItems": inputs.len(), "items": one_of(inputs) },
            "outputs": { "type": "array", "items": output, "description": "The outputs wanted; all of them if absent." },
        },
    })
}

/// `inference_rest.md`, "Inference Response JSON Object".
fn response(model: &Model<'_>) -> Value {
    let mut outputs: Vec<_> = model.signature.outputs.iter().map(output).collect();
    outputs.push(reference("Classes"));
    json!({
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": { "const": model.name },
            "model_version": { "const": model.version },
            "id": { "type": "string" },
            "outputs": { "type": "array", "items": { "anyOf": outputs } },
        },
    })
}

fn input(spec: &TensorSpec) -> Value {
    let element = element_of(spec);
    let description = "Flat in row-major order, or nested like the shape.";
    let items = json!({ "anyOf": [element, { "type": "array" }] });
    let data = json!({ "type": "array", "items": items, "description": description });
    // A scalar may stand alone.
    let is_scalar = spec.dims.as_ref().is_some_and(Vec::is_empty);
    tensor(spec, &if is_scalar { json!({ "anyOf": [data, element] }) } else { data })
}

fn output(spec: &TensorSpec) -> Value {
    tensor(spec, &json!({ "type": "array", "items": element_of(spec) }))
}

fn tensor(spec: &TensorSpec, data: &Value) -> Value {
    json!({
        "type": "object",
        "title": spec.name,
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": { "const": spec.name },
            "shape": shape(spec),
            "datatype": { "const": spec.dtype.as_str() },
            "data": data,
        },
    })
}

/// One of these; anything where there are none.
fn one_of(mut schemas: Vec<Value>) -> Value {
    match schemas.len() {
        0 => json!({}),
        1 => schemas.remove(0),
        _ => json!({ "oneOf": schemas }),
    }
}
