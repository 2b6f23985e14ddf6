//! The Open Inference Protocol v2, JSON form (`inference_rest.md`, "Inference Request JSON Object" and following).

use std::borrow::Cow;
use std::collections::BTreeMap;

use loadonce_core::{DType, InferRequest, InferResponse, NamedTensor, Parameter, Shape, Tensor};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::write::{scalar, separate, write_elements};
use super::{ArrayError, WireError, from_json, parse_pieces};

#[derive(Deserialize)]
struct Request<'a> {
    id: Option<String>,
    #[serde(default)]
    parameters: Parameters,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(default)]
    outputs: Vec<RequestedOutput>,
}

type Parameters = BTreeMap<String, serde_json::Value>;

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<serde_json::Number>,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RequestedOutput {
    name: String,
}

/// The part of a response that a sample's expected answer has.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    outputs: Vec<Input<'a>>,
}

/// Which model answered.
#[derive(Clone, Copy, Debug)]
pub struct Answerer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// Reads an inference request. The data of an input may be nested or flat; fields that the protocol does not have are
/// ignored, as clients send some (KServe's SDK sends `model_name`).
pub fn decode_request(body: &[u8]) -> Result<InferRequest, WireError> {
    let request: Request<'_> = from_json(body)?;
    Ok(InferRequest {
        id: request.id,
        inputs: tensors("inputs", &request.inputs)?,
        outputs: request.outputs.into_iter().map(|output| output.name).collect(),
        parameters: parameters(request.parameters)?,
    })
}

/// Reads the outputs of an inference response, for samples.
pub fn decode_outputs(body: &[u8]) -> Result<Vec<NamedTensor>, WireError> {
    let response: Response<'_> = from_json(body)?;
    tensors("outputs", &response.outputs)
}

