//! What a request's body says, by the plain way of a tree of values, and an answer made of what was read.

use half::{bf16, f16};
use loadonce_core::{DType, Element, InferResponse, NamedTensor, Signature, Tensor, Timing};
use loadonce_server::wire::v2::{Answerer, Encoded, Wanted, encode_response};
use serde::de::IgnoredAny;
use serde_json::{Number, Value};

/// Whether the body is JSON, of any depth.
pub fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// An answer that gives the inputs back.
pub fn echo(inputs: Vec<NamedTensor>) -> InferResponse {
    InferResponse { id: None, outputs: inputs, timing: Timing::default() }
}

/// The answer as a v2 body; nothing for strings that JSON cannot carry.
pub fn encode_v2(response: &InferResponse, binary: bool) -> Option<Encoded> {
    let signature = Signature::default();
    let answerer = Answerer { name: "m", version: "1", signature: &signature };
    encode_response(answerer, response, &Wanted::all(binary)).ok()
}

/// Asserts that the tensor's elements are the scalars of `data`, whose nesting is for others to judge.
pub fn assert_says(tensor: &Tensor, data: &Value) {
    let mut scalars = Vec::new();
    flatten(data, &mut scalars);
    assert_eq!(tensor.len(), scalars.len());
    for (index, scalar) in scalars.into_iter().enumerate() {
        assert!(is(tensor, index, scalar), "{:?} [{index}]: {scalar}", tensor.dtype());
    }
}

fn flatten<'a>(data: &'a Value, scalars: &mut Vec<&'a Value>) {
    match data {
        Value::Array(values) => values.iter().for_each(|value| flatten(value, scalars)),
        scalar => scalars.push(scalar),
    }
}

fn is(tensor: &Tensor, index: usize, scalar: &Value) -> bool {
    match (tensor.dtype(), scalar) {
        (DType::Bytes, Value::String(text)) => tensor.as_strings().unwrap()[index] == text.as_bytes(),
        // Base64, which this oracle does not read.
        (DType::Bytes, Value::Object(_)) => true,
        (DType::Bool, Value::Bool(value)) => element::<bool>(tensor, index) == *value,
        (DType::Uint8, Value::Number(number)) => is_integer(element::<u8>(tensor, index), number),
        (DType::Uint16, Value::Number(number)) => is_integer(element::<u16>(tensor, index), number),
        (DType::Uint32, Value::Number(number)) => is_integer(element::<u32>(tensor, index), number),
        (DType::Uint64, Value::Number(number)) => is_integer(element::<u64>(tensor, index), number),
        (DType::Int8, Value::Number(number)) => is_integer(element::<i8>(tensor, index), number),
        (DType::Int16, Value::Number(number)) => is_integer(element::<i16>(tensor, index), number),
        (DType::Int32, Value::Number(number)) => is_integer(element::<i32>(tensor, index), number),
        (DType::Int64, Value::Number(number)) => is_integer(element::<i64>(tensor, index), number),
        (DType::Fp64, _) => is_double(element::<f64>(tensor, index), scalar, |double| double),
        // The oracle rounds twice, so that it may miss by one.
        (DType::Fp32, Value::Number(number)) => {
            let expected = number.as_f64().unwrap() as f32;
            element::<f32>(tensor, index).to_bits().abs_diff(expected.to_bits()) <= 1
        }
        (DType::Fp32, _) => is_double(element::<f32>(tensor, index).into(), scalar, |double| double),
        (DType::Fp16, _) => {
            is_double(element::<f16>(tensor, index).into(), scalar, |double| f16::from_f64(double).into())
        }
        (DType::Bf16, _) => {
            is_double(element::<bf16>(tensor, index).into(), scalar, |double| bf16::from_f64(double).into())
        }
        _ => false,
    }
}

fn element<T: Element>(tensor: &Tensor, index: usize) -> T {
    tensor.as_slice::<T>().unwrap()[index]
}

fn is_integer(element: impl Into<i128>, number: &Number) -> bool {
    let element: i128 = element.into();
    match (number.as_i128(), number.as_f64()) {
        (Some(value), _) => element == value,
        (None, Some(value)) => element as f64 == value,
        (None, None) => false,
    }
}

fn is_double(element: f64, scalar: &Value, rounded: impl Fn(f64) -> f64) -> bool {
    let expected = match scalar {
        Value::Number(number) => rounded(number.as_f64().unwrap()),
        Value::String(text) if text == "NaN" => return element.is_nan(),
        Value::String(text) if text == "Infinity" => f64::INFINITY,
        Value::String(text) if text == "-Infinity" => f64::NEG_INFINITY,
        _ => return false,
    };
    element == expected
}
