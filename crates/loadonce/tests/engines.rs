//! `loadonce engines`, and how the engines are named at the start.

use serde_json::{Value, json};

use crate::support::{Folder, example, run};

#[test]
fn engines_are_shown_with_where_they_were_looked_for() {
    let folder = Folder::new();
    folder.write("lib/libonnxruntime.so", "<html>not found</html>");
    let path = folder.path().join("lib");
    let ended = run(["engines", "--onnxruntime", path.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for part in [
        "tabular ",
        "xgboost ",
        "lightgbm ",
        "rten ",
        "onnxruntime  -",
        "pip install onnxruntime",
        "is no shared library",
    ] {
        assert!(ended.stdout.contains(part), "'{part}' in {}", ended.stdout);
    }
    let ended = run(["engines", "--json", "--onnxruntime", path.to_str().unwrap()]);
    let engines: Value = serde_json::from_str(&ended.stdout).unwrap();
    let onnx_runtime = engines.as_array().unwrap().iter().find(|engine| engine["name"] == "onnxruntime").unwrap();
    assert_eq!((&onnx_runtime["usable"], &onnx_runtime["install"]), (&json!(false), &json!("pip install onnxruntime")));
    assert_eq!(onnx_runtime["looked_at"][0]["place"], "configuration");
}

#[test]
fn the_start_says_why_an_engine_was_chosen() {
    let ended = run(["check", "--time", "0s", example("digits").to_str().unwrap()]);
    assert!(ended.stdout.contains("a neural network; ONNX Runtime is switched off"), "{}", ended.stdout);
}
