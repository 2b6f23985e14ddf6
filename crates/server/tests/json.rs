//! What JSON allows, strange as it may look, is read; what it does not is refused with line and column.

use bytes::Bytes;
use loadonce_core::{Content, DType, Dim, Signature, Tensor, TensorSpec};
use loadonce_server::wire::v1;
use loadonce_server::wire::v2::{Framing, decode_request};
use serde_json::Value;

fn signature() -> Signature {
    Signature { inputs: vec![TensorSpec::new("x", DType::Fp32, [Dim::ANY])], outputs: Vec::new() }
}

fn signature_of_rows() -> Signature {
    let content = Content::Json { schema: None };
    let rows = TensorSpec { content, ..TensorSpec::new("x", DType::Bytes, [Dim::ANY]) };
    Signature { inputs: vec![rows], outputs: Vec::new() }
}

fn tensor(body: &[u8]) -> Result<Tensor, String> {
    let (_, request) = decode_request(&Bytes::copy_from_slice(body), Framing::Json, &signature())
        .map_err(|error| error.to_string())?;
    Ok(request.inputs[0].tensor.clone())
}

fn input(datatype: &str, data: &str) -> String {
    format!(r#"{{"inputs":[{{"name":"x","shape":[2],"datatype":"{datatype}","data":{data}}}]}}"#)
}

#[test]
fn what_json_allows_is_read() {
    let plain = tensor(input("FP32", "[1,2]").as_bytes()).unwrap();
    let bodies = [
        " \r\n\t{ \"inputs\" : [ { \"name\" : \"x\" ,\n\"shape\" : [ 2 ] , \"datatype\" : \"FP32\" , \"data\" : [ 1 , 2 ] } ] } \n",
        r#"{"inputs":[{"data":[1,2],"shape":[2],"datatype":"FP32","name":"x"}]}"#,
        r#"{"inputs":[{"n\u0061me":"\u0078","shape":[2],"d\u0061tatype":"F\u005032","d\u0061ta":[1,2]}]}"#,
        r#"{"x":{"inputs":[],"data":["]}",{"]":"\""}]},"inputs":[{"x":[[]],"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}],"y":"\ud800"}"#,
        r#"{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[10e-1,0.002E+3]}],"parameters":{"data":"[","é\"":1}}"#,
        r#"{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1.00000000000000000000000000000000,2.0e0000000000000000000000000]}]}"#,
    ];
    for body in bodies {
        assert_eq!(tensor(body.as_bytes()).as_ref(), Ok(&plain), "{body}");
    }
}

#[test]
fn strings_are_any_text() {
    let tensor = tensor(input("BYTES", r#"["\u00e9\ud83d\ude00\"],[", "é😀"]"#).as_bytes()).unwrap();
    assert_eq!(tensor.as_strings().unwrap(), ["é😀\"],[".as_bytes(), "é😀".as_bytes()]);
}

#[test]
fn what_is_no_json_is_told_by_line_and_column() {
    let cases = [
        (input("FP32", "[1,2"), "expected `,` or `]` at line 1 column 65"),
        (input("FP32", "[1,]"), "expected value at line 1 column 64"),
        (input("FP32", "[1 2]"), "expected `,` or `]` at line 1 column 64"),
        (input("FP32", "[1,\n02]"), "invalid number at line 2 column 2"),
        (input("FP32", "[1.,2]"), "invalid number at line 1 column 64"),
        (input("FP32", "[.5,2]"), "expected value at line 1 column 62"),
        (input("FP32", "[+1,2]"), "expected value at line 1 column 62"),
        (input("FP32", "[1e,2]"), "invalid number at line 1 column 64"),
        (input("FP32", "[NaN,2]"), "expected value at line 1 column 62"),
        (input("FP32", "[-Infinity,2]"), "invalid number at line 1 column 63"),
        (input("FP32", "[1,2}"), "expected `,` or `]` at line 1 column 65"),
        (input("FP32", "[1,2]]"), "expected `,` or `}` at line 1 column 66"),
        (input("FP32", "[1,2]") + "x", "trailing characters at line 1 column 69"),
        (input("FP32", "[1,2]") + "{}", "trailing characters at line 1 column 69"),
        (format!("\u{feff}{}", input("FP32", "[1,2]")), "expected value at line 1 column 1"),
        (
            input("BYTES", "[\"a\n\",\"b\"]"),
            "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 64",
        ),
        (input("BYTES", r#"["\x","b"]"#), "invalid escape at line 1 column 65"),
        (input("BYTES", r#"["a,"b"]"#), "expected `,` or `]` at line 1 column 67"),
        (input("FP32", "[1,2],\"x\":[1,]"), "expected value at line 1 column 74"),
    ];
    for (body, expected) in cases {
        assert_eq!(tensor(body.as_bytes()).unwrap_err(), format!("the body is not valid JSON: {expected}"), "{body}");
    }
}

#[test]
fn v1_tells_broken_json_the_same_way() {
    let cases = [
        (r#"{"instances":[[1],[1,]]}"#, "expected value at line 1 column 22"),
        (r#"{"inputs":{"x":[1,02]}}"#, "invalid number at line 1 column 20"),
        (r#"{"dataframe_split":{"columns":["x"],"data":[[1]}}"#, "expected `,` or `]` at line 1 column 48"),
        (r#"{"instances":[1],"x":tru}"#, "expected ident at line 1 column 25"),
    ];
    for (body, expected) in cases {
        let error = v1::decode_request(&Bytes::copy_from_slice(body.as_bytes()), &signature()).unwrap_err().to_string();
        assert_eq!(error, format!("the body is not valid JSON: {expected}"), "{body}");
    }
}

#[test]
fn what_is_json_of_another_form_is_told_by_its_path() {
    let deep = "[".repeat(40) + &"]".repeat(40);
    let cases = [
        (input("BYTES", r#"["a","\ud800"]"#), r#"inputs[0].data[1]: expected BYTES, got "\ud800""#),
        (input("FP32", r#"[1,{"a":2}]"#), r#"inputs[0].data[1]: expected FP32, got {"a":2}"#),
        (input("FP32", "[1,1e999]"), "inputs[0].data[1]: expected FP32, got 1e999"),
        (input("FP64", "[1,1e999]"), "inputs[0].data[1]: expected FP64, got 1e999"),
        (input("INT64", "[1,9223372036854775808]"), "inputs[0].data[1]: expected INT64, got 9223372036854775808"),
        (input("FP32", &deep), "inputs[0].data[0]"),
        (input("FP32", r#""1""#), r#"inputs[0].data: expected FP32, got "1""#),
        (input("FP32", "[1,2],\"data\":[1,2]"), "inputs[0]: duplicate field `data`"),
        (input("FP32", "[1,2],\"name\":\"x\""), "inputs[0]: duplicate field `name`"),
        (
            input("FP32", "[1,2]").replace("[2]", "[1e99]"),
            "inputs[0].shape[0]: expected a length of 0 or more, got 1e+99",
        ),
    ];
    for (body, expected) in cases {
        let error = tensor(body.as_bytes()).unwrap_err();
        assert!(error.starts_with(expected), "{body}\n  got      {error}\n  expected {expected}");
    }
}

#[test]
fn no_depth_and_no_bytes_end_the_process() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = open.repeat(100_000) + "1" + &close.repeat(100_000);
        for body in [
            input("FP32", &deep),
            format!(r#"{{"inputs":[],"parameters":{{"p":{deep}}}}}"#),
            format!(r#"{{"inputs":{deep}}}"#),
            format!(r#"{{"instances":{deep}}}"#),
        ] {
            assert!(tensor(body.as_bytes()).is_err());
            drop(v1::decode_request(&Bytes::copy_from_slice(body.as_bytes()), &signature()));
        }
        let data = format!(r#"{{"columns":["a"],"data":[[{deep}]]}}"#);
        for body in [format!(r#"{{"instances":[{deep}]}}"#), format!(r#"{{"dataframe_split":{data}}}"#)] {
            let (_, request) = v1::decode_request(&body.into(), &signature_of_rows()).unwrap();
            assert_eq!(request.inputs[0].tensor.len(), 1);
        }
        let texts = Value::from(vec![deep.as_str(), &deep[1..]]).to_string();
        let error = decode_request(&input("BYTES", &texts).into(), Framing::Json, &signature_of_rows()).unwrap_err();
        assert!(error.to_string().starts_with("inputs[0].data[1]: expected the text of a JSON value"), "{error}");
    }
    let mut body = input("BYTES", r#"["a","b"]"#).into_bytes();
    let quote = body.iter().rposition(|byte| *byte == b'b').unwrap();
    body[quote] = 0xff;
    assert!(tensor(&body).unwrap_err().contains("invalid unicode code point"));
}
