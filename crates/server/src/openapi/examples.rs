//! A model's example in every form in which the protocols carry it.

use std::slice;

use loadonce_core::sample::Example;
use loadonce_core::{InferResponse, NamedTensor, Signature, TensorSpec, Timing};
use serde_json::{Map, Value, json};

use super::Model;
use crate::wire::rows::of_json;
use crate::wire::v1::Task;
use crate::wire::v2::Wanted;
use crate::wire::{v1, v2};

/// Bytes of tensors above which an example would bury what it explains.
const MOST_BYTES: usize = 64 << 10;

/// A request or answer with its name for people.
pub(super) struct Form {
    pub(super) key: &'static str,
    pub(super) summary: &'static str,
    pub(super) request: Value,
    pub(super) answer: Value,
}

/// The example in the forms of v1; none where there is none, or none that fits.
pub(super) fn v1(model: &Model<'_>) -> Vec<Form> {
    let Signature { inputs, outputs } = model.signature;
    let example =
        small(model).and_then(|example| Some((nested(inputs, &example.inputs)?, nested(outputs, &example.outputs)?)));
    let Some((inputs, outputs)) = example else { return Vec::new() };
    let mut forms = Vec::new();
    if let (Some(rows), Some(answers)) = (rows(&inputs), rows(&outputs)) {
        let answer = json!({ "predictions": answers });
        if let Some(named) = named_rows(model, &rows) {
            let request = json!({ "instances": named });
            forms.push(Form { key: "named", summary: "named rows", request, answer: answer.clone() });
        }
        forms.push(Form { key: "rows", summary: "rows", request: json!({ "instances": rows }), answer });
    }
    if of_json(&model.signature.inputs).is_some() {
        return forms;
    }
    let (request, answer) = (json!({ "inputs": entry(&inputs) }), json!({ "outputs": entry(&outputs) }));
    forms.push(Form { key: "columns", summary: "columns", request, answer });
    forms
}

/// The example with what `:classify` or `:regress` makes of it.
pub(super) fn results(model: &Model<'_>, task: Task, verb: &'static str) -> Option<Form> {
    let example = small(model)?;
    let inputs = nested(&model.signature.inputs, &example.inputs)?;
    let rows = rows(&inputs)?;
    let examples = named_rows(model, &rows).unwrap_or_else(|| by_name(&inputs, rows));
    let output = task.output(model.signature).ok()?;
    let output: Vec<_> = example.outputs.iter().filter(|named| named.name == output.name).cloned().collect();
    let answer = v1::encode_results(task, model.signature, &response(&output)).ok()?;
    let answer = serde_json::from_slice(&answer).ok()?;
    Some(Form { key: verb, summary: verb, request: json!({ "examples": examples }), answer })
}

/// Rows as objects of inputs.
fn by_name(inputs: &Fields, rows: Vec<Value>) -> Vec<Value> {
    match inputs.as_slice() {
        [(name, _)] => rows.into_iter().map(|row| json!({ name: row })).collect(),
        _ => rows,
    }
}

/// The example as tensors of v2.
pub(super) fn v2(model: &Model<'_>) -> Option<Form> {
    let example = small(model)?;
    let inputs = v2_body(model, &example.inputs)?["outputs"].take();
    let answer = v2_body(model, &example.outputs)?;
    Some(Form { key: "tensors", summary: "tensors", request: json!({ "inputs": inputs }), answer })
}

/// An answer of these tensors; those of a request look the same.
fn v2_body(model: &Model<'_>, tensors: &[NamedTensor]) -> Option<Value> {
    let Model { name, version, signature, .. } = *model;
    let answerer = v2::Answerer { name, version, signature };
    let encoded = v2::encode_response(answerer, &response(tensors), &Wanted::default()).ok()?;
    serde_json::from_slice(&encoded.body).ok()
}

fn small<'a>(model: &Model<'a>) -> Option<&'a Example> {
    model.example.filter(|example| example.byte_len() <= MOST_BYTES)
}

fn response(tensors: &[NamedTensor]) -> InferResponse {
    InferResponse { id: None, outputs: tensors.to_vec(), timing: Timing::default() }
}

type Fields = Vec<(String, Value)>;

/// Tensors of these specs as nested arrays by name.
fn nested(specs: &[TensorSpec], tensors: &[NamedTensor]) -> Option<Fields> {
    tensors.iter().map(|tensor| nested_tensor(specs, tensor)).collect()
}

fn nested_tensor(specs: &[TensorSpec], tensor: &NamedTensor) -> Option<(String, Value)> {
    let body = v1::encode(v1::Format::Columns, ["rows", "columns"], specs, slice::from_ref(tensor)).ok()?;
    let mut body: Value = serde_json::from_slice(&body).ok()?;
    Some((tensor.name.clone(), body["columns"].take()))
}

/// One entry a row, where all tensors have as many rows.
fn rows(fields: &Fields) -> Option<Vec<Value>> {
    let count = fields.first()?.1.as_array()?.len();
    let row = |position: usize| {
        let cells = fields.iter().map(|(name, value)| Some((name.clone(), value.get(position)?.clone())));
        Some(entry(&cells.collect::<Option<Fields>>()?))
    };
    let is_even = fields.iter().all(|(_, value)| value.as_array().is_some_and(|rows| rows.len() == count));
    if is_even { (0..count).map(row).collect() } else { None }
}

/// The bare value of the only tensor, or an object of values by name.
fn entry(fields: &Fields) -> Value {
    match fields.as_slice() {
        [(_, only)] => only.clone(),
        several => several.iter().cloned().collect::<Map<_, _>>().into(),
    }
}

/// Rows as objects of columns, where the only input has named ones.
fn named_rows(model: &Model<'_>, rows: &[Value]) -> Option<Vec<Value>> {
    let [only] = model.signature.inputs.as_slice() else { return None };
    let named = |row: &Value| {
        let cells = only.columns.iter().cloned().zip(row.as_array()?.iter().cloned());
        Some(cells.collect::<Map<_, _>>().into())
    };
    if only.columns.is_empty() { None } else { rows.iter().map(named).collect() }
}
