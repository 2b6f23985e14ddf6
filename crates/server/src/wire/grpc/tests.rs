//! Messages to requests, and responses to messages.

use bytes::Bytes;
use half::f16;
use loadonce_core::{
    DType, Dim, InferRequest, InferResponse, NamedTensor, Parameter, Shape, Signature, Tensor, TensorSpec, Timing,
};
use proptest::prelude::*;
use prost::Message as _;

use super::proto::infer_parameter::ParameterChoice;
use super::proto::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use super::proto::{InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse};
use super::*;
use crate::wire::v2::Answerer;

fn input(datatype: &str, shape: &[i64], contents: InferTensorContents) -> InferInputTensor {
    InferInputTensor {
        name: "x".to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
        contents: Some(contents),
        ..InferInputTensor::default()
    }
}

fn of(inputs: Vec<InferInputTensor>) -> ModelInferRequest {
    ModelInferRequest { inputs, ..ModelInferRequest::default() }
}

fn raw(mut message: ModelInferRequest, contents: &[&'static [u8]]) -> ModelInferRequest {
    message.raw_input_contents = contents.iter().map(|bytes| Bytes::from_static(bytes)).collect();
    message
}

fn floats(elements: &[f32]) -> InferTensorContents {
    InferTensorContents { fp32_contents: elements.to_vec(), ..InferTensorContents::default() }
}

fn ints(elements: &[i32]) -> InferTensorContents {
    InferTensorContents { int_contents: elements.to_vec(), ..InferTensorContents::default() }
}

fn decode(message: ModelInferRequest) -> Result<InferRequest, String> {
    decode_request(message, &Signature::default()).map(|(_, request)| request).map_err(|error| error.to_string())
}

fn answer(tensor: Tensor, form: &Form) -> ModelInferResponse {
    let labels = ["cat", "dog", "owl"].map(str::to_owned).to_vec();
    let output = TensorSpec { labels, ..TensorSpec::new("y", tensor.dtype(), [Dim::ANY]) };
    let signature = Signature { inputs: Vec::new(), outputs: vec![output] };
    let outputs = vec![NamedTensor { name: "y".to_owned(), tensor }];
    let response = InferResponse { id: None, outputs, timing: Timing::default() };
    encode_response(Answerer { name: "m", version: "1", signature: &signature }, &response, form).unwrap()
}

/// A tensor of three elements of each dtype, at its limits where it has some.
fn tensors() -> Vec<Tensor> {
    let shape = || Shape::new([3]);
    let halves = |dtype| Tensor::from_bytes(dtype, shape(), Bytes::from_static(&[0, 60, 0, 124, 1, 0])).unwrap();
    let strings: Vec<Bytes> = [&b""[..], b"\xff\x00", "ü".as_bytes()].map(Bytes::from_static).to_vec();
    [
        Tensor::from_vec(shape(), vec![true, false, true]),
        Tensor::from_vec(shape(), vec![i8::MIN, 0, i8::MAX]),
        Tensor::from_vec(shape(), vec![i16::MIN, 0, i16::MAX]),
        Tensor::from_vec(shape(), vec![i32::MIN, 0, i32::MAX]),
        Tensor::from_vec(shape(), vec![i64::MIN, 0, i64::MAX]),
        Tensor::from_vec(shape(), vec![0, 1, u8::MAX]),
        Tensor::from_vec(shape(), vec![0, 1, u16::MAX]),
        Tensor::from_vec(shape(), vec![0, 1, u32::MAX]),
        Tensor::from_vec(shape(), vec![0, 1, u64::MAX]),
        Tensor::from_vec(shape(), vec![f32::MIN, -0.0, f32::INFINITY]),
        Tensor::from_vec(shape(), vec![f64::MIN, -0.0, f64::INFINITY]),
        Tensor::from_strings(shape(), strings),
    ]
    .into_iter()
    .map(Result::unwrap)
    .chain([halves(DType::Fp16), halves(DType::Bf16)])
    .collect()
}

/// The response as a request, which it looks like.
fn back(response: ModelInferResponse) -> ModelInferRequest {
    let mut message = ModelInferRequest { raw_input_contents: response.raw_output_contents, ..Default::default() };
    for output in response.outputs {
        let contents = output.contents.unwrap_or_default();
        message.inputs.push(input(&output.datatype, &output.shape, contents));
    }
    message
}

#[test]
fn every_dtype_travels_in_both_forms() {
    assert_eq!(tensors().len(), DType::ALL.len());
    for tensor in tensors() {
        for is_raw in [false, true] {
            let response = answer(tensor.clone(), &Form { raw: is_raw, ..Form::default() });
            let must_be_raw = matches!(tensor.dtype(), DType::Fp16 | DType::Bf16);
            assert_eq!(response.raw_output_contents.is_empty(), !is_raw && !must_be_raw, "{}", tensor.dtype());
            let (form, request) = decode_request(back(response), &Signature::default()).unwrap();
            assert_eq!((form.raw, &request.inputs[0].tensor), (is_raw || must_be_raw, &tensor));
        }
    }
}

#[test]
fn raw_contents_share_the_memory_of_the_message_and_of_the_tensor() {
    let tensor = Tensor::from_vec(Shape::new([2]), vec![1_u8, 2]).unwrap();
    let response = answer(tensor.clone(), &Form { raw: true, ..Form::default() });
    assert_eq!(response.raw_output_contents[0].as_ptr(), tensor.as_bytes().unwrap().as_ptr());
    let bytes = Bytes::from(raw(of(vec![input("UINT8", &[2], floats(&[]))]), &[b"\x01\x02"]).encode_to_vec());
    let range = bytes.as_ptr_range();
    let message = decode_message(bytes.clone()).unwrap();
    assert!(range.contains(&message.raw_input_contents[0].as_ptr()));
    let elements = vec![1.0_f32, 2.0];
    let address = elements.as_ptr();
    let contents = InferTensorContents { fp32_contents: elements, ..InferTensorContents::default() };
    let request = decode(of(vec![input("FP32", &[2], contents)])).unwrap();
    assert_eq!(request.inputs[0].tensor.as_slice::<f32>().unwrap().as_ptr(), address);
}

#[test]
fn mistakes_are_named_by_their_place() {
    let right = || input("FP32", &[1, 2], floats(&[1.0, 2.0]));
    let bare = || input("FP32", &[1, 2], floats(&[]));
    let parameter = |value| [("p".to_owned(), InferParameter { parameter_choice: value })].into();
    let valueless = ModelInferRequest { parameters: parameter(None), ..of(vec![right()]) };
    let cases = [
        (of(vec![input("INT8", &[2], ints(&[1, 128]))]), "inputs[0].contents.int_contents[1]: expected INT8, got 128"),
        (
            of(vec![right(), input("INT32", &[2], floats(&[1.0]))]),
            "inputs[1].contents.fp32_contents: has 1 elements, but INT32 belongs in int_contents",
        ),
        (of(vec![bare()]), "inputs[0].contents.fp32_contents: shape [1,2] holds 2 elements, got 0"),
        (
            of(vec![input("FP16", &[1], floats(&[]))]),
            "inputs[0].contents: FP16 has no typed form, send it in raw_input_contents",
        ),
        (of(vec![input("INT32", &[-2], ints(&[]))]), "inputs[0].shape[0]: expected a length of 0 or more, got -2"),
        (
            raw(of(vec![bare(), bare()]), &[b"12345678"]),
            "raw_input_contents: has 1 entries, expected one for each of the 2 inputs",
        ),
        (
            raw(of(vec![bare(), right()]), &[b"12345678", b"12345678"]),
            "inputs[1].contents.fp32_contents: has 2 elements, expected none as raw_input_contents is used",
        ),
        (
            raw(of(vec![bare(), bare()]), &[b"12345678", b"1234567"]),
            "raw_input_contents[1]: shape [1,2] of FP32 takes 8 bytes, got 7",
        ),
        (
            raw(of(vec![input("BYTES", &[1], floats(&[]))]), &[b"\x02\0\0\0a"]),
            "raw_input_contents[0]: string 0 is said to have 2 bytes, 1 are left",
        ),
        (valueless, "parameters.p: has no value"),
    ];
    for (message, expected) in cases {
        assert_eq!(decode(message).unwrap_err(), expected);
    }
}

#[test]
fn parameters_of_all_types_and_the_time_are_read() {
    let choices = [
        ("b", ParameterChoice::BoolParam(true), Parameter::Bool(true)),
        ("d", ParameterChoice::DoubleParam(0.5), Parameter::Double(0.5)),
        ("i", ParameterChoice::Int64Param(-1), Parameter::Int64(-1)),
        ("s", ParameterChoice::StringParam("t".to_owned()), Parameter::String("t".to_owned())),
        ("timeout", ParameterChoice::Int64Param(1500), Parameter::Int64(1500)),
        ("u", ParameterChoice::Uint64Param(u64::MAX), Parameter::Uint64(u64::MAX)),
    ];
    let mut message = ModelInferRequest { id: "7".to_owned(), ..of(Vec::new()) };
    for (name, choice, _) in &choices {
        message.parameters.insert((*name).to_owned(), InferParameter { parameter_choice: Some(choice.clone()) });
    }
    let request = decode(message).unwrap();
    let values: Vec<_> = request.parameters.into_values().collect();
    assert_eq!(values, choices.map(|(_, _, value)| value));
    assert_eq!((request.id.as_deref(), request.timeout), (Some("7"), Some(std::time::Duration::from_micros(1500))));
}

#[test]
fn classes_are_named_in_the_form_of_the_request() {
    let classes = InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(2)) };
    let wanted = InferRequestedOutputTensor {
        name: "y".to_owned(),
        parameters: [("classification".to_owned(), classes)].into(),
    };
    let message = ModelInferRequest { outputs: vec![wanted], ..of(vec![input("FP32", &[1], floats(&[0.0]))]) };
    let (form, _) = decode_request(message, &Signature::default()).unwrap();
    let scores = vec![0.25, 0.5, 0.25].into_iter().map(f16::from_f32).collect();
    let response = answer(Tensor::from_vec(Shape::new([1, 3]), scores).unwrap(), &form);
    let y = &response.outputs[0];
    assert_eq!((&*y.datatype, &*y.shape), ("BYTES", &[1, 2][..]));
    let contents = &y.contents.as_ref().unwrap().bytes_contents;
    assert_eq!(contents, &[&b"0.5:1:dog"[..], b"0.25:0:cat"]);
}

#[test]
fn what_is_no_message_is_refused() {
    for bytes in [&b"\x0b"[..], b"\x2a\xff\xff\xff\xff\x0f", b"\x0a\x01\xff"] {
        let error = decode_message(Bytes::from_static(bytes)).unwrap_err().to_string();
        assert!(error.starts_with("the message cannot be read: "), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(message) = decode_message(bytes.into()) {
            let _ = decode_request(message, &Signature::default());
        }
    }
}
