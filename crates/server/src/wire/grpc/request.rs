//! Inference requests: messages, with tensors in typed or raw form.

use bytes::Bytes;
use loadonce_core::tensor::raw;
use loadonce_core::{DType, InferRequest, NamedTensor, Parameter, Signature};
use prost::Message as _;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use super::contents;
use super::proto::infer_parameter::ParameterChoice;
use super::proto::model_infer_request::InferInputTensor;
use super::proto::{InferParameter, ModelInferRequest};
use crate::wire::WireError;
use crate::wire::parameters::{Parameters, refuse_shared_memory};
use crate::wire::rows::{self, Place};
use crate::wire::shape::shape;
use crate::wire::wanted::{Head, Wanted};

/// What a request says of the form of its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Whether the inputs were raw, so that the outputs are too.
    pub(super) raw: bool,
    /// What it says of each output.
    pub(super) wanted: Wanted,
}

impl Place for Form {
    fn place(&self) -> &'static str {
        if self.raw { "raw_input_contents[0]" } else { "inputs[0].contents.bytes_contents" }
    }
}

/// The most inputs, outputs and raw contents of a message, together. One takes two bytes on the wire and hundreds in
/// memory, so that without a bound a message would grow a hundredfold.
const MOST_PARTS: usize = 4096;

/// The numbers of those fields in `ModelInferRequest`.
const PARTS: std::ops::RangeInclusive<u32> = 5..=7;

/// Reads a message. Raw contents share its memory.
pub fn decode_message(bytes: Bytes) -> Result<ModelInferRequest, WireError> {
    let invalid = |error: prost::DecodeError| WireError::Message(error.to_string());
    let parts = count_parts(&bytes).map_err(invalid)?;
    if parts > MOST_PARTS {
        let detail = format!("has {parts} inputs, outputs and raw contents, at most {MOST_PARTS} are taken");
        return Err(WireError::form("the message", detail));
    }
    ModelInferRequest::decode(bytes).map_err(invalid)
}

fn count_parts(mut bytes: &[u8]) -> Result<usize, prost::DecodeError> {
    let mut parts = 0;
    while !bytes.is_empty() {
        let (field, wire_type) = decode_key(&mut bytes)?;
        skip_field(wire_type, field, &mut bytes, DecodeContext::default())?;
        parts += usize::from(PARTS.contains(&field));
    }
    Ok(parts)
}

/// Makes a message a request. Which model it is for stands in the message.
pub fn decode_request(message: ModelInferRequest, signature: &Signature) -> Result<(Form, InferRequest), WireError> {
    let ModelInferRequest { id, parameters: values, inputs, outputs, raw_input_contents, .. } = message;
    let is_raw = !raw_input_contents.is_empty();
    let inputs = if is_raw { raw_tensors(inputs, raw_input_contents)? } else { typed_tensors(inputs)? };
    let outputs = outputs.into_iter().enumerate().map(|(position, output)| {
        let values = parameters(output.parameters).map_err(|error| error.within(&format!("outputs[{position}]")))?;
        Ok((output.name, values))
    });
    let head = Head {
        id: (!id.is_empty()).then_some(id),
        parameters: parameters(values).map_err(WireError::outermost)?,
        outputs: outputs.collect::<Result<_, _>>()?,
    };
    let (wanted, request) = head.with_inputs(inputs)?;
    let form = Form { raw: is_raw, wanted };
    rows::check(&request.inputs, &form, signature)?;
    Ok((form, request))
}

fn typed_tensors(inputs: Vec<InferInputTensor>) -> Result<Vec<NamedTensor>, WireError> {
    let named = |(position, mut input): (usize, InferInputTensor)| {
        let typed = input.contents.take().unwrap_or_default();
        let tensor = checked(&mut input).and_then(|(dtype, shape)| contents::decode(dtype, shape, typed));
        let tensor = tensor.map_err(|error| error.within(&format!("inputs[{position}]")))?;
        Ok(NamedTensor { name: input.name, tensor })
    };
    inputs.into_iter().enumerate().map(named).collect()
}

fn raw_tensors(inputs: Vec<InferInputTensor>, contents: Vec<Bytes>) -> Result<Vec<NamedTensor>, WireError> {
    if inputs.len() != contents.len() {
        let detail = format!("has {} entries, expected one for each of the {} inputs", contents.len(), inputs.len());
        return Err(WireError::form("raw_input_contents", detail));
    }
    let named = |(position, (mut input, bytes)): (usize, (InferInputTensor, Bytes))| {
        let checked = checked(&mut input).and_then(|checked| refuse_typed(&input).map(|()| checked));
        let (dtype, shape) = checked.map_err(|error| error.within(&format!("inputs[{position}]")))?;
        let tensor = raw::decode(dtype, shape, bytes);
        let tensor = tensor.map_err(|detail| WireError::form(format!("raw_input_contents[{position}]"), detail))?;
        Ok(NamedTensor { name: input.name, tensor })
    };
    inputs.into_iter().zip(contents).enumerate().map(named).collect()
}

/// What an input says of itself.
fn checked(input: &mut InferInputTensor) -> Result<(DType, loadonce_core::Shape), WireError> {
    refuse_shared_memory(&parameters(std::mem::take(&mut input.parameters))?)?;
    let dtype = input.datatype.parse::<DType>().map_err(|error| WireError::form(".datatype", error.to_string()))?;
    Ok((dtype, shape(&input.shape, |axis| usize::try_from(*axis).ok())?))
}

/// A message has typed or raw contents, not both.
fn refuse_typed(input: &InferInputTensor) -> Result<(), WireError> {
    match input.contents.as_ref().and_then(|contents| contents::used(contents).next()) {
        None => Ok(()),
        Some((field, count)) => {
            let detail = format!("has {count} elements, expected none as raw_input_contents is used");
            Err(WireError::form(format!(".contents.{field}"), detail))
        }
    }
}

fn parameters(values: impl IntoIterator<Item = (String, InferParameter)>) -> Result<Parameters, WireError> {
    let value = |(name, parameter): (String, InferParameter)| {
        let value = match parameter.parameter_choice {
            Some(ParameterChoice::BoolParam(value)) => Parameter::Bool(value),
            Some(ParameterChoice::Int64Param(value)) => Parameter::Int64(value),
            Some(ParameterChoice::StringParam(value)) => Parameter::String(value),
            Some(ParameterChoice::DoubleParam(value)) => Parameter::Double(value),
            Some(ParameterChoice::Uint64Param(value)) => Parameter::Uint64(value),
            None => return Err(WireError::form(format!(".parameters.{name}"), "has no value")),
        };
        Ok((name, value))
    };
    values.into_iter().map(value).collect()
}
