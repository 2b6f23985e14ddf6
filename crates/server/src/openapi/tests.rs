//! The schemas of tensors of every kind, and keys of every name.

use std::collections::BTreeSet;

use loadonce_core::sample::Example;
use loadonce_core::{Content, DType, Dim, NamedTensor, Shape, Signature, Tensor, TensorSpec};
use serde_json::{Value, json};

use super::schema::{element_of, row, shape};
use super::{Model, describe, key, segment};

/// A classifier with everything that a signature can say.
fn classifier() -> Signature {
    let mut input = TensorSpec::new("x", DType::Fp32, [Dim::named("batch"), Dim::Fixed(2)]);
    input.columns = vec!["width".to_owned(), "a/b \"c\" <d>".to_owned()];
    let mut label = TensorSpec::new("label", DType::Bytes, [Dim::named("batch")]);
    label.labels = vec!["no".to_owned(), "yes".to_owned()];
    let mut scores = TensorSpec::new("scores", DType::Fp64, [Dim::named("batch"), Dim::Fixed(2)]);
    scores.labels.clone_from(&label.labels);
    Signature { inputs: vec![input], outputs: vec![label, scores] }
}

fn document(name: &str, signature: &Signature, example: Option<&Example>) -> Value {
    describe(&[Model { name, version: "1", engine: "fake", signature, example }])
}

fn schema<'a>(document: &'a Value, key: &str) -> &'a Value {
    &document["components"]["schemas"][key]
}

/// Every value of `$ref`.
fn references(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(entries) => entries.iter().flat_map(references).collect(),
        _ => BTreeSet::new(),
    }
}

