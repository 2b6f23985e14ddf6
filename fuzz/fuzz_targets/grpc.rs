//! A message that claims to be a `ModelInferRequest`: what is read comes back the same through an answer, in the form of the
//! request and in raw form. Every other outcome but a panic, a hang, and memory that its size does not explain is right.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use loadonce_core::{InferResponse, Signature};
use loadonce_fuzz::wire::echo;
use loadonce_server::wire::grpc::proto::model_infer_request::InferInputTensor;
use loadonce_server::wire::grpc::proto::{ModelInferRequest, ModelInferResponse};
use loadonce_server::wire::grpc::{Form, decode_message, decode_request, encode_response};
use loadonce_server::wire::v2::Answerer;

/// The answer as a request, which it looks like.
fn back(answer: ModelInferResponse) -> ModelInferRequest {
    let inputs = answer.outputs.into_iter().map(|output| InferInputTensor {
        name: output.name,
        datatype: output.datatype,
        shape: output.shape,
        contents: output.contents,
        parameters: output.parameters,
    });
    ModelInferRequest { inputs: inputs.collect(), raw_input_contents: answer.raw_output_contents, ..Default::default() }
}

/// Makes a response a message in that form, and the message a response again.
fn there_and_back(response: &InferResponse, form: &Form) {
    let signature = Signature::default();
    let answerer = Answerer { name: "m", version: "1", signature: &signature };
    // Only classes can be refused: those of an output that has none.
    let Ok(answer) = encode_response(answerer, response, form) else { return };
    let classified = answer.outputs.iter().zip(&response.outputs).any(|(out, given)| out.datatype != given.tensor.dtype().as_str());
    let (_, request) = decode_request(back(answer), &Signature::default()).expect("an answer is well formed");
    assert!(classified || request.inputs == response.outputs);
}

fuzz_target!(|content: &[u8]| {
    let Ok(message) = decode_message(Bytes::copy_from_slice(content)) else { return };
    let Ok((form, request)) = decode_request(message, &Signature::default()) else { return };
    let response = echo(request.inputs);
    there_and_back(&response, &form);
    there_and_back(&response, &Form::default());
});
