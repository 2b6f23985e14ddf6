//! Inference responses: JSON, with tensors in it or behind it.

use bytes::Bytes;
use loadonce_core::tensor::raw;
use loadonce_core::{InferResponse, NamedTensor, Signature, Tensor};

use crate::wire::WireError;
use crate::wire::classification::classify;
use crate::wire::wanted::Wanted;
use crate::wire::write::{self, scalar, separate, write_elements};

/// Which model answered.
#[derive(Clone, Copy, Debug)]
pub struct Answerer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What it gives, for the names of classes.
    pub signature: &'a Signature,
}

/// A response's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The body.
    pub body: Vec<u8>,
    /// Bytes of it that are JSON, if tensors in binary form follow.
    pub json_length: Option<usize>,
    /// What follows it: large tensors, where they lie.
    pub behind: Vec<Bytes>,
}

/// Bytes from which on a tensor is not copied to stand in one piece with the JSON before it.
const LARGE: usize = 64 << 10;

impl Encoded {
    /// A body that is JSON to its end.
    pub fn json(body: Vec<u8>) -> Self {
        Self { body, ..Self::default() }
    }
}

/// Writes an inference response; data is flat and row-major.
pub fn encode_response(
    answerer: Answerer<'_>,
    response: &InferResponse,
    wanted: &Wanted,
) -> Result<Encoded, WireError> {
    let room = response.outputs.iter().map(|output| room(output, wanted)).sum::<usize>();
    let mut out = Vec::with_capacity(128 + room);
    let mut behind = Vec::new();
    out.extend_from_slice(b"{\"model_name\":");
    scalar(&mut out, answerer.name);
    out.extend_from_slice(b",\"model_version\":");
    scalar(&mut out, answerer.version);
    if let Some(id) = &response.id {
        out.extend_from_slice(b",\"id\":");
        scalar(&mut out, id);
    }
    out.extend_from_slice(b",\"outputs\":[");
    for (position, output) in response.outputs.iter().enumerate() {
        separate(&mut out, position);
        let form = wanted.form_of(&output.name);
        let classes = form.classes.map(|count| classify(output, count, answerer.signature)).transpose()?;
        let output = classes.as_ref().unwrap_or(output);
        encode_head(&mut out, output);
        if form.binary {
            encode_size(&mut out, &output.tensor);
            behind.push(output.tensor.clone());
        } else {
            encode_data(&mut out, output)?;
        }
    }
    out.extend_from_slice(b"]}");
    Ok(if behind.iter().any(is_large) { place_behind(out, &behind) } else { append(out, &behind) })
}

/// Bytes that an output may take in the JSON, to spare growing.
fn room(output: &NamedTensor, wanted: &Wanted) -> usize {
    let form = wanted.form_of(&output.name);
    128 + if form.binary || form.classes.is_some() { 0 } else { write::room(&output.tensor) }
}

fn is_large(tensor: &Tensor) -> bool {
    tensor.as_bytes().is_some_and(|bytes| bytes.len() >= LARGE)
}

fn place_behind(body: Vec<u8>, tensors: &[Tensor]) -> Encoded {
    Encoded { json_length: Some(body.len()), body, behind: tensors.iter().map(raw::to_bytes).collect() }
}

pub(super) fn append(mut body: Vec<u8>, tensors: &[Tensor]) -> Encoded {
    if tensors.is_empty() {
        return Encoded::json(body);
    }
    let json_length = Some(body.len());
    body.reserve_exact(tensors.iter().map(raw::length).sum());
    for tensor in tensors {
        raw::encode(&mut body, tensor);
    }
    Encoded { body, json_length, behind: Vec::new() }
}

pub(super) fn encode_head(out: &mut Vec<u8>, NamedTensor { name, tensor }: &NamedTensor) {
    out.extend_from_slice(b"{\"name\":");
    scalar(out, name);
    out.extend_from_slice(b",\"datatype\":");
    scalar(out, tensor.dtype().as_str());
    out.extend_from_slice(b",\"shape\":");
    scalar(out, &tensor.shape()[..]);
}

pub(super) fn encode_size(out: &mut Vec<u8>, tensor: &Tensor) {
    out.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
    scalar(out, raw::length(tensor));
    out.extend_from_slice(b"}}");
}

pub(super) fn encode_data(out: &mut Vec<u8>, NamedTensor { name, tensor }: &NamedTensor) -> Result<(), WireError> {
    out.extend_from_slice(b",\"data\":[");
    write_elements(out, name, tensor, 0..tensor.len())?;
    out.extend_from_slice(b"]}");
    Ok(())
}
