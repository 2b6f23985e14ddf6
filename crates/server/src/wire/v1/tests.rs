//! Bodies and signatures, each with what comes of it.

use bytes::Bytes;
use loadonce_core::{
    Content, DType, Dim, FillValue, InferRequest, InferResponse, NamedTensor, Shape, Signature, Tensor, TensorSpec,
    Timing,
};

use super::*;

fn iris() -> Signature {
    let mut input = TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]);
    input.columns = vec!["length".to_owned(), "width".to_owned()];
    Signature {
        inputs: vec![input],
        outputs: vec![
            TensorSpec::new("label", DType::Bytes, [Dim::ANY]),
            TensorSpec::new("scores", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]),
        ],
    }
}

fn two_inputs() -> Signature {
    Signature {
        inputs: vec![
            TensorSpec::new("a", DType::Int64, [Dim::ANY]),
            TensorSpec::new("b", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]),
        ],
        outputs: vec![TensorSpec::new("y", DType::Fp32, [Dim::ANY])],
    }
}

fn decode(body: &str, signature: &Signature) -> Result<(Field, Vec<NamedTensor>), String> {
    let decoded = decode_request(&Bytes::copy_from_slice(body.as_bytes()), signature);
    decoded.map(|(field, request)| (field, request.inputs)).map_err(|error| error.to_string())
}

fn singles(shape: [usize; 2], elements: &[f32]) -> Tensor {
    Tensor::from_vec(Shape::new(shape), elements.to_vec()).unwrap()
}

