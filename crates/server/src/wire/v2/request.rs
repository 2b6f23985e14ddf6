//! Inference requests: JSON, with tensors in it or behind it.

use std::borrow::Cow;

use bytes::Bytes;
use loadonce_core::tensor::raw;
use loadonce_core::{DType, Dim, InferRequest, NamedTensor, Shape, Signature, Tensor, TensorSpec};
use serde::Deserialize;

use super::parameters::{Values, parameters};
use crate::wire::parameters::{count, refuse_shared_memory};
use crate::wire::shape::shape;
use crate::wire::wanted::{Head, Wanted};
use crate::wire::{ArrayError, Raw, WireError, from_json, parse_pieces, rows};

/// How a body is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// All of it is JSON.
    #[default]
    Json,
    /// This many bytes are JSON, and tensors in binary form follow in the order of the inputs that announce them.
    Mixed(usize),
    /// All of it is the one input of the model, in binary form.
    Raw,
}

#[derive(Deserialize)]
struct Request<'a> {
    id: Option<String>,
    #[serde(default)]
    parameters: Values,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<serde_json::Number>,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    #[serde(default)]
    parameters: Values,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Values,
}

/// The part of a response that a sample's expected answer has.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    outputs: Vec<Input<'a>>,
}

/// Reads an inference request. The data of an input may be nested or flat, or lie in binary form behind the JSON; fields
/// that the protocol does not have are ignored, as clients send some (KServe's SDK sends `model_name`).
pub fn decode_request(
    body: &Bytes,
    framing: Framing,
    signature: &Signature,
) -> Result<(Wanted, InferRequest), WireError> {
    let (wanted, request) = if framing == Framing::Raw {
        raw_request(body.clone(), signature)?
    } else {
        let (json, tail) = split(body, framing)?;
        inference(from_json(&json)?, tail).map_err(|error| error.or_syntax(&json))?
    };
    rows::check(&request.inputs, &wanted, signature)?;
    Ok((wanted, request))
}

/// The JSON of a body, and what follows it.
fn split(body: &Bytes, framing: Framing) -> Result<(Bytes, Tail), WireError> {
    let (json, bytes) = match framing {
        Framing::Json => (body.clone(), Bytes::new()),
        Framing::Mixed(length) if length > body.len() => {
            let detail = format!("is {length}, but the body has {} bytes", body.len());
            return Err(WireError::form("Inference-Header-Content-Length", detail));
        }
        Framing::Mixed(length) => (body.slice(..length), body.slice(length..)),
        Framing::Raw => (Bytes::new(), body.clone()),
    };
    Ok((json, Tail { bytes, is_there: framing != Framing::Json }))
}

fn inference(mut request: Request<'_>, mut tail: Tail) -> Result<(Wanted, InferRequest), WireError> {
    let inputs = tensors("inputs", std::mem::take(&mut request.inputs), &mut tail)?;
    tail.finish()?;
    head(request)?.with_inputs(inputs)
}

fn head(request: Request<'_>) -> Result<Head, WireError> {
    let output = |(position, output): (usize, Output)| {
        let parameters =
            parameters(output.parameters).map_err(|error| error.within(&format!("outputs[{position}]")))?;
        Ok((output.name, parameters))
    };
    Ok(Head {
        id: request.id,
        parameters: parameters(request.parameters).map_err(WireError::outermost)?,
        outputs: request.outputs.into_iter().enumerate().map(output).collect::<Result<_, _>>()?,
    })
}

/// Reads the outputs of an inference response, for samples and clients.
pub fn decode_outputs(body: &Bytes, framing: Framing) -> Result<Vec<NamedTensor>, WireError> {
    let (json, mut tail) = split(body, framing)?;
    let response: Response<'_> = from_json(&json)?;
    let outputs = tensors("outputs", response.outputs, &mut tail).map_err(|error| error.or_syntax(&json))?;
    tail.finish()?;
    Ok(outputs)
}

/// A body that is one tensor ("Raw Binary Request"): for a model of one input, of which one axis may be of any length.
fn raw_request(body: Bytes, signature: &Signature) -> Result<(Wanted, InferRequest), WireError> {
    let refused = |detail: String| WireError::form("the body in raw binary form", detail);
    let [spec] = signature.inputs.as_slice() else {
        return Err(refused(format!("is for models of one input, this one has {}", signature.inputs.len())));
    };
    let (shape, body) = match spec.dtype.size() {
        Some(size) => (raw_shape(spec, body.len() / size).map_err(refused)?, body),
        // One string, without its length.
        None => (Shape::new(spec.dims.iter().flatten().map(|_| 1)), with_length(&body)),
    };
    let tensor = raw::decode(spec.dtype, shape, body).map_err(refused)?;
    let inputs = vec![NamedTensor { name: spec.name.clone(), tensor }];
    Ok((Wanted::all(true), InferRequest { inputs, ..InferRequest::default() }))
}

