//! JSON bodies that may be of v1 or of v2, told apart by what they hold; for samples, and for platforms whose paths name
//! no protocol.

use bytes::Bytes;
use loadonce_core::{InferRequest, InferResponse, ModelHandle, NamedTensor, Signature};
use serde::Deserialize;

use super::rows::Place;
use super::v2::{Answerer, Encoded, Framing, Wanted};
use super::{Raw, WireError, from_json, v1, v2};

/// The form of a request; the answer mirrors it.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    V1(v1::Field),
    V2(Wanted),
}

impl Place for Form {
    fn place(&self) -> &'static str {
        match self {
            Self::V1(field) => field.place(),
            Self::V2(wanted) => wanted.place(),
        }
    }
}

/// Enough of a body to tell whether it is v2, whose tensors are a list with datatypes.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow)]
    inputs: Option<Raw<'a>>,
    #[serde(borrow)]
    outputs: Option<Raw<'a>>,
    #[serde(borrow)]
    instances: Option<Raw<'a>>,
    #[serde(borrow)]
    predictions: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct TypedTensor {
    #[serde(rename = "datatype")]
    _datatype: String,
}

/// Whether the body is v2.
fn is_v2(body: &[u8]) -> bool {
    let Ok(probe) = from_json::<Probe<'_>>(body) else { return false };
    let tensors = probe.inputs.or(probe.outputs);
    let typed = |value: Raw<'_>| serde_json::from_str::<Vec<TypedTensor>>(value.get()).is_ok();
    probe.instances.is_none() && probe.predictions.is_none() && tensors.is_some_and(typed)
}

/// Reads a request.
pub(crate) fn decode_request(body: &Bytes, signature: &Signature) -> Result<(Form, InferRequest), WireError> {
    if is_v2(body) {
        return v2::decode_request(body, Framing::Json, signature).map(|(wanted, request)| (Form::V2(wanted), request));
    }
    v1::decode_request(body, signature).map(|(field, request)| (Form::V1(field), request))
}

/// Reads the outputs of a response, for samples.
pub(crate) fn decode_outputs(body: &Bytes, signature: &Signature) -> Result<Vec<NamedTensor>, WireError> {
    if is_v2(body) { v2::decode_outputs(body, Framing::Json) } else { v1::decode_outputs(body, signature) }
}

/// Writes a response in the form of the request.
pub(crate) fn encode_response(
    form: &Form,
    model: &ModelHandle,
    response: &InferResponse,
) -> Result<Encoded, WireError> {
    match form {
        Form::V1(field) => v1::encode_response(field.format(), model.signature(), response).map(Encoded::json),
        Form::V2(wanted) => {
            let answerer = Answerer { name: model.name(), version: model.version(), signature: model.signature() };
            v2::encode_response(answerer, response, wanted)
        }
    }
}