#[test]
fn rows_named_rows_and_columns_are_the_same() {
    let bodies = [
        (r#"{"signature_name":"s","instances":[[1,2],[3,4]]}"#, Format::Rows),
        (r#"{"instances":[{"width":2,"length":1},{"length":3,"width":4}]}"#, Format::Rows),
        (r#"{"instances":[{"x":[1,2]},{"x":[3,4]}]}"#, Format::Rows),
        (r#"{"inputs":[[1,2],[3,4]]}"#, Format::Columns),
        (r#"{"inputs":{"x":[[1,2],[3,4]]}}"#, Format::Columns),
    ];
    for (body, format) in bodies {
        let (field, inputs) = decode(body, &iris()).unwrap();
        assert_eq!(field.format(), format);
        assert_eq!(inputs[0].tensor, singles([2, 2], &[1.0, 2.0, 3.0, 4.0]), "{body}");
    }
}

#[test]
fn several_inputs_come_by_name() {
    let rows = decode(r#"{"instances":[{"a":1,"b":[1,2]},{"b":[3,4],"a":2}]}"#, &two_inputs()).unwrap().1;
    assert_eq!(rows[0].tensor, Tensor::from_vec(Shape::new([2]), vec![1_i64, 2]).unwrap());
    assert_eq!(rows[1].tensor, singles([2, 2], &[1.0, 2.0, 3.0, 4.0]));
    let columns = decode(r#"{"inputs":{"a":[1,2],"b":[[1,2],[3,4]]}}"#, &two_inputs()).unwrap().1;
    assert_eq!(rows, columns);
}

#[test]
fn mistakes_are_named_by_row_and_column() {
    let cases = [
        (r#"{"instances":[]}"#, "instances: is empty, expected at least one row"),
        (r"{}", "the body: has neither 'instances' (rows) nor 'inputs' (columns)"),
        (r#"{"instances":[],"inputs":[]}"#, "the body: has both 'instances' and 'inputs', expected one"),
        (r#"{"instances":[{"length":1}]}"#, "instances[0]: column 'width' is missing"),
        (
            r#"{"instances":[{"length":1,"wdith":2}]}"#,
            "instances[0]: column 'wdith' is unknown, expected length, width",
        ),
        (r#"{"instances":[{"length":1,"length":1,"width":2}]}"#, "instances[0]: column 'length' is given twice"),
        (r#"{"instances":[{"length":1,"width":"two"}]}"#, "instances[0].width: expected FP32, got \"two\""),
        (
            r#"{"instances":[[1,2],[1]]}"#,
            "instances[1]: expected 2 elements as in the array before, got 1: the nesting is ragged",
        ),
        (
            r#"{"instances":[[1,2],{"length":1,"width":2}]}"#,
            "instances[1]: expected an array, got {\"length\":1,\"width\":2}: the nesting is ragged",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(decode(body, &iris()).unwrap_err(), expected, "{body}");
    }
    let error = decode(r#"{"inputs":[1],"instances":[1],"dataframe_split":{}}"#, &iris()).unwrap_err();
    assert_eq!(error, "the body: has 'instances', 'inputs', 'dataframe_split', expected one");
    let error = decode(r#"{"signature_name":1,"instances":[[1,2]]}"#, &iris()).unwrap_err();
    assert!(error.starts_with("signature_name: invalid type: integer `1`"), "{error}");
    let error = decode(r#"{"instances":[[1,2]]}"#, &two_inputs()).unwrap_err();
    assert_eq!(error, "instances[0]: expected an object with 'a', 'b', got [1,2]");
}

#[test]
fn the_answer_mirrors_the_request_and_reads_back() {
    let label = Tensor::from_strings(Shape::new([2]), vec!["a".to_owned(), "b".to_owned()]).unwrap();
    let outputs = vec![
        NamedTensor { name: "label".to_owned(), tensor: label },
        NamedTensor { name: "scores".to_owned(), tensor: singles([2, 2], &[0.25, 0.75, 1.0, 0.0]) },
    ];
    let response = InferResponse { id: None, outputs: outputs.clone(), timing: Timing::default() };
    let rows = encode_response(Format::Rows, &iris(), &response).unwrap();
    let expected = r#"{"predictions":[{"label":"a","scores":[0.25,0.75]},{"label":"b","scores":[1.0,0.0]}]}"#;
    assert_eq!(str::from_utf8(&rows).unwrap(), expected);
    let columns = encode_response(Format::Columns, &iris(), &response).unwrap();
    let expected = r#"{"outputs":{"label":["a","b"],"scores":[[0.25,0.75],[1.0,0.0]]}}"#;
    assert_eq!(str::from_utf8(&columns).unwrap(), expected);
    for body in [rows, columns] {
        assert_eq!(decode_outputs(&body.into(), &iris()).unwrap(), outputs);
    }
}

#[test]
fn what_a_client_writes_is_read() {
    let whole = Tensor::from_vec(Shape::new([2]), vec![1_i64 << 60, -1]).unwrap();
    let named = |(name, tensor): (&str, Tensor)| NamedTensor { name: name.to_owned(), tensor };
    let two: Vec<_> = [("a", whole), ("b", singles([2, 2], &[1.0, 2.0, 3.0, 4.0]))].map(named).into();
    let one: Vec<_> = [("x", singles([1, 2], &[1.0, 2.0]))].map(named).into();
    for format in [Format::Rows, Format::Columns] {
        for (inputs, signature) in [(&two, two_inputs()), (&one, iris())] {
            let body = encode_request(format, &signature, inputs).unwrap();
            let (field, request) = decode_request(&body.into(), &signature).unwrap();
            assert_eq!((field.format(), request), (format, request_of(inputs)));
        }
    }
}

fn request_of(inputs: &[NamedTensor]) -> InferRequest {
    InferRequest { inputs: inputs.to_vec(), ..InferRequest::default() }
}

#[test]
fn a_single_output_is_bare() {
    let tensor = Tensor::from_vec(Shape::new([2]), vec![1.5_f32, 2.5]).unwrap();
    let outputs = vec![NamedTensor { name: "y".to_owned(), tensor }];
    let response = InferResponse { id: None, outputs, timing: Timing::default() };
    assert_eq!(
        encode_response(Format::Rows, &Signature::default(), &response).unwrap(),
        br#"{"predictions":[1.5,2.5]}"#
    );
    assert_eq!(
        encode_response(Format::Columns, &Signature::default(), &response).unwrap(),
        br#"{"outputs":[1.5,2.5]}"#
    );
}

fn with_fill(dtype: DType, dim: Dim, fill: FillValue) -> Signature {
    let mut input = TensorSpec::new("x", dtype, [Dim::ANY, dim]);
    input.missing = Some(fill);
    Signature { inputs: vec![input], outputs: vec![] }
}

#[test]
fn a_missing_value_is_what_the_operator_says() {
    let mut signature = with_fill(DType::Fp32, Dim::Fixed(2), FillValue::Integer(-1));
    let filled = singles([2, 2], &[1.0, -1.0, -1.0, 4.0]);
    let plain = decode(r#"{"instances":[[1,null],[null,4]]}"#, &signature).unwrap().1;
    assert_eq!(plain[0].tensor, filled);
    signature.inputs[0].columns = vec!["length".to_owned(), "width".to_owned()];
    let bodies = [
        r#"{"instances":[{"length":1},{"width":4,"length":null}]}"#,
        r#"{"dataframe_records":[{"length":1,"width":null},{"width":4}]}"#,
        r#"{"dataframe_split":{"columns":["width","length"],"index":[0,1],"data":[[null,1],[4,null]]}}"#,
    ];
    for body in bodies {
        assert_eq!(decode(body, &signature).unwrap().1[0].tensor, filled, "{body}");
    }
    signature.inputs[0].missing = Some(FillValue::Float(f64::NAN));
    let only_length = r#"{"dataframe_split":{"columns":["length"],"data":[[1]]}}"#;
    let tensor = decode(only_length, &signature).unwrap().1.remove(0).tensor;
    assert!(tensor.as_slice::<f32>().unwrap()[1].is_nan());
}

#[test]
fn text_has_a_fill_value_of_its_own() {
    let signature = with_fill(DType::Bytes, Dim::Fixed(1), FillValue::Text("\"unknown\"".to_owned()));
    let tensor = decode(r#"{"instances":[["a"],[null]]}"#, &signature).unwrap().1.remove(0).tensor;
    assert_eq!(tensor.as_strings().unwrap(), [&b"a"[..], b"\"unknown\""]);
    let mut alone = signature;
    alone.inputs[0].dims = Some(vec![Dim::ANY]);
    let tensor = decode(r#"{"instances":["a",null]}"#, &alone).unwrap().1.remove(0).tensor;
    assert_eq!(tensor.as_strings().unwrap(), [&b"a"[..], b"\"unknown\""]);
}

#[test]
fn a_row_may_be_larger_than_a_table_has_cells() {
    let mut signature = with_fill(DType::Fp32, Dim::Fixed(2), FillValue::Integer(0));
    signature.inputs[0].dims = Some(vec![Dim::ANY, Dim::Fixed(2), Dim::Fixed(1)]);
    let tensor = decode(r#"{"instances":[[[1],[2]]]}"#, &signature).unwrap().1.remove(0).tensor;
    assert_eq!(tensor.shape(), &Shape::new([1, 2, 1]));
}

#[test]
fn a_missing_value_is_a_mistake_by_default_and_an_unknown_column_always() {
    let mut filled = iris();
    filled.inputs[0].missing = Some(FillValue::Integer(0));
    let split = |columns: &str, data: &str| format!(r#"{{"dataframe_split":{{"columns":{columns},"data":{data}}}}}"#);
    let null = "expected FP32, got null; a missing value is written \"NaN\"";
    let cases = [
        (iris(), r#"{"instances":[{"length":1,"width":null}]}"#.to_owned(), format!("instances[0].width: {null}")),
        (
            filled.clone(),
            r#"{"instances":[{"lenght":1,"width":2}]}"#.to_owned(),
            "instances[0]: column 'lenght' is unknown, expected length, width".to_owned(),
        ),
        (iris(), split(r#"["length"]"#, "[[1]]"), "dataframe_split.data[0]: column 'width' is missing".to_owned()),
        (
            filled.clone(),
            split(r#"["length","depth"]"#, "[[1,2]]"),
            "dataframe_split.columns: column 'depth' is unknown, expected length, width".to_owned(),
        ),
        (
            filled,
            split(r#"["length","length"]"#, "[[1,2]]"),
            "dataframe_split.columns: column 'length' is given twice".to_owned(),
        ),
        (
            iris(),
            split(r#"["length","width"]"#, "[[1,2],[3]]"),
            "dataframe_split.data[1]: expected 2 values, got 1".to_owned(),
        ),
        (
            iris(),
            split(r#"["width","length"]"#, r#"[[1,"long"]]"#),
            "dataframe_split.data[0].length: expected FP32, got \"long\"".to_owned(),
        ),
        (iris(), split("[]", "[]"), "dataframe_split.data: is empty, expected at least one row".to_owned()),
        (
            two_inputs(),
            split(r#"["a","b"]"#, "[[1,2]]"),
            "dataframe_split: this model takes no table: a row of 'b' is no single value, but FP32 [?,2]".to_owned(),
        ),
    ];
    for (signature, body, expected) in cases {
        assert_eq!(decode(&body, &signature).unwrap_err(), expected, "{body}");
    }
}

#[test]
fn a_frame_without_names_counts_its_columns() {
    let mut signature = iris();
    signature.inputs[0].columns.clear();
    let body = r#"{"dataframe_split":{"columns":[0,1],"data":[[1,2]]}}"#;
    assert_eq!(decode(body, &signature).unwrap().1[0].tensor, singles([1, 2], &[1.0, 2.0]));
}

#[test]
fn inputs_of_one_value_a_row_are_the_columns_of_a_table() {
    let mut city = TensorSpec::new("city", DType::Bytes, [Dim::ANY, Dim::Fixed(1)]);
    city.missing = Some(FillValue::Text("nowhere".to_owned()));
    let signature = Signature {
        inputs: vec![TensorSpec::new("age", DType::Int64, [Dim::ANY, Dim::Fixed(1)]), city],
        outputs: vec![],
    };
    let bodies = [
        r#"{"instances":[{"age":1,"city":"Ulm"},{"age":2}]}"#,
        r#"{"instances":[{"age":[1],"city":["Ulm"]},{"age":[2],"city":["nowhere"]}]}"#,
        r#"{"inputs":{"age":[1,2],"city":[["Ulm"],["nowhere"]]}}"#,
        r#"{"dataframe_split":{"columns":["city","age"],"data":[["Ulm",1],[null,2]]}}"#,
    ];
    for body in bodies {
        let inputs = decode(body, &signature).unwrap().1;
        assert_eq!(inputs[0].tensor, Tensor::from_vec(Shape::new([2, 1]), vec![1_i64, 2]).unwrap(), "{body}");
        assert_eq!(inputs[1].tensor.as_strings().unwrap(), ["Ulm", "nowhere"], "{body}");
        assert_eq!(inputs[1].tensor.shape(), &Shape::new([2, 1]), "{body}");
    }
}

#[test]
fn bytes_come_and_go_in_base64() {
    let signature = Signature { inputs: vec![TensorSpec::new("image", DType::Bytes, [Dim::ANY])], outputs: vec![] };
    let bodies = [
        r#"{"instances":[{"b64":"/w=="},"a"]}"#,
        r#"{"instances":[{"image":{"b64":"/w=="}},{"image":"a"}]}"#,
        r#"{"inputs":[{"b64":"/w=="},"a"]}"#,
        r#"{"inputs":{"image":[{"b64":"/w"},"a"]}}"#,
    ];
    for body in bodies {
        let tensor = decode(body, &signature).unwrap().1.remove(0).tensor;
        assert_eq!(tensor.as_strings().unwrap(), [&b"\xff"[..], b"a"], "{body}");
    }
    let scalar = decode(r#"{"inputs":{"b64":"YQ=="}}"#, &signature).unwrap().1.remove(0).tensor;
    assert_eq!((scalar.shape(), scalar.as_strings().unwrap()), (&Shape::scalar(), &[Bytes::from("a")][..]));
    let encoded = |name: &str| {
        let strings = vec![Bytes::from_static(b"\xff"), Bytes::from_static(b"a")];
        let tensor = Tensor::from_strings(Shape::new([2]), strings).unwrap();
        let outputs = vec![NamedTensor { name: name.to_owned(), tensor }];
        let response = InferResponse { id: None, outputs, timing: Timing::default() };
        String::from_utf8(encode_response(Format::Rows, &Signature::default(), &response).unwrap()).unwrap()
    };
    assert_eq!(encoded("image"), r#"{"predictions":[{"b64":"/w=="},"a"]}"#);
    assert_eq!(encoded("image_bytes"), r#"{"predictions":[{"b64":"/w=="},{"b64":"YQ=="}]}"#);
}

fn rows_of_json(name: &str) -> Vec<TensorSpec> {
    let content = Content::Json { schema: None };
    vec![TensorSpec { content, ..TensorSpec::new(name, DType::Bytes, [Dim::ANY]) }]
}

#[test]
fn rows_of_json_are_slices_of_the_body() {
    let signature = Signature { inputs: rows_of_json("rows"), outputs: vec![] };
    let body = Bytes::from_static(br#"{"instances":[ {"a":1.0} ,[2]]}"#);
    let tensor = decode_request(&body, &signature).unwrap().1.inputs.remove(0).tensor;
    let rows = tensor.as_strings().unwrap();
    assert_eq!(rows, [&br#"{"a":1.0}"#[..], b"[2]"]);
    assert_eq!([rows[0].as_ptr(), rows[1].as_ptr()], [body[15..].as_ptr(), body[26..].as_ptr()]);
}

#[test]
fn rows_of_json_that_a_client_writes_read_back() {
    let signature = Signature { inputs: rows_of_json("rows"), outputs: rows_of_json("predictions") };
    let texts = vec![Bytes::from_static(br#"{"a": 1}"#), Bytes::from_static(b"null")];
    let tensor = Tensor::from_strings(Shape::new([2]), texts).unwrap();
    let named = |name: &str| vec![NamedTensor { name: name.to_owned(), tensor: tensor.clone() }];
    let body = encode_request(Format::Rows, &signature, &named("rows")).unwrap();
    assert_eq!(str::from_utf8(&body).unwrap(), r#"{"instances":[{"a": 1},null]}"#);
    assert_eq!(decode_request(&body.into(), &signature).unwrap(), (Field::Instances, request_of(&named("rows"))));
    for format in [Format::Rows, Format::Columns] {
        let response = InferResponse { id: None, outputs: named("predictions"), timing: Timing::default() };
        let body = encode_response(format, &signature, &response).unwrap();
        assert_eq!(decode_outputs(&body.into(), &signature).unwrap(), response.outputs);
    }
}