/// The shape of that many elements: an axis of any length takes what is left, the first one of two is one row.
fn raw_shape(spec: &TensorSpec, elements: usize) -> Result<Shape, String> {
    let dims = spec.dims.as_deref().unwrap_or(&[Dim::ANY]);
    let is_free = |dim: &Dim| matches!(dim, Dim::Dynamic(_));
    let free = dims.iter().filter(|dim| is_free(dim)).count();
    let one_row = usize::from(free == 2 && dims.first().is_some_and(is_free));
    if free - one_row > 1 {
        return Err(format!("cannot tell the shape of input '{}' ({spec})", spec.name));
    }
    let fixed = dims.iter().map(|dim| if let Dim::Fixed(length) = dim { *length } else { 1 });
    let fixed = fixed.fold(1, usize::saturating_mul);
    let rest = elements.checked_div(fixed).unwrap_or(0);
    Ok(Shape::new(dims.iter().enumerate().map(|(position, dim)| match dim {
        Dim::Fixed(length) => *length,
        Dim::Dynamic(_) if position < one_row => 1,
        Dim::Dynamic(_) => rest,
    })))
}

fn with_length(string: &[u8]) -> Bytes {
    let length = u32::try_from(string.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&length[..], string].concat().into()
}

/// What is left of the tensors in binary form.
struct Tail {
    bytes: Bytes,
    /// Whether the header that announces them is there.
    is_there: bool,
}

impl Tail {
    fn take(&mut self, name: &str, size: usize) -> Result<Bytes, WireError> {
        let wrong = |detail: String| WireError::form(".parameters.binary_data_size", detail);
        if !self.is_there {
            return Err(wrong("without the header Inference-Header-Content-Length".to_owned()));
        }
        if size > self.bytes.len() {
            let detail = format!("input '{name}' takes {size} bytes, {} are left in the body", self.bytes.len());
            return Err(wrong(detail));
        }
        Ok(self.bytes.split_to(size))
    }

    fn finish(self) -> Result<(), WireError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(WireError::form("the body", format!("has {left} bytes that belong to no input"))),
        }
    }
}

fn tensors(field: &str, inputs: Vec<Input<'_>>, tail: &mut Tail) -> Result<Vec<NamedTensor>, WireError> {
    let named = |(position, input): (usize, Input<'_>)| {
        named_tensor(input, tail).map_err(|error| error.within(&format!("{field}[{position}]")))
    };
    inputs.into_iter().enumerate().map(named).collect()
}

fn named_tensor(input: Input<'_>, tail: &mut Tail) -> Result<NamedTensor, WireError> {
    let name = input.name;
    let dtype: DType = input.datatype.parse().map_err(|error| form(".datatype", &error))?;
    let shape = shape(&input.shape, |axis| usize::try_from(axis.as_u64()?).ok())?;
    let parameters = parameters(input.parameters)?;
    refuse_shared_memory(&parameters)?;
    let tensor = match (count(&parameters, "binary_data_size")?, input.data) {
        (Some(_), Some(_)) => return Err(WireError::form(".data", format!("input '{name}' also has binary data"))),
        (Some(size), None) => {
            let bytes = tail.take(&name, size)?;
            raw::decode(dtype, shape, bytes)
                .map_err(|detail| WireError::form(".parameters.binary_data_size", detail))?
        }
        (None, Some(data)) => json_tensor(dtype, shape, data)?,
        (None, None) => return Err(WireError::form(".data", format!("input '{name}' has no data"))),
    };
    Ok(NamedTensor { name: name.into_owned(), tensor })
}

fn json_tensor(dtype: DType, shape: Shape, data: Raw<'_>) -> Result<Tensor, WireError> {
    let tensor = parse_pieces(dtype, &[], &[data.get()])
        .map_err(|ArrayError { position, detail, .. }| WireError::form(format!(".data{position}"), detail))?;
    fit(tensor, shape).map_err(|detail| WireError::form(".data", detail))
}

/// Gives flat data its shape; nested data must have it already.
fn fit(tensor: Tensor, shape: Shape) -> Result<Tensor, String> {
    if tensor.shape() == &shape {
        return Ok(tensor);
    }
    if tensor.shape().len() > 1 {
        return Err(format!("the nesting spells shape {}, but 'shape' says {shape}", tensor.shape()));
    }
    tensor.reshape(shape).map_err(|error| error.to_string())
}

fn form(path: &str, error: &dyn std::fmt::Display) -> WireError {
    WireError::form(path, error.to_string())
}
