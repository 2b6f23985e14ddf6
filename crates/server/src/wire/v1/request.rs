//! Predict requests, and the answers of samples, which have the same forms.

use std::borrow::Cow;

use bytes::Bytes;
use loadonce_core::{InferRequest, NamedTensor, Signature, TensorSpec};
use serde::Deserialize;

use super::fields::{Fields, Text};
use super::frame::split_to_tensors;
use super::table::{Table, tensor};
use super::{Field, json_rows};
use crate::wire::rows::{self, Place as _};
use crate::wire::{Raw, WireError, from_json, quote};

/// A request has one of the four. Other fields are ignored, as TensorFlow Serving does.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    instances: Option<Vec<Raw<'a>>>,
    #[serde(borrow)]
    inputs: Option<Raw<'a>>,
    #[serde(borrow)]
    dataframe_records: Option<Vec<Raw<'a>>>,
    #[serde(borrow)]
    dataframe_split: Option<Raw<'a>>,
    /// A model has one signature here, whatever its exporter called it.
    #[serde(borrow, rename = "signature_name")]
    _signature_name: Option<Text<'a>>,
}

/// The part of a response that a sample's expected answer has.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    predictions: Option<Vec<Raw<'a>>>,
    #[serde(borrow)]
    outputs: Option<Raw<'a>>,
}

