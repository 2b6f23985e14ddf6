//! Inference responses: messages, with tensors in the form of the request's.

use loadonce_core::tensor::raw;
use loadonce_core::{InferResponse, NamedTensor, Tensor};

use super::proto::ModelInferResponse;
use super::proto::model_infer_response::InferOutputTensor;
use super::{Form, contents};
use crate::wire::WireError;
use crate::wire::classification::classify;
use crate::wire::v2::Answerer;

/// Makes a response a message. All outputs are raw or all are typed (`open_inference_grpc.proto`,
/// `raw_output_contents`): raw if the inputs were, if one is asked for in binary form, or if one has no typed form.
pub fn encode_response(
    answerer: Answerer<'_>,
    response: &InferResponse,
    form: &Form,
) -> Result<ModelInferResponse, WireError> {
    let classified = |output: &NamedTensor| match form.wanted.form_of(&output.name).classes {
        Some(count) => classify(output, count, answerer.signature),
        None => Ok(output.clone()),
    };
    let outputs: Vec<_> = response.outputs.iter().map(classified).collect::<Result<_, _>>()?;
    let must_be_raw =
        |output: &NamedTensor| form.wanted.form_of(&output.name).binary || !contents::has_field(output.tensor.dtype());
    let is_raw = form.raw || outputs.iter().any(must_be_raw);
    let mut message = ModelInferResponse {
        model_name: answerer.name.to_owned(),
        model_version: answerer.version.to_owned(),
        id: response.id.clone().unwrap_or_default(),
        ..ModelInferResponse::default()
    };
    for NamedTensor { name, tensor } in outputs {
        let mut output = head(name, &tensor);
        if is_raw {
            message.raw_output_contents.push(raw::to_bytes(&tensor));
        } else {
            output.contents = Some(contents::encode(&tensor));
        }
        message.outputs.push(output);
    }
    Ok(message)
}

fn head(name: String, tensor: &Tensor) -> InferOutputTensor {
    InferOutputTensor {
        name,
        datatype: tensor.dtype().as_str().to_owned(),
        shape: tensor.shape().iter().map(|axis| i64::try_from(*axis).unwrap_or(i64::MAX)).collect(),
        ..InferOutputTensor::default()
    }
}
