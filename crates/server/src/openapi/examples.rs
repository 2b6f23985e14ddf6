//! A model's example in every form in which the protocols carry it.

use loadonce_core::NamedTensor;
use serde_json::{Map, Value, json};

use super::Model;
use crate::wire::write::write_nested;

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
    let Some((inputs, outputs)) = nested(model) else { return Vec::new() };
    let mut forms = Vec::new();
    if let (Some(rows), Some(answers)) = (rows(&inputs), rows(&outputs)) {
        let answer = json!({ "predictions": answers });
        if let Some(named) = named_rows(model, &rows) {
            let request = json!({ "instances": named });
            forms.push(Form { key: "named", summary: "named rows", request, answer: answer.clone() });
        }
        forms.push(Form { key: "rows", summary: "rows", request: json!({ "instances": rows }), answer });
    }
    let (request, answer) = (json!({ "inputs": entry(&inputs) }), json!({ "outputs": entry(&outputs) }));
    forms.push(Form { key: "columns", summary: "columns", request, answer });
    forms
}

/// The example as tensors of v2.
pub(super) fn v2(model: &Model<'_>) -> Option<Form> {
    let example = model.example?;
    let (inputs, outputs) = nested(model)?;
    let request = json!({ "inputs": tensors(&example.inputs, inputs) });
    let answer = json!({
        "model_name": model.name,
        "model_version": model.version,
        "outputs": tensors(&example.outputs, outputs),
    });
    Some(Form { key: "tensors", summary: "tensors", request, answer })
}

type Fields = Vec<(String, Value)>;

/// Inputs and outputs as nested arrays.
fn nested(model: &Model<'_>) -> Option<(Fields, Fields)> {
    let example = model.example.filter(|example| example.byte_len() <= MOST_BYTES)?;
    let nested = |tensors: &[NamedTensor]| tensors.iter().map(nested_tensor).collect::<Option<Fields>>();
    Some((nested(&example.inputs)?, nested(&example.outputs)?))
}

fn nested_tensor(NamedTensor { name, tensor }: &NamedTensor) -> Option<(String, Value)> {
    let mut text = Vec::new();
    write_nested(&mut text, name, tensor).ok()?;
    Some((name.clone(), serde_json::from_slice(&text).ok()?))
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

fn tensors(tensors: &[NamedTensor], nested: Fields) -> Vec<Value> {
    let tensor = |(NamedTensor { name, tensor }, (_, values)): (&NamedTensor, (String, Value))| {
        let mut data = Vec::new();
        flatten(values, &mut data);
        json!({ "name": name, "shape": &tensor.shape()[..], "datatype": tensor.dtype().as_str(), "data": data })
    };
    tensors.iter().zip(nested).map(tensor).collect()
}

fn flatten(value: Value, flat: &mut Vec<Value>) {
    match value {
        Value::Array(values) => values.into_iter().for_each(|value| flatten(value, flat)),
        scalar => flat.push(scalar),
    }
}