/// The values of a body that are to become tensors.
pub(super) enum Given<'a> {
    /// One entry a row.
    Rows(Vec<Raw<'a>>),
    /// All of a tensor, or of each.
    Columns(Raw<'a>),
    /// A data frame.
    Frame(Raw<'a>),
}

/// Reads a predict request.
pub fn decode_request(body: &Bytes, signature: &Signature) -> Result<(Field, InferRequest), WireError> {
    let fields = from_json(body)?;
    let inputs = given(fields).and_then(|(field, given)| {
        let inputs = tensors(field.place(), given, body, &signature.inputs)?;
        Ok((field, InferRequest { inputs, ..InferRequest::default() }))
    });
    inputs.map_err(|error| error.or_syntax(body))
}

/// What stands in the one field of a body that holds it.
fn given(body: Body<'_>) -> Result<(Field, Given<'_>), WireError> {
    let Body { instances, inputs, dataframe_records, dataframe_split, .. } = body;
    match (instances, inputs, dataframe_records, dataframe_split) {
        (Some(rows), None, None, None) => Ok((Field::Instances, Given::Rows(rows))),
        (None, Some(value), None, None) => Ok((Field::Inputs, Given::Columns(value))),
        (None, None, Some(rows), None) => Ok((Field::Records, Given::Rows(rows))),
        (None, None, None, Some(frame)) => Ok((Field::Split, Given::Frame(frame))),
        (rows, value, records, frame) => Err(not_one(&[
            ("instances", rows.is_some()),
            ("inputs", value.is_some()),
            ("dataframe_records", records.is_some()),
            ("dataframe_split", frame.is_some()),
        ])),
    }
}

/// The tensors of these specs; `field` is where the body has them.
fn tensors(field: &str, given: Given<'_>, body: &Bytes, specs: &[TensorSpec]) -> Result<Vec<NamedTensor>, WireError> {
    if let Some(spec) = rows::of_json(specs) {
        return Ok(vec![json_rows::tensor(field, given, body, spec)?]);
    }
    match given {
        Given::Rows(rows) => rows_to_tensors(field, &rows, specs),
        Given::Columns(value) => columns_to_tensors(field, value, specs),
        Given::Frame(frame) => split_to_tensors(frame, specs),
    }
}

fn not_one(fields: &[(&str, bool)]) -> WireError {
    let given: Vec<_> = fields.iter().filter(|(_, given)| *given).map(|(name, _)| format!("'{name}'")).collect();
    let detail = match given.as_slice() {
        [] => "has neither 'instances' (rows) nor 'inputs' (columns)".to_owned(),
        [one, other] => format!("has both {one} and {other}, expected one"),
        _ => format!("has {}, expected one", given.join(", ")),
    };
    WireError::form("the body", detail)
}

/// Reads the outputs of a predict response, for samples. Of several outputs it may have some.
pub fn decode_outputs(body: &Bytes, signature: &Signature) -> Result<Vec<NamedTensor>, WireError> {
    let answer: Answer<'_> = from_json(body)?;
    let outputs = match (answer.predictions, answer.outputs) {
        (Some(rows), None) => {
            let specs = named_by_first(&rows, &signature.outputs);
            tensors("predictions", Given::Rows(rows), body, &specs)
        }
        (None, Some(value)) => tensors("outputs", Given::Columns(value), body, &signature.outputs),
        _ => Err(WireError::form("response", "expected one of 'predictions' and 'outputs'")),
    };
    outputs.map_err(|error| error.or_syntax(body))
}

/// Those that the first row has, where it is an object of nothing else; else all.
fn named_by_first<'a>(rows: &[Raw<'_>], specs: &'a [TensorSpec]) -> Cow<'a, [TensorSpec]> {
    let Some(Fields(first)) = rows.first().and_then(|row| Fields::parse(row.get())) else { return specs.into() };
    let is_named = |spec: &&TensorSpec| first.iter().any(|(name, _)| *name == spec.name);
    let named: Vec<_> = specs.iter().filter(is_named).cloned().collect();
    if !named.is_empty() && named.len() == first.len() { named.into() } else { specs.into() }
}

fn rows_to_tensors(field: &str, rows: &[Raw<'_>], specs: &[TensorSpec]) -> Result<Vec<NamedTensor>, WireError> {
    let Some(first) = rows.first() else {
        return Err(WireError::form(field, "is empty, expected at least one row"));
    };
    if let [only] = specs
        && first.get().starts_with('[')
    {
        return plain_rows(field, rows, only);
    }
    let objects: Vec<_> = rows.iter().map(|row| row.get()).map(Fields::parse).collect();
    match (objects.iter().all(Option::is_some), specs) {
        (true, _) => named_rows(field, &objects.into_iter().flatten().collect::<Vec<_>>(), specs),
        (false, [only]) => plain_rows(field, rows, only),
        (false, _) => {
            let names: Vec<_> = specs.iter().map(|spec| format!("'{}'", spec.name)).collect();
            let position = objects.iter().position(Option::is_none).unwrap_or_default();
            let expected = format!("expected an object with {}, got {}", names.join(", "), quote(rows[position].get()));
            Err(WireError::form(format!("{field}[{position}]"), expected))
        }
    }
}

/// Rows that are objects: of columns where the only input has named ones, else of tensors.
pub(super) fn named_rows(
    field: &str,
    rows: &[Fields<'_>],
    specs: &[TensorSpec],
) -> Result<Vec<NamedTensor>, WireError> {
    let table = table_of(rows, specs);
    let cells = table.gather(field, rows)?;
    table.tensors(&cells, |row, column| format!("{field}[{row}].{column}"))
}

/// What the objects' keys name: the columns of the only tensor, where they have names, or the tensors.
pub(super) fn table_of<'a>(rows: &[Fields<'_>], specs: &'a [TensorSpec]) -> Table<'a> {
    match specs {
        [only] if !only.columns.is_empty() && !rows.iter().all(|row| row.has_only(&only.name)) => {
            Table::of_columns(only)
        }
        _ => Table::of_tensors(specs),
    }
}

/// Rows of the only tensor. Where the operator says what stands for missing values, `null` is one.
fn plain_rows(field: &str, rows: &[Raw<'_>], spec: &TensorSpec) -> Result<Vec<NamedTensor>, WireError> {
    let table = spec.missing.as_ref().and_then(|_| Table::of_cells(std::slice::from_ref(spec)).ok());
    if let Some(table) = table
        && let Some(lists) = table.lists(rows)
    {
        let places: Vec<_> = (0..table.width().unwrap_or(lists[0].len())).collect();
        let cells = table.arrange(field, &places, lists.into_iter())?;
        return table.tensors(&cells, |row, column| format!("{field}[{row}].{column}"));
    }
    let pieces: Vec<_> = rows.iter().map(|row| row.get()).collect();
    Ok(vec![tensor(spec, &[rows.len()], &pieces, |piece| format!("{field}[{piece}]"))?])
}

/// One value for the only tensor, or an object of values by name.
fn columns_to_tensors(field: &str, value: Raw<'_>, specs: &[TensorSpec]) -> Result<Vec<NamedTensor>, WireError> {
    let table = Table::of_tensors(specs);
    match (Fields::parse(value.get()), specs) {
        (Some(Fields(fields)), _) => {
            let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
            let places = table.place(&names).map_err(|detail| WireError::form(field, detail))?;
            let given = places.iter().zip(&fields).map(|(place, (_, value))| (&specs[*place], value.get()));
            given.map(|(spec, text)| tensor(spec, &[], &[text], |_| format!("{field}.{}", spec.name))).collect()
        }
        (None, [only]) => Ok(vec![tensor(only, &[], &[value.get()], |_| field.to_owned())?]),
        (None, _) => {
            let expected = format!("expected an object with {}, got {}", table.names().join(", "), quote(value.get()));
            Err(WireError::form(field, expected))
        }
    }
}
