//! Requests and responses as bodies.

use loadonce_core::Timing;

use bytes::Bytes;
use loadonce_core::{
    DType, Dim, InferRequest, InferResponse, NamedTensor, Parameter, Shape, Signature, Tensor, TensorSpec,
};

use super::*;

fn signature() -> Signature {
    let inputs = vec![TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(2)])];
    let mut scores = TensorSpec::new("y", DType::Fp32, [Dim::ANY, Dim::Fixed(3)]);
    scores.labels = ["cat", "dog", "owl"].map(str::to_owned).to_vec();
    Signature { inputs, outputs: vec![scores] }
}

fn decode(body: &str) -> Result<InferRequest, String> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    decode_request(&body, Framing::Json, &signature()).map(|(_, request)| request).map_err(|error| error.to_string())
}

fn answerer(signature: &Signature) -> Answerer<'_> {
    Answerer { name: "m", version: "1", signature }
}

fn input(shape: &str, datatype: &str, data: &str) -> String {
    format!(r#"{{"inputs":[{{"name":"x","shape":{shape},"datatype":"{datatype}","data":{data}}}]}}"#)
}

#[test]
fn nested_and_flat_data_are_the_same() {
    let nested = decode(&input("[2,2]", "FP32", "[[1,2],[3,4]]")).unwrap();
    let flat = decode(&input("[2,2]", "FP32", "[1,2,3,4]")).unwrap();
    assert_eq!(nested, flat);
    assert_eq!(nested.inputs[0].tensor, Tensor::from_vec(Shape::new([2, 2]), vec![1.0_f32, 2.0, 3.0, 4.0]).unwrap());
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
        (r#"{"inputs":7}"#, "inputs: invalid type: integer `7`, expected a sequence at line 1 column 11".to_owned()),
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
    assert!(decode(&input("[1099511627776,0]", "FP32", "[]")).unwrap_err().contains("an empty tensor's other axes"));
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert!(decode(&input("[1]", "INT32", &deep)).unwrap_err().contains("nested more than"));
}

#[test]
fn a_response_carries_model_version_id_and_flat_data() {
    let tensor = Tensor::from_vec(Shape::new([1, 2]), vec![0.5_f32, 2.0]).unwrap();
    let outputs = vec![NamedTensor { name: "y".to_owned(), tensor }];
    let response = InferResponse { id: Some("a".to_owned()), outputs: outputs.clone(), timing: Timing::default() };
    let body = encode_response(answerer(&signature()), &response, &Wanted::default()).unwrap().body;
    assert_eq!(
        str::from_utf8(&body).unwrap(),
        r#"{"model_name":"m","model_version":"1","id":"a","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[0.5,2.0]}]}"#
    );
    assert_eq!(decode_outputs(&body.into(), Framing::Json).unwrap(), outputs);
}

#[test]
fn what_a_client_writes_is_read_and_answered_in_the_same_form() {
    let text = Tensor::from_strings(Shape::new([2]), vec!["a".to_owned(), String::new()]).unwrap();
    let numbers = Tensor::from_vec(Shape::new([1, 2]), vec![f32::NAN, -0.0]).unwrap();
    let named = |(name, tensor): (&str, Tensor)| NamedTensor { name: name.to_owned(), tensor };
    let inputs: Vec<_> = [("t", text), ("x", numbers)].map(named).into();
    for binary in [false, true] {
        let Encoded { body, json_length, .. } = encode_request(&inputs, binary).unwrap();
        let framing = json_length.map_or(Framing::Json, Framing::Mixed);
        let (wanted, request) = decode_request(&body.into(), framing, &signature()).unwrap();
        assert_eq!(format!("{:?}", request.inputs), format!("{inputs:?}"));
        assert_eq!(wanted, Wanted::all(binary));
        let response = InferResponse { id: None, outputs: request.inputs, timing: Timing::default() };
        let Encoded { body, json_length, .. } = encode_response(answerer(&signature()), &response, &wanted).unwrap();
        let framing = json_length.map_or(Framing::Json, Framing::Mixed);
        assert_eq!(format!("{:?}", decode_outputs(&body.into(), framing).unwrap()), format!("{inputs:?}"));
    }
}

/// A body of JSON and what follows it.
fn mixed(json: &str, tail: &[u8]) -> (Bytes, Framing) {
    ([json.as_bytes(), tail].concat().into(), Framing::Mixed(json.len()))
}

fn decode_mixed(json: &str, tail: &[u8]) -> Result<(Wanted, InferRequest), String> {
    let (body, framing) = mixed(json, tail);
    decode_request(&body, framing, &signature()).map_err(|error| error.to_string())
}

const BINARY: &str = r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}"#;

fn halves() -> Vec<u8> {
    [0.5_f32, 1.5].map(f32::to_le_bytes).concat()
}

#[test]
fn tensors_follow_the_json_in_the_order_of_the_inputs() {
    let json = r#"{"inputs":[
        {"name":"a","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":6}},
        {"name":"b","shape":[2],"datatype":"INT32","data":[7,8]},
        {"name":"c","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}"#;
    let tail = [b"\x02\0\0\0hi".as_slice(), &halves()].concat();
    let (_, request) = decode_mixed(json, &tail).unwrap();
    let [a, b, c] = request.inputs.as_slice() else { panic!("{request:?}") };
    assert_eq!(a.tensor.as_strings().unwrap(), [&b"hi"[..]]);
    assert_eq!(b.tensor.as_slice::<i32>().unwrap(), [7, 8]);
    assert_eq!(c.tensor.as_slice::<f32>().unwrap(), [0.5, 1.5]);
}

#[test]
fn a_tensor_shares_the_memory_of_a_body_in_which_it_is_aligned() {
    let json = format!("{BINARY:width$}", width = BINARY.len().next_multiple_of(8));
    let (body, framing) = mixed(&json, &halves());
    let (_, request) = decode_request(&body, framing, &signature()).unwrap();
    assert_eq!(request.inputs[0].tensor.as_bytes().unwrap().as_ptr(), body[json.len()..].as_ptr());
}

#[test]
fn binary_mistakes_are_named() {
    let size = "inputs[0].parameters.binary_data_size";
    let both = BINARY.replace("}}]", r#"},"data":[1,2]}]"#);
    let cases = [
        (BINARY, &halves()[..7], format!("{size}: input 'x' takes 8 bytes, 7 are left in the body")),
        (BINARY, &[halves(), vec![0]].concat()[..], "the body: has 1 bytes that belong to no input".to_owned()),
        (&BINARY.replace(":8", ":4"), &halves()[..4], format!("{size}: shape [1,2] of FP32 takes 8 bytes, got 4")),
        (&BINARY.replace(":8", ":-8"), &[], format!("{size}: expected a number of 0 or more, got -8")),
        (&both, &[], "inputs[0].data: input 'x' also has binary data".to_owned()),
    ];
    for (json, tail, expected) in cases {
        assert_eq!(decode_mixed(json, tail).unwrap_err(), expected, "{json}");
    }
    let body = Bytes::copy_from_slice(BINARY.as_bytes());
    let error = |framing| decode_request(&body, framing, &signature()).unwrap_err().to_string();
    assert_eq!(error(Framing::Json), format!("{size}: without the header Inference-Header-Content-Length"));
    let beyond = format!("Inference-Header-Content-Length: is 1000, but the body has {} bytes", BINARY.len());
    assert_eq!(error(Framing::Mixed(1000)), beyond);
    assert!(error(Framing::Mixed(BINARY.len() - 1)).starts_with("the body is not valid JSON"));
}

#[test]
fn a_raw_body_is_the_one_input() {
    let decode = |signature: &Signature, body: &[u8]| {
        let decoded = decode_request(&Bytes::copy_from_slice(body), Framing::Raw, signature);
        decoded.map(|(wanted, request)| (wanted.form_of("y").binary, request.inputs[0].tensor.clone()))
    };
    let rows = [halves(), halves()].concat();
    let (binary, tensor) = decode(&signature(), &rows).unwrap();
    assert_eq!((binary, tensor.shape()), (true, &Shape::new([2, 2])));
    let text = Signature { inputs: vec![TensorSpec::new("x", DType::Bytes, [Dim::ANY])], outputs: Vec::new() };
    assert_eq!(decode(&text, b"hello").unwrap().1.as_strings().unwrap(), [&b"hello"[..]]);
    let image = Signature {
        inputs: vec![TensorSpec::new("x", DType::Uint8, [Dim::ANY, Dim::ANY, Dim::Fixed(2)])],
        outputs: Vec::new(),
    };
    assert_eq!(decode(&image, &[0; 6]).unwrap().1.shape(), &Shape::new([1, 3, 2]));
    let error = decode(&signature(), &rows[..7]).unwrap_err().to_string();
    assert_eq!(error, "the body in raw binary form: shape [0,2] of FP32 takes 0 bytes, got 7");
    let error = decode(&Signature::default(), b"").unwrap_err().to_string();
    assert!(error.ends_with("is for models of one input, this one has 0"), "{error}");
}

fn scores(rows: &[[f32; 3]]) -> InferResponse {
    let tensor = Tensor::from_vec(Shape::new([rows.len(), 3]), rows.concat()).unwrap();
    let outputs = vec![NamedTensor { name: "y".to_owned(), tensor }];
    InferResponse { id: None, outputs, timing: Timing::default() }
}

fn wanted(outputs: &str) -> Wanted {
    let json = BINARY.replace("{\"inputs\"", &format!("{{{outputs},\"inputs\""));
    decode_mixed(&json, &halves()).unwrap().0
}

#[test]
fn an_output_is_binary_where_it_is_asked_for() {
    let cases = [
        (r#""parameters":{"binary_data_output":true}"#, true),
        (
            r#""parameters":{"binary_data_output":true},"outputs":[{"name":"y","parameters":{"binary_data":false}}]"#,
            false,
        ),
        (r#""outputs":[{"name":"y","parameters":{"binary_data":true}}]"#, true),
        (r#""outputs":[{"name":"y"}]"#, false),
    ];
    for (outputs, binary) in cases {
        assert_eq!(wanted(outputs).form_of("y").binary, binary, "{outputs}");
    }
    let response = scores(&[[1.0, 2.0, 3.0]]);
    let Encoded { body, json_length, .. } =
        encode_response(answerer(&signature()), &response, &Wanted::all(true)).unwrap();
    let (json, tail) = body.split_at(json_length.unwrap());
    assert_eq!(
        str::from_utf8(json).unwrap(),
        r#"{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,3],"parameters":{"binary_data_size":12}}]}"#
    );
    assert_eq!(tail, [1.0_f32, 2.0, 3.0].map(f32::to_le_bytes).concat());
}

#[test]
fn large_tensors_are_answered_from_where_they_lie() {
    let response = scores(&vec![[1.0, 2.0, 3.0]; 10_000]);
    let lies = response.outputs[0].tensor.as_bytes().unwrap().clone();
    let encoded = encode_response(answerer(&signature()), &response, &Wanted::all(true)).unwrap();
    assert_eq!(encoded.json_length, Some(encoded.body.len()));
    let [behind] = encoded.behind.as_slice() else { panic!("{encoded:?}") };
    assert_eq!((behind.as_ptr(), behind.len()), (lies.as_ptr(), lies.len()));
}

#[test]
fn classification_names_the_best() {
    let wanted = wanted(r#""outputs":[{"name":"y","parameters":{"classification":2}}]"#);
    let response = scores(&[[0.25, 0.5, 0.25], [f32::NAN, -1.0, 2.0]]);
    let Encoded { body, .. } = encode_response(answerer(&signature()), &response, &wanted).unwrap();
    let body = String::from_utf8(body).unwrap();
    let data = r#""datatype":"BYTES","shape":[2,2],"data":["0.5:1:dog","0.25:0:cat","2.0:2:owl","-1.0:1:dog"]"#;
    assert!(body.contains(data), "{body}");
}

#[test]
fn a_request_may_bring_its_own_time_but_no_sequence() {
    let decode = |parameters: &str| {
        let json = BINARY.replacen('{', &format!("{{\"parameters\":{{{parameters}}},"), 1);
        decode_mixed(&json, &halves()).map(|(_, request)| request.timeout)
    };
    assert_eq!(decode(r#""timeout":1500"#), Ok(Some(std::time::Duration::from_micros(1500))));
    assert_eq!(decode(r#""timeout":0,"sequence_id":0,"sequence_start":false"#), Ok(None));
    assert_eq!(decode(r#""timeout":-1"#).unwrap_err(), "parameters.timeout: expected a number of 0 or more, got -1");
    let expected = "parameters.sequence_id: the model keeps nothing from one request to the next";
    assert_eq!(decode(r#""sequence_id":7"#).unwrap_err(), expected);
}

#[test]
fn a_request_may_say_how_urgent_it_is() {
    let decode = |parameters: &str| {
        let json = BINARY.replacen('{', &format!("{{\"parameters\":{{{parameters}}},"), 1);
        decode_mixed(&json, &halves()).map(|(_, request)| request.priority.map(std::num::NonZeroU32::get))
    };
    assert_eq!(decode(r#""priority":1"#), Ok(Some(1)));
    assert_eq!(decode(r#""priority":0"#), Ok(None));
    assert_eq!(decode(r#""priority":18446744073709551615"#), Ok(Some(u32::MAX)));
    assert_eq!(
        decode(r#""priority":"1""#).unwrap_err(),
        "parameters.priority: expected a number of 0 or more, got \"1\""
    );
}

#[test]
fn shared_memory_is_refused() {
    let region = r#""parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}"#;
    let input = format!(r#"{{"inputs":[{{"name":"x","shape":[1,2],"datatype":"FP32",{region}}}]}}"#);
    let output = BINARY.replacen('{', &format!(r#"{{"outputs":[{{"name":"y",{region}}}],"#), 1);
    for (place, error) in
        [("inputs[0]", decode(&input).unwrap_err()), ("outputs[0]", decode_mixed(&output, &halves()).unwrap_err())]
    {
        let expected = format!("{place}.parameters.shared_memory_region: shared memory is not served");
        assert!(error.starts_with(&expected), "{error}");
    }
}
