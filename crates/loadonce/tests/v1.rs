//! TensorFlow Serving's classify and regress, and missing values, on real models.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Folder, Server, examples};

/// Rows by column name from an example's samples.
fn named_columns(model: &str) -> Value {
    let sample = fs::read(examples().join(model).join("samples/named_columns.json")).unwrap();
    serde_json::from_slice::<Value>(&sample).unwrap()["request"]["instances"].clone()
}

fn close(got: &Value, expected: f64) -> bool {
    (got.as_f64().unwrap() - expected).abs() <= 1e-4 * expected.abs()
}

#[test]
fn the_examples_classify_or_regress() {
    let server = Server::start([examples()]);
    server.until_ready();
    let mut client = server.client();
    let mut ask = |model: &str, verb: &str, examples: Value| {
        let body = json!({ "examples": examples }).to_string();
        client.send("POST", &format!("/v1/models/{model}:{verb}"), &body).unwrap()
    };
    let flower = &ask("iris", "classify", named_columns("iris")).json()["results"][0];
    assert_eq!((&flower[0][0], &flower[2][0]), (&json!("setosa"), &json!("virginica")));
    assert!(close(&flower[0][1], 0.984_703_2), "{flower}");
    for (model, expected) in [("diabetes", 194.293_06), ("progression", 188.069_41)] {
        let answer = ask(model, "regress", named_columns(model));
        assert!(close(&answer.json()["results"][0], expected), "{model}: {}", answer.body);
    }
    let classifiers = ["digits", "iris", "tumor", "wine"];
    for model in ["diabetes", "digits", "iris", "progression", "tumor", "wine"] {
        let answer = ask(model, "classify", json!([]));
        let expected = if classifiers.contains(&model) { "examples: is empty" } else { "is no classifier" };
        assert!(answer.status == 400 && answer.body.contains(expected), "{model}: {}", answer.body);
    }
}

#[test]
fn nan_is_a_missing_value_to_xgboost_where_the_operator_says_so() {
    let folder = Folder::new();
    let tumor = |name: &str, keys: &str| {
        folder.write(&format!("{name}/model.json"), fs::read(examples().join("tumor/model.json")).unwrap());
        folder.write(&format!("{name}/model.toml"), keys);
    };
    tumor("strict", "");
    tumor("lenient", "[inputs.input]\nmissing = nan\n");
    let server = Server::start([folder.path()]);
    server.until_ready();
    let mut client = server.client();
    let mut ask = |model: &str, row: &Value| {
        let body = json!({ "instances": [row] }).to_string();
        client.send("POST", &format!("/v1/models/{model}:predict"), &body).unwrap()
    };
    let whole = named_columns("tumor")[0].clone();
    let mut written = whole.clone();
    written["mean_radius"] = json!("NaN");
    let mut null = whole.clone();
    null["mean_radius"] = Value::Null;
    let mut lacking = whole;
    lacking.as_object_mut().unwrap().remove("mean_radius");
    let expected = ask("strict", &written);
    assert_eq!(expected.status, 200, "{}", expected.body);
    for row in [&written, &null, &lacking] {
        assert_eq!(ask("lenient", row).body, expected.body);
    }
    let refused = ask("strict", &lacking);
    assert_eq!(
        (refused.status, refused.json()),
        (400, json!({ "error": "instances[0]: column 'mean_radius' is missing" }))
    );
    let refused = ask("strict", &null);
    assert!(refused.body.contains("instances[0].mean_radius: expected FP32, got null"), "{}", refused.body);
}

#[test]
fn a_fill_value_that_no_element_can_be_ends_the_start() {
    let folder = Folder::new();
    folder.iris("iris");
    folder.write("iris/model.toml", "[inputs.measurements]\nmissing = 'unknown'\n");
    let ended = crate::support::run(["check", folder.path().to_str().unwrap()]);
    assert_eq!(ended.code, Some(10), "{}", ended.stderr);
    let expected = "missing = \"unknown\" in [inputs.measurements], but 'measurements' is FP32";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}