/// Writes an inference response; data is flat and row-major.
pub fn encode_response(answerer: Answerer<'_>, response: &InferResponse) -> Result<Vec<u8>, WireError> {
    let elements: usize = response.outputs.iter().map(|output| output.tensor.len()).sum();
    let mut out = Vec::with_capacity(128 + elements * 12);
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
        encode_tensor(&mut out, output)?;
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

fn encode_tensor(out: &mut Vec<u8>, NamedTensor { name, tensor }: &NamedTensor) -> Result<(), WireError> {
    out.extend_from_slice(b"{\"name\":");
    scalar(out, name);
    out.extend_from_slice(b",\"datatype\":");
    scalar(out, tensor.dtype().as_str());
    out.extend_from_slice(b",\"shape\":");
    scalar(out, &tensor.shape()[..]);
    out.extend_from_slice(b",\"data\":[");
    write_elements(out, name, tensor, 0..tensor.len())?;
    out.extend_from_slice(b"]}");
    Ok(())
}

fn tensors(field: &str, inputs: &[Input<'_>]) -> Result<Vec<NamedTensor>, WireError> {
    let tensors = inputs.iter().enumerate();
    tensors
        .map(|(position, input)| named_tensor(input).map_err(|error| error.within(&format!("{field}[{position}]"))))
        .collect()
}

fn named_tensor(input: &Input<'_>) -> Result<NamedTensor, WireError> {
    let dtype: DType = input.datatype.parse().map_err(|error| form(".datatype", &error))?;
    let shape = shape(&input.shape)?;
    let Some(data) = input.data else {
        return Err(WireError::form(".data", format!("input '{}' has no data", input.name)));
    };
    let tensor = parse_pieces(dtype, &[], &[data.get()])
        .map_err(|ArrayError { position, detail, .. }| WireError::form(format!(".data{position}"), detail))?;
    let tensor = fit(tensor, shape).map_err(|detail| WireError::form(".data", detail))?;
    Ok(NamedTensor { name: input.name.clone().into_owned(), tensor })
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

fn shape(axes: &[serde_json::Number]) -> Result<Shape, WireError> {
    let length = |(position, axis): (usize, &serde_json::Number)| {
        let length = axis.as_u64().and_then(|length| usize::try_from(length).ok());
        length.ok_or_else(|| {
            WireError::form(format!(".shape[{position}]"), format!("expected a length of 0 or more, got {axis}"))
        })
    };
    if axes.len() > loadonce_core::tensor::MAX_RANK {
        return Err(WireError::form(".shape", format!("{} axes are too many", axes.len())));
    }
    let axes: Vec<_> = axes.iter().enumerate().map(length).collect::<Result<_, _>>()?;
    check_empty(&axes)?;
    Ok(Shape::new(axes))
}

/// An empty tensor costs a caller nothing, so its other axes are bounded: an answer of as many rows would not be empty.
fn check_empty(axes: &[usize]) -> Result<(), WireError> {
    const MOST: usize = 1 << 20;
    let product = axes.iter().filter(|axis| **axis > 0).try_fold(1_usize, |product, axis| product.checked_mul(*axis));
    if axes.contains(&0) && product.is_none_or(|product| product > MOST) {
        return Err(WireError::form(".shape", format!("an empty tensor's other axes hold more than {MOST} elements")));
    }
    Ok(())
}

fn parameters(values: Parameters) -> Result<BTreeMap<String, Parameter>, WireError> {
    values.into_iter().map(|(name, value)| Ok((name.clone(), parameter(&name, value)?))).collect()
}

fn parameter(name: &str, value: serde_json::Value) -> Result<Parameter, WireError> {
    use serde_json::Value;
    match value {
        Value::Bool(value) => Ok(Parameter::Bool(value)),
        Value::String(value) => Ok(Parameter::String(value)),
        Value::Number(number) => {
            let signed = number.as_i64().map(Parameter::Int64);
            let unsigned = || number.as_u64().map(Parameter::Uint64);
            let double = || number.as_f64().map(Parameter::Double);
            signed.or_else(unsigned).or_else(double).ok_or_else(|| {
                WireError::form(format!("parameters.{name}"), format!("the number {number} does not fit"))
            })
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(WireError::form(format!("parameters.{name}"), "expected a string, number or boolean"))
        }
    }
}

fn form(path: &str, error: &dyn std::fmt::Display) -> WireError {
    WireError::form(path, error.to_string())
}

#[cfg(test)]
mod tests {
    use loadonce_core::Timing;

    use super::*;

    fn decode(body: &str) -> Result<InferRequest, String> {
        decode_request(body.as_bytes()).map_err(|error| error.to_string())
    }

    fn input(shape: &str, datatype: &str, data: &str) -> String {
        format!(r#"{{"inputs":[{{"name":"x","shape":{shape},"datatype":"{datatype}","data":{data}}}]}}"#)
    }

    #[test]
    fn nested_and_flat_data_are_the_same() {
        let nested = decode(&input("[2,2]", "FP32", "[[1,2],[3,4]]")).unwrap();
        let flat = decode(&input("[2,2]", "FP32", "[1,2,3,4]")).unwrap();
        assert_eq!(nested, flat);
        assert_eq!(
            nested.inputs[0].tensor,
            Tensor::from_vec(Shape::new([2, 2]), vec![1.0_f32, 2.0, 3.0, 4.0]).unwrap()
        );
    }

    #[test]
    fn id_outputs_and_parameters_are_read_and_strange_fields_ignored() {
        let body = r#"{"model_name":"m","id":"a","parameters":{"p":18446744073709551615,"q":1.5,"r":true,"s":"t","u":-1},
            "outputs":[{"name":"y","parameters":{}}],"inputs":[]}"#;
        let request = decode(body).unwrap();
        assert_eq!((request.id.as_deref(), &request.outputs[..]), (Some("a"), &["y".to_owned()][..]));
        let values: Vec<_> = request.parameters.into_values().collect();
        let text = || Parameter::String("t".to_owned());
        assert_eq!(
            values,
            [Parameter::Uint64(u64::MAX), Parameter::Double(1.5), Parameter::Bool(true), text(), Parameter::Int64(-1)]
        );
    }

    #[test]
    fn mistakes_are_named_by_their_path() {
        let cases = [
            ("{", "the body is not valid JSON: EOF while parsing an object at line 1 column 1".to_owned()),
            ("", "the body: is empty, expected a JSON object".to_owned()),
            ("[]", "the body: expected a JSON object, got an array".to_owned()),
            (
                r#"{"inputs":7}"#,
                "inputs: invalid type: integer `7`, expected a sequence at line 1 column 11".to_owned(),
            ),
            ("{}", "the body: missing field `inputs` at line 1 column 2".to_owned()),
            (
                &input("[2]", "INT32", "[1,1099511627776]"),
                "inputs[0].data[1]: expected INT32, got 1099511627776".to_owned(),
            ),
            (&input("[2]", "UINT8", "[1,300]"), "inputs[0].data[1]: expected UINT8, got 300".to_owned()),
            (&input("[-1]", "INT32", "[1]"), "inputs[0].shape[0]: expected a length of 0 or more, got -1".to_owned()),
            (&input("[3]", "INT32", "[1]"), "inputs[0].data: shape [3] holds 3 elements, got 1".to_owned()),
            (
                &input("[1,2]", "INT32", "[[1],[2]]"),
                "inputs[0].data: the nesting spells shape [2,1], but 'shape' says [1,2]".to_owned(),
            ),
            (&input("[1]", "FLOAT", "[1]"), format!("inputs[0].datatype: {}", "FLOAT".parse::<DType>().unwrap_err())),
            (
                r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32"}]}"#,
                "inputs[0].data: input 'x' has no data".to_owned(),
            ),
            (r#"{"inputs":[],"parameters":{"p":[]}}"#, "parameters.p: expected a string, number or boolean".to_owned()),
        ];
        for (body, expected) in cases {
            assert_eq!(decode(body).unwrap_err(), expected, "{body}");
        }
    }

    #[test]
    fn huge_shapes_and_nesting_are_refused_without_cost() {
        let shape = format!("[{0},{0}]", u64::MAX);
        assert!(decode(&input(&shape, "INT32", "[1]")).unwrap_err().contains("too large"));
        assert!(
            decode(&input("[1099511627776,0]", "FP32", "[]")).unwrap_err().contains("an empty tensor's other axes")
        );
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(decode(&input("[1]", "INT32", &deep)).unwrap_err().contains("nested more than"));
    }

    #[test]
    fn a_response_carries_model_version_id_and_flat_data() {
        let tensor = Tensor::from_vec(Shape::new([1, 2]), vec![0.5_f32, 2.0]).unwrap();
        let outputs = vec![NamedTensor { name: "y".to_owned(), tensor }];
        let response = InferResponse { id: Some("a".to_owned()), outputs: outputs.clone(), timing: Timing::default() };
        let body = encode_response(Answerer { name: "m", version: "1" }, &response).unwrap();
        assert_eq!(
            str::from_utf8(&body).unwrap(),
            r#"{"model_name":"m","model_version":"1","id":"a","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[0.5,2.0]}]}"#
        );
        assert_eq!(decode_outputs(&body).unwrap(), outputs);
    }
}