/// Every reference leads to something in the document; parameters are added later.
fn expect_whole(document: &Value) {
    for reference in references(document) {
        let Some(pointer) = reference.strip_prefix('#') else { panic!("{reference} leads out of the document") };
        let parameters = pointer.starts_with("/components/parameters/");
        assert!(parameters || document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn each_dtype_has_its_json_and_its_range() {
    let signature = Signature {
        inputs: DType::ALL.map(|dtype| TensorSpec::new(dtype.as_str(), dtype, [Dim::ANY])).to_vec(),
        outputs: vec![],
    };
    let document = document("m", &signature, None);
    let integers = [
        ("UINT8", json!(0), json!(255)),
        ("UINT16", json!(0), json!(65535)),
        ("UINT32", json!(0), json!(4_294_967_295_u64)),
        ("UINT64", json!(0), json!(u64::MAX)),
        ("INT8", json!(-128), json!(127)),
        ("INT16", json!(-32768), json!(32767)),
        ("INT32", json!(i32::MIN), json!(i32::MAX)),
        ("INT64", json!(i64::MIN), json!(i64::MAX)),
    ];
    for (name, least, most) in integers {
        let expected = json!({ "type": "integer", "minimum": least, "maximum": most });
        assert_eq!(schema(&document, name), &expected, "{name}");
    }
    for (name, most) in [("FP16", 65504.0), ("FP32", 3.402_823_5e38), ("FP64", f64::MAX)] {
        let forms = &schema(&document, name)["anyOf"];
        assert_eq!(forms[0], json!({ "type": "number", "minimum": -most, "maximum": most }), "{name}");
        assert_eq!(forms[1], json!({ "enum": ["NaN", "Infinity", "-Infinity"] }), "{name}");
    }
    assert_eq!(schema(&document, "BOOL"), &json!({ "type": "boolean" }));
    assert_eq!(schema(&document, "BYTES")["anyOf"][0], json!({ "type": "string" }));
}

#[test]
fn rows_and_shapes_follow_the_axes() {
    let fp32 = json!({ "$ref": "#/components/schemas/FP32" });
    let spec = |dims: &[Dim]| TensorSpec::new("x", DType::Fp32, dims);
    let described = |description: &str, mut schema: Value| {
        schema["description"] = description.into();
        schema
    };
    let pixels = spec(&[Dim::ANY, Dim::Fixed(8), Dim::named("wide")]);
    let inner = json!({ "type": "array", "items": fp32 });
    let outer = json!({ "type": "array", "items": inner, "minItems": 8, "maxItems": 8 });
    assert_eq!(row(&pixels), described("One row of 'x', which is FP32 [?,8,wide].", outer));
    let lengths = json!([{ "type": "integer", "minimum": 0 }, { "const": 8 }, { "type": "integer", "minimum": 0, "title": "wide" }]);
    assert_eq!(shape(&pixels), json!({ "type": "array", "prefixItems": lengths, "minItems": 3, "maxItems": 3 }));
    let scalar = spec(&[]);
    assert_eq!(row(&scalar), described("The value of 'x', which is FP32 [].", fp32.clone()));
    assert_eq!(shape(&scalar), json!({ "type": "array", "maxItems": 0 }));
    let unknown = TensorSpec { dims: None, ..spec(&[]) };
    assert_eq!(row(&unknown)["anyOf"], json!([fp32, { "type": "array" }]));
}

#[test]
fn columns_and_labels_are_named() {
    let Signature { inputs, outputs } = classifier();
    let titles = |schema: Value| {
        schema["prefixItems"].as_array().unwrap().iter().map(|item| item["title"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(titles(row(&inputs[0])), ["width", "a/b \"c\" <d>"]);
    assert_eq!(titles(row(&outputs[1])), ["no", "yes"]);
    assert_eq!(element_of(&outputs[0]), json!({ "enum": ["no", "yes"] }));
    let document = document("m", &classifier(), None);
    let rows = &schema(&document, "m.rows")["items"]["anyOf"];
    assert_eq!(rows[2]["required"], json!(["width", "a/b \"c\" <d>"]));
}

#[test]
fn several_inputs_are_told_apart_and_a_fixed_number_of_rows_is_kept() {
    let dims = [Dim::Fixed(1), Dim::Fixed(16)];
    let inputs = ["a", "b"].map(|name| TensorSpec::new(name, DType::Int32, dims.clone())).to_vec();
    let outputs = vec![TensorSpec::new("found", DType::Fp32, [])];
    let document = document("m", &Signature { inputs, outputs }, None);
    let instances = &schema(&document, "m.rows");
    assert_eq!((&instances["minItems"], &instances["maxItems"]), (&json!(1), &json!(1)));
    assert_eq!(instances["items"]["required"], json!(["a", "b"]));
    let tensors = &schema(&document, "m.infer.request")["properties"]["inputs"];
    assert_eq!((&tensors["minItems"], &tensors["maxItems"]), (&json!(2), &json!(2)));
    assert_eq!(tensors["items"]["oneOf"][1]["properties"]["name"], json!({ "const": "b" }));
    // An answer without rows has no predictions.
    assert_eq!(schema(&document, "m.predict.response")["required"], json!(["outputs"]));
}

/// Rows of JSON with these schemas.
fn rows(input: Option<&str>, output: Option<&str>) -> Signature {
    let spec = |name: &str, schema: Option<&str>| TensorSpec {
        content: Content::Json { schema: schema.map(Into::into) },
        ..TensorSpec::new(name, DType::Bytes, [Dim::ANY])
    };
    Signature { inputs: vec![spec("rows", input)], outputs: vec![spec("predictions", output)] }
}

#[test]
fn rows_of_json_have_the_schema_that_the_model_brings() {
    let flower = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.test/flower",
        "type": "object",
        "properties": {
            "leaf": { "$ref": "#/$defs/Leaf" },
            "child": { "$ref": "#" },
            "pet": {
                "oneOf": [{ "$ref": "#/$defs/Cat" }],
                "discriminator": { "propertyName": "kind", "mapping": { "cat": "#/$defs/Cat" } },
            },
            "$id": { "type": "integer" },
            "elsewhere": { "$ref": "https://example.test/other.json" },
        },
        "$defs": { "Leaf": { "$ref": "#/$defs/Cat" }, "Cat": { "type": "string" } },
    });
    let of_tensors = document("a b", &classifier(), None);
    let document = document("a b", &rows(Some(&flower.to_string()), None), None);
    let row = schema(&document, "a..20b.input.rows");
    let own = "#/components/schemas/a..20b.input.rows";
    let expected = json!({
        "type": "object",
        "properties": {
            "leaf": { "$ref": format!("{own}/$defs/Leaf") },
            "child": { "$ref": own },
            "pet": {
                "oneOf": [{ "$ref": format!("{own}/$defs/Cat") }],
                "discriminator": { "propertyName": "kind", "mapping": { "cat": format!("{own}/$defs/Cat") } },
            },
            "$id": { "type": "integer" },
            "elsewhere": {},
        },
        "$defs": { "Leaf": { "$ref": format!("{own}/$defs/Cat") }, "Cat": { "type": "string" } },
    });
    assert_eq!(row, &expected);
    assert!(references(&document).contains(&format!("{own}/$defs/Leaf")));
    expect_whole(&document);
    assert_eq!(schema(&document, "a..20b.output.predictions"), &json!({ "description": "Any JSON." }));
    assert_eq!(schema(&document, "a..20b.rows")["items"], json!({ "$ref": own }));
    let answer = schema(&document, "a..20b.predict.response");
    let predictions = json!({ "$ref": "#/components/schemas/a..20b.output.predictions" });
    assert_eq!(answer["anyOf"][0]["properties"]["predictions"]["items"], predictions);
    let responses = |document: &Value| document["paths"]["/v1/models/a%20b:predict"]["post"]["responses"].clone();
    assert_eq!(responses(&document)["422"], json!({ "$ref": "#/components/responses/422" }));
    assert_eq!(responses(&of_tensors)["422"], Value::Null);
}

#[test]
fn a_schema_that_is_none_is_any_json() {
    for text in ["", "[]", "{", "true"] {
        let document = document("m", &rows(Some(text), None), None);
        assert_eq!(schema(&document, "m.input.rows"), &json!({ "description": "Any JSON." }), "{text}");
    }
}

#[test]
fn an_example_of_json_is_shown_as_rows_and_as_texts() {
    let named = |name: &str, text: &str| {
        let tensor = Tensor::from_strings(Shape::new([1]), vec![text.to_owned()]).unwrap();
        vec![NamedTensor { name: name.to_owned(), tensor }]
    };
    let (row, answer) = (r#"{"width":1.5,"length":2}"#, r#"{"name":"setosa"}"#);
    let example = Example { inputs: named("rows", row), outputs: named("predictions", answer) };
    let document = document("m", &rows(None, None), Some(&example));
    let post = |path: &str| document["paths"][path]["post"].clone();
    let v1 = post("/v1/models/m:predict");
    let requests = &v1["requestBody"]["content"]["application/json"]["examples"];
    assert_eq!(requests.to_string(), format!(r#"{{"rows":{{"summary":"rows","value":{{"instances":[{row}]}}}}}}"#));
    let answers = &v1["responses"]["200"]["content"]["application/json"]["examples"];
    assert_eq!(answers["rows"]["value"].to_string(), format!(r#"{{"predictions":[{answer}]}}"#));
    let v2 = post("/v2/models/m/infer");
    let tensors = &v2["requestBody"]["content"]["application/json"]["examples"]["tensors"]["value"]["inputs"];
    assert_eq!(tensors[0]["data"], json!([row]));
}

#[test]
fn any_name_makes_a_document_whose_references_all_lead_somewhere() {
    let names = ["iris", "a b", "<img src=x onerror=alert(1)>", "ä.%2F~1{x}", "a..20b"];
    let signature = classifier();
    let models = names.map(|name| Model { name, version: "1", engine: "fake", signature: &signature, example: None });
    let document = describe(&models);
    expect_whole(&document);
    let is_allowed = |key: &str| key.chars().all(|one| one.is_ascii_alphanumeric() || "._-".contains(one));
    let keys = document["components"]["schemas"].as_object().unwrap().keys();
    assert!(keys.clone().all(|key| is_allowed(key)), "{:?}", keys.collect::<Vec<_>>());
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    assert_eq!(names.map(key).into_iter().collect::<BTreeSet<_>>().len(), names.len());
    assert_eq!(segment("ä.%2F~1{x}"), "%C3%A4.%252F~1%7Bx%7D");
}

#[test]
fn an_example_comes_in_every_form_with_all_its_digits() {
    let named = |name: &str, tensor: Tensor| NamedTensor { name: name.to_owned(), tensor };
    let tensor = |elements: Vec<u64>| Tensor::from_vec(Shape::new([1, 2]), elements).unwrap();
    let mut input = TensorSpec::new("x", DType::Uint64, [Dim::ANY, Dim::Fixed(2)]);
    input.columns = vec!["p".to_owned(), "q".to_owned()];
    let outputs = vec![TensorSpec::new("y", DType::Uint64, [Dim::ANY, Dim::Fixed(2)])];
    let example =
        Example { inputs: vec![named("x", tensor(vec![1, u64::MAX]))], outputs: vec![named("y", tensor(vec![2, 3]))] };
    let document = document("m", &Signature { inputs: vec![input], outputs }, Some(&example));
    let media =
        |path: &str| document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"].clone();
    let v1 = media("/v1/models/m:predict");
    assert_eq!(v1["named"]["value"], json!({ "instances": [{ "p": 1, "q": u64::MAX }] }));
    assert_eq!(v1["rows"]["value"], json!({ "instances": [[1, u64::MAX]] }));
    assert_eq!(v1["columns"]["value"], json!({ "inputs": [[1, u64::MAX]] }));
    let tensors = json!([{ "name": "x", "shape": [1, 2], "datatype": "UINT64", "data": [1, u64::MAX] }]);
    assert_eq!(media("/v2/models/m/infer")["tensors"]["value"], json!({ "inputs": tensors }));
}

/// Pages and redirects for people, and a path that only says that there is nothing.
const UNDOCUMENTED: [&str; 7] = [
    "/",
    "/docs/",
    "/docs/{file}",
    "/v2/docs",
    "/v2/models/{name}/docs",
    "/v1/models/{name}/labels/{label}",
    "/v1/models/{name}/labels/{label}/metadata",
];

#[test]
fn every_route_is_in_the_document() {
    let document = document("m", &classifier(), None);
    let documented: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    let routes = include_str!("../http/mod.rs").split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let routes: Vec<_> = routes.collect();
    assert!(routes.len() > 20, "the routes are written in another way: {routes:?}");
    for route in routes.into_iter().filter(|route| !UNDOCUMENTED.contains(route)) {
        // A model's own operation has its name in its path.
        let own = route.replace("{name}", "m");
        assert!(documented.iter().any(|path| **path == route || **path == own), "{route} is not in the document");
    }
    let verbs = ["/v1/models/m:predict", "/v1/models/m:classify", "/v1/models/{name}/versions/{version}:predict"];
    assert!(verbs.iter().all(|verb| documented.iter().any(|path| path == verb)), "{documented:?}");
}
