//! The program as hosting platforms start it and ask it: Vertex AI ("Custom container requirements") and SageMaker
//! (Developer Guide, "Custom Inference Code with Hosting Services").

use std::fs;

use serde_json::{Value, json};

use crate::support::{Client, Folder, Server, example, run_with, until};

const SETOSA: &str = r#"{"instances":[[5.1,3.5,1.4,0.2]],"parameters":{}}"#;

/// The variables that Vertex AI sets by default.
const VERTEX: [(&str, &str); 3] = [
    ("AIP_HTTP_PORT", "8080"),
    ("AIP_HEALTH_ROUTE", "/v1/endpoints/7/deployedModels/8"),
    ("AIP_PREDICT_ROUTE", "/v1/endpoints/7/deployedModels/8:predict"),
];

/// The settings with their sources, without the room between them.
fn settings(variables: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
    let ended = run_with([&["serve", "m", "--print-config"], arguments].concat(), variables);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The class that the model gives the flower.
fn label(client: &mut Client, path: &str) -> Value {
    client.send("POST", path, SETOSA).unwrap().json()["predictions"][0]["output_label"].clone()
}

#[test]
fn a_platforms_variables_are_settings_weaker_than_our_own() {
    let printed = settings(&VERTEX, &[]);
    for line in [
        "host = \"0.0.0.0\" # AIP_HTTP_PORT",
        "port = 8080 # AIP_HTTP_PORT",
        "health_path = \"/v1/endpoints/7/deployedModels/8\" # AIP_HEALTH_ROUTE",
        "predict_path = \"/v1/endpoints/7/deployedModels/8:predict\" # AIP_PREDICT_ROUTE",
    ] {
        assert!(printed.iter().any(|printed| printed == line), "{line} in {printed:?}");
    }
    let ours = [VERTEX.as_slice(), &[("LOADONCE_PORT", "9000"), ("LOADONCE_PREDICT_PATH", "/p")]].concat();
    let printed = settings(&ours, &["--health-path", "/h"]);
    for line in [
        "host = \"0.0.0.0\" # AIP_HTTP_PORT",
        "port = 9000 # LOADONCE_PORT",
        "health_path = \"/h\" # --health-path",
        "predict_path = \"/p\" # LOADONCE_PREDICT_PATH",
    ] {
        assert!(printed.iter().any(|printed| printed == line), "{line} in {printed:?}");
    }
    let folder = Folder::new();
    let file = folder.write("loadonce.toml", "host = '127.0.0.1'\nport = 8080\n");
    let printed = settings(&[("SAGEMAKER_BIND_TO_PORT", "8088")], &["--config", file.to_str().unwrap()]);
    for line in ["host = \"0.0.0.0\" # SAGEMAKER_BIND_TO_PORT", "port = 8088 # SAGEMAKER_BIND_TO_PORT"] {
        assert!(printed.iter().any(|printed| printed == line), "{line} in {printed:?}");
    }
    let wrong = run_with(["serve", "m"], &[("AIP_HTTP_PORT", "http"), ("AIP_PREDICT_ROUTE", "predict")]);
    assert_eq!(wrong.code, Some(10));
    for mistake in [
        "AIP_HTTP_PORT: expected a port from 0 to 65535, or off, got 'http'",
        "AIP_PREDICT_ROUTE: expected a URL's path such as /predict, got 'predict'",
    ] {
        assert!(wrong.stderr.contains(mistake), "{mistake} in {}", wrong.stderr);
    }
}

#[test]
fn health_is_true_while_models_load_and_then_predictions_are_answered() {
    let folder = Folder::new();
    let pipe = folder.pipe("iris");
    let host = ["--host", "127.0.0.1", folder.path().to_str().unwrap()];
    let server = Server::start_under(&VERTEX, 0, host);
    let mut client = server.client();
    let (health, predict) = (VERTEX[1].1, VERTEX[2].1);
    for path in ["/ping", health] {
        let loading = client.send("GET", path, "").unwrap();
        assert_eq!((loading.status, loading.json()["ready"].clone()), (503, json!(false)), "{path}");
    }
    for path in ["/invocations", predict] {
        assert_eq!(client.send("POST", path, SETOSA).unwrap().status, 503, "{path}");
    }
    fs::write(&pipe, fs::read(example("iris")).unwrap()).unwrap();
    until(|| client.send("GET", health, "").unwrap().status == 200);
    assert_eq!(client.send("GET", "/ping", "").unwrap().json(), json!({ "ready": true }));
    for path in ["/invocations", predict] {
        assert_eq!(label(&mut client, path), "setosa", "{path}");
    }
}

#[test]
fn ping_says_no_while_the_server_drains() {
    let folder = Folder::new();
    folder.iris("iris");
    let server = Server::start(["--drain-delay", "1h", folder.path().to_str().unwrap()]);
    server.until_ready();
    let mut client = Client::connect(server.address()).unwrap();
    assert_eq!(client.send("GET", "/ping", "").unwrap().status, 200);
    server.signal();
    until(|| client.send("GET", "/ping", "").unwrap().status == 503);
    assert_eq!(label(&mut client, "/invocations"), "setosa");
}
