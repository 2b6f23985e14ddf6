//! `:classify` and `:regress` (`api_rest.md`, "Classify and Regress API"): examples of features in, classes with scores or
//! numbers out.

use loadonce_core::{InferRequest, InferResponse, NamedTensor, Signature, TensorSpec};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{Fields, Text};
use super::request::table_of;
use super::response::encode_elements;
use super::table::Table;
use super::task::{classifier, regressor};
use crate::wire::rows::Place;
use crate::wire::write::{scalar, separate};
use crate::wire::{WireError, from_json, quote};

/// What is asked of the examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Every class with its score.
    Classify,
    /// One number a row.
    Regress,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    examples: Vec<&'a RawValue>,
    /// Features that all examples have.
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
    #[serde(borrow, rename = "signature_name")]
    _signature_name: Option<Text<'a>>,
}

impl Place for Task {
    fn place(&self) -> &'static str {
        "examples"
    }
}

impl Task {
    /// The output that answers; an error where the model is none for the task.
    pub(crate) fn output(self, signature: &Signature) -> Result<&TensorSpec, WireError> {
        let (output, verb) = match self {
            Self::Classify => (classifier(signature), ":classify"),
            Self::Regress => (regressor(signature), ":regress"),
        };
        output.map_err(|reason| WireError::form(verb, reason))
    }
}

/// Reads examples, and asks for the one output that answers them.
pub fn decode_examples(body: &[u8], task: Task, signature: &Signature) -> Result<InferRequest, WireError> {
    let output = task.output(signature)?.name.clone();
    let Body { examples, context, .. } = from_json(body)?;
    if examples.is_empty() {
        return Err(WireError::form("examples", "is empty, expected at least one example"));
    }
    let context = context.map(|context| features(context, || "context".to_owned())).transpose()?.unwrap_or_default();
    let rows = examples.iter().enumerate().map(|(position, example)| {
        let Fields(mut fields) = features(example, || format!("examples[{position}]"))?;
        fields.extend(context.0.iter().cloned());
        Ok(Fields(fields))
    });
    let mut rows = rows.collect::<Result<Vec<_>, WireError>>()?;
    let table = table_of(&rows, &signature.inputs);
    for row in &mut rows {
        take_out(row, &table);
    }
    let cells = table.gather("examples", &rows)?;
    let inputs = table.tensors(&cells, |row, column| format!("examples[{row}].{column}"))?;
    Ok(InferRequest { inputs, outputs: vec![output], ..InferRequest::default() })
}

fn features(value: &RawValue, place: impl Fn() -> String) -> Result<Fields<'_>, WireError> {
    let wrong = || WireError::form(place(), format!("expected an object of features, got {}", quote(value.get())));
    Fields::parse(value.get()).ok_or_else(wrong)
}

/// A feature is a list of values to TensorFlow, also where it has one.
fn take_out<'a>(Fields(row): &mut Fields<'a>, table: &Table<'_>) {
    for (name, value) in row {
        let alone: Option<[&'a RawValue; 1]> = serde_json::from_str(value.get()).ok();
        let is_one_value =
            table.names().iter().position(|known| known == name).is_some_and(|at| table.is_one_value(at));
        if let (true, Some([inner])) = (is_one_value, alone) {
            *value = inner;
        }
    }
}

/// Writes what the model gives for each example.
pub fn encode_results(task: Task, signature: &Signature, response: &InferResponse) -> Result<Vec<u8>, WireError> {
    let [output] = response.outputs.as_slice() else {
        return Err(WireError::form("results", format!("expected one output, got {}", response.outputs.len())));
    };
    let mut out = b"{\"results\":[".to_vec();
    match task {
        Task::Classify => encode_classes(&mut out, output, &task.output(signature)?.labels)?,
        Task::Regress => encode_elements(&mut out, output, 0..values(output)?)?,
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

/// A list of label and score for each class, in the model's order; a class without a name has an empty one.
fn encode_classes(out: &mut Vec<u8>, output: &NamedTensor, labels: &[String]) -> Result<(), WireError> {
    let &[rows, classes] = &**output.tensor.shape() else { return Err(unexpected(output, "rows of scores")) };
    for row in 0..rows {
        separate(out, row);
        out.push(b'[');
        for class in 0..classes {
            separate(out, class);
            out.push(b'[');
            scalar(out, labels.get(class).map_or("", String::as_str));
            out.push(b',');
            let element = row * classes + class;
            encode_elements(out, output, element..element + 1)?;
            out.push(b']');
        }
        out.push(b']');
    }
    Ok(())
}

/// How many numbers there are, one a row.
fn values(output: &NamedTensor) -> Result<usize, WireError> {
    match **output.tensor.shape() {
        [rows] | [rows, 1] => Ok(rows),
        _ => Err(unexpected(output, "one number a row")),
    }
}

/// Where the signature left the shape open, and it is another one.
fn unexpected(NamedTensor { name, tensor }: &NamedTensor, expected: &str) -> WireError {
    WireError::form(format!("output '{name}'"), format!("is {}, expected {expected}", tensor.shape()))
}
