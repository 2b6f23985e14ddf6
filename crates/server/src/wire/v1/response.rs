//! Predict responses, and the requests that clients write: one entry a row, or one entry a tensor.

use std::ops::Range;

use loadonce_core::{DType, InferResponse, NamedTensor, Signature, TensorSpec};

use super::Format;
use crate::wire::write::{room, scalar, separate, write_elements, write_nested};
use crate::wire::{WireError, b64, rows};

/// Writes a predict response in the format of the request.
pub fn encode_response(format: Format, signature: &Signature, response: &InferResponse) -> Result<Vec<u8>, WireError> {
    encode(format, ["predictions", "outputs"], &signature.outputs, &response.outputs)
}

/// Writes a predict request of these inputs, without names of columns.
pub fn encode_request(format: Format, signature: &Signature, inputs: &[NamedTensor]) -> Result<Vec<u8>, WireError> {
    encode(format, ["instances", "inputs"], &signature.inputs, inputs)
}

/// Tensors of these specs as rows or columns, each under its key.
pub(crate) fn encode(
    format: Format,
    [rows, columns]: [&str; 2],
    specs: &[TensorSpec],
    tensors: &[NamedTensor],
) -> Result<Vec<u8>, WireError> {
    let write: Write = if rows::of_json(specs).is_some() { encode_json } else { encode_elements };
    let mut out = Vec::with_capacity(64 + tensors.iter().map(|named| room(&named.tensor)).sum::<usize>());
    out.push(b'{');
    match format {
        Format::Rows => {
            scalar(&mut out, rows);
            out.extend_from_slice(b":[");
            for row in 0..row_count(tensors)? {
                separate(&mut out, row);
                encode_entry(&mut out, tensors, |out, named| encode_row(out, named, row, write))?;
            }
            out.push(b']');
        }
        Format::Columns => {
            scalar(&mut out, columns);
            out.push(b':');
            encode_entry(&mut out, tensors, |out, named| {
                let tensor = &named.tensor;
                write_nested(out, tensor.shape(), 0..tensor.len(), &|out, range| write(out, named, range))
            })?;
        }
    }
    out.push(b'}');
    Ok(out)
}

/// The rows of all outputs, which are equally many.
pub(super) fn row_count(outputs: &[NamedTensor]) -> Result<usize, WireError> {
    let rows: Vec<_> = outputs.iter().map(|output| output.tensor.shape().first().copied()).collect();
    match rows.as_slice() {
        [Some(first), others @ ..] if others.iter().all(|rows| *rows == Some(*first)) => Ok(*first),
        _ => Err(WireError::form("instances", "this model's outputs are not one a row; send 'inputs' instead")),
    }
}

/// The bare value of the only output, or an object of values by name.
fn encode_entry(
    out: &mut Vec<u8>,
    outputs: &[NamedTensor],
    write: impl Fn(&mut Vec<u8>, &NamedTensor) -> Result<(), WireError>,
) -> Result<(), WireError> {
    if let [only] = outputs {
        return write(out, only);
    }
    out.push(b'{');
    for (position, output) in outputs.iter().enumerate() {
        separate(out, position);
        scalar(out, output.name.as_str());
        out.push(b':');
        write(out, output)?;
    }
    out.push(b'}');
    Ok(())
}

/// Writes elements with commas between them.
type Write = fn(&mut Vec<u8>, &NamedTensor, Range<usize>) -> Result<(), WireError>;

fn encode_row(out: &mut Vec<u8>, output: &NamedTensor, row: usize, write: Write) -> Result<(), WireError> {
    let inner = output.tensor.shape().get(1..).unwrap_or_default();
    let step: usize = inner.iter().product();
    write_nested(out, inner, row * step..(row + 1) * step, &|out, range| write(out, output, range))
}

/// Elements with commas between them. Bytes that are no text, and those of an output that says so in its name, are in
/// base64 (`api_rest.md`, "Output of binary values").
pub(super) fn encode_elements(
    out: &mut Vec<u8>,
    NamedTensor { name, tensor }: &NamedTensor,
    range: Range<usize>,
) -> Result<(), WireError> {
    if tensor.dtype() != DType::Bytes {
        return write_elements(out, name, tensor, range);
    }
    let strings = tensor.as_strings().unwrap_or_default();
    for (position, string) in strings[range].iter().enumerate() {
        separate(out, position);
        match str::from_utf8(string) {
            Ok(text) if !name.ends_with("_bytes") => scalar(out, text),
            _ => b64::encode(out, string),
        }
    }
    Ok(())
}

/// Texts of JSON values as they are, with commas between them. They are looked at, so that the answer is JSON whatever a
/// model gives.
fn encode_json(
    out: &mut Vec<u8>,
    NamedTensor { name, tensor }: &NamedTensor,
    range: Range<usize>,
) -> Result<(), WireError> {
    let strings = tensor.as_strings().unwrap_or_default();
    for (position, text) in strings[range.clone()].iter().enumerate() {
        separate(out, position);
        let wrong = |detail| WireError::NotJson { output: name.clone(), index: range.start + position, detail };
        rows::expect_json(text).map_err(wrong)?;
        out.extend_from_slice(text);
    }
    Ok(())
}
