//! Rows for models that take JSON: each is a value of the body, as it stands there.

use bytes::Bytes;
use loadonce_core::{NamedTensor, Shape, Tensor, TensorSpec};
use serde_json::value::RawValue;

use super::frame::{self, Frame};
use super::request::Given;
use crate::wire::write::{scalar, separate};
use crate::wire::{Raw, WireError, quote};

/// The tensor of the rows that stand in that field. The rows share the memory of the body.
pub(super) fn tensor(field: &str, given: Given<'_>, body: &Bytes, spec: &TensorSpec) -> Result<NamedTensor, WireError> {
    WireError::expect_syntax(body)?;
    let rows = match given {
        Given::Rows(rows) => slices(body, &rows),
        Given::Columns(value) => slices(body, &list(field, value)?),
        Given::Frame(value) => objects(&frame::read(value)?)?,
    };
    if rows.is_empty() {
        return Err(WireError::form(field, "is empty, expected at least one row"));
    }
    let tensor = Tensor::from_strings(Shape::new([rows.len()]), rows);
    let tensor = tensor.map_err(|error| WireError::form(field, error.to_string()))?;
    Ok(NamedTensor { name: spec.name.clone(), tensor })
}

fn slices(body: &Bytes, rows: &[Raw<'_>]) -> Vec<Bytes> {
    rows.iter().map(|row| body.slice_ref(row.get().as_bytes())).collect()
}

fn list<'a>(field: &str, value: Raw<'a>) -> Result<Vec<Raw<'a>>, WireError> {
    let wrong = |_| WireError::form(field, format!("expected a list of rows, got {}", quote(value.get())));
    serde_json::from_str(value.get()).map_err(wrong)
}

/// An object for each row, with a field for each column.
fn objects(frame: &Frame<'_>) -> Result<Vec<Bytes>, WireError> {
    let names = frame.names();
    let mut keys = Vec::with_capacity(names.len());
    for (position, name) in names.iter().enumerate() {
        if names[..position].contains(name) {
            return Err(WireError::form(frame::COLUMNS, format!("column '{name}' is given twice")));
        }
        let mut key = Vec::new();
        scalar(&mut key, name);
        keys.push(key);
    }
    frame.data.iter().enumerate().map(|(position, cells)| object(&keys, cells, position)).collect()
}

fn object(keys: &[Vec<u8>], cells: &[&RawValue], position: usize) -> Result<Bytes, WireError> {
    if cells.len() != keys.len() {
        let detail = format!("expected {} values, got {}", keys.len(), cells.len());
        return Err(WireError::form(format!("{}[{position}]", frame::DATA), detail));
    }
    let mut text = b"{".to_vec();
    for (position, (key, cell)) in keys.iter().zip(cells).enumerate() {
        separate(&mut text, position);
        text.extend_from_slice(key);
        text.push(b':');
        text.extend_from_slice(cell.get().as_bytes());
    }
    text.push(b'}');
    Ok(text.into())
}
