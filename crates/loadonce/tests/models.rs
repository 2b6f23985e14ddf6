//! The example models, answered as the library did that trained them; and that each is loaded once.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Client, Server, examples, run};

const CONNECTIONS: usize = 32;
const REQUESTS: usize = 10_000;

/// Requests of every sample of every example, with the path that takes them and the right answer.
fn samples() -> Vec<(String, Value, Value)> {
    let mut samples = Vec::new();
    for model in fs::read_dir(examples()).unwrap() {
        let model = model.unwrap();
        let name = model.file_name().into_string().unwrap();
        for file in fs::read_dir(model.path().join("samples")).unwrap() {
            let sample = read(&file.unwrap().path());
            let path = if sample["request"]["inputs"][0]["datatype"].is_string() {
                format!("/v2/models/{name}/infer")
            } else {
                format!("/v1/models/{name}:predict")
            };
            samples.push((path, sample["request"].clone(), sample["response"].clone()));
        }
    }
    assert_eq!(samples.len(), 18);
    samples
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Whether `got` has all of `expected`: numbers nearly, everything else exactly.
fn agrees(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            expected.iter().all(|(key, value)| got.get(key).is_some_and(|got| agrees(value, got)))
        }
        (Value::Array(expected), Value::Array(got)) => {
            expected.len() == got.len() && expected.iter().zip(got).all(|(expected, got)| agrees(expected, got))
        }
        (Value::Number(expected), Value::Number(got)) => {
            let (expected, got) = (expected.as_f64().unwrap(), got.as_f64().unwrap());
            (expected - got).abs() <= 1e-6 + 1e-5 * expected.abs()
        }
        (expected, got) => expected == got,
    }
}

#[test]
fn the_examples_answer_as_the_library_that_trained_them() {
    let server = Server::start([examples()]);
    server.until_ready();
    let mut client = server.client();
    for (path, request, expected) in samples() {
        let answer = client.send("POST", &path, &request.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(agrees(&expected, &answer.json()), "{path}\n  got      {}\n  expected {expected}", answer.body);
    }
    let document = client.send("GET", "/openapi.json", "").unwrap().json();
    for name in ["diabetes", "digits", "iris", "progression", "tumor", "wine"] {
        let operation = &document["paths"][format!("/v2/models/{name}/infer")]["post"];
        assert!(operation["requestBody"]["content"]["application/json"]["examples"].is_object(), "{name}");
    }
}

#[test]
fn ten_thousand_requests_load_nothing() {
    let server = Server::start([examples()]);
    server.until_ready();
    let samples = samples();
    let address = server.address();
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let samples = &samples;
            scope.spawn(move || predict(address, samples, connection));
        }
    });
    let metrics = server.client().send("GET", "/metrics", "").unwrap().body;
    for name in ["diabetes", "digits", "iris", "progression", "tumor", "wine"] {
        let line = format!("loadonce_model_loads_total{{model=\"{name}\"}} 1\n");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    let answered: usize = metrics
        .lines()
        .filter(|line| line.starts_with("loadonce_requests_total") && line.contains("outcome=\"ok\""))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(answered, REQUESTS);
    assert_eq!(server.stop().code, Some(0));
}

fn predict(address: SocketAddr, samples: &[(String, Value, Value)], connection: usize) {
    let mut client = Client::connect(address).unwrap();
    for request in (connection..REQUESTS).step_by(CONNECTIONS) {
        let (path, body, expected) = &samples[request % samples.len()];
        let answer = client.send("POST", path, &body.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(agrees(expected, &answer.json()), "{path}: {}", answer.body);
    }
}

#[test]
fn inspect_shows_signature_operators_engine_and_size() {
    let path = examples();
    let table = run(["inspect", path.to_str().unwrap()]);
    assert_eq!(table.code, Some(0), "{table:?}");
    for part in ["iris version 1", "LinearClassifier", "tabular (", "rten (", "sepal_length", "kB on disk"] {
        assert!(table.stdout.contains(part), "{part} in {}", table.stdout);
    }
    let models: Value = serde_json::from_str(&run(["inspect", "--json", path.to_str().unwrap()]).stdout).unwrap();
    let iris = models.as_array().unwrap().iter().find(|model| model["name"] == "iris").unwrap();
    assert_eq!((&iris["engine"], &iris["file_bytes"]), (&json!("tabular"), &json!(838)));
    assert_eq!((&iris["inputs"][0]["shape"], &iris["inputs"][0]["datatype"]), (&json!([-1, 4]), &json!("FP32")));
}
