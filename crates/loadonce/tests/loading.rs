//! What probes and callers see while models load: alive at once, ready only when it is true.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::support::{Client, Folder, Server, example, examples, run, until};

const SETOSA: &str = r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#;

/// Lets the model behind a pipe in.
fn let_in(pipe: &std::path::Path) {
    fs::write(pipe, fs::read(example("iris")).unwrap()).unwrap();
}

#[test]
fn while_a_model_loads_the_server_lives_and_says_what_it_waits_for() {
    let folder = Folder::new();
    folder.iris("fast");
    let pipe = folder.pipe("slow");
    let server = Server::start([folder.path()]);
    let mut client = server.client();
    let live = client.send("GET", "/v2/health/live", "").unwrap();
    assert_eq!((live.status, live.json()), (200, json!({ "live": true })));

    let mut ready = client.send("GET", "/v2/health/ready", "").unwrap();
    until(|| {
        ready = client.send("GET", "/v2/health/ready", "").unwrap();
        assert_eq!(ready.status, 503);
        ready.json()["models"]["fast"]["state"] == "ready"
    });
    assert_eq!(ready.header("retry-after"), Some("1"));
    let body = ready.json();
    assert_eq!((&body["ready"], &body["phase"]), (&json!(false), &json!("loading")));
    assert_eq!(body["models"]["slow"]["state"], "loading");
    assert!(body["models"]["fast"]["bytes"]["read"].as_u64() > Some(0), "{body}");

    for path in ["/v1/models/fast:predict", "/v2/models/slow/infer", "/"] {
        let refused = client.send("POST", path, SETOSA).unwrap();
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{path}");
        assert!(refused.json()["error"].is_string(), "{}", refused.body);
    }
    let report = client.send("GET", "/v2/startup", "").unwrap().json();
    assert_eq!(report["ready"], false);
    let metrics = client.send("GET", "/metrics", "").unwrap();
    assert!(metrics.body.contains("loadonce_ready 0\n"), "{}", metrics.body);
    assert!(metrics.body.contains("loadonce_model_state{model=\"slow\",version=\"1\",state=\"loading\"} 1\n"));

    let_in(&pipe);
    server.until_ready();
    // The connection that was opened while loading sees the models.
    let answer = client.send("POST", "/v1/models/slow:predict", SETOSA).unwrap();
    assert_eq!(answer.json()["predictions"][0]["output_label"], "setosa");
}

#[test]
fn probes_that_started_before_the_server_never_see_a_lie() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let probes: Vec<_> = (0..4).map(|_| scope.spawn(|| probe(address, &done))).collect();
        let done = Done(&done);
        let server = Server::start_at(port, [examples()]);
        server.until_ready();
        drop(done);
        let answered: usize = probes.into_iter().map(|probe| probe.join().unwrap()).sum();
        assert!(answered > 0);
    });
}

/// Ends the probes, also when the test fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Connects until told to stop; counts the connections that were answered.
fn probe(address: SocketAddr, done: &AtomicBool) -> usize {
    let mut answered = 0;
    while !done.load(Ordering::SeqCst) {
        let Ok(mut client) = Client::connect(address) else { continue };
        let Ok(live) = client.send("GET", "/v2/health/live", "") else { continue };
        assert_eq!(live.status, 200);
        answered += 1;
        let prediction = client.send("POST", "/v1/models/iris:predict", SETOSA).unwrap();
        let ready = client.send("GET", "/v2/health/ready", "").unwrap();
        // Asked last: whatever was claimed before must be true by now.
        let report = client.send("GET", "/v2/startup", "").unwrap().json();
        if ready.status == 200 || prediction.status == 200 {
            assert_eq!(report["ready"], true, "{report}");
            let models = report["models"].as_array().unwrap();
            assert_eq!(models.len(), 6);
            for model in models {
                assert_eq!((&model["state"], &model["samples"]["right"]), (&json!("ready"), &json!(3)), "{model}");
            }
        }
    }
    answered
}

#[test]
fn keep_going_serves_the_rest_and_says_so() {
    let folder = Folder::new();
    folder.write("bad/model.onnx", "no model");
    folder.iris("good");
    let server = Server::start(["--keep-going", folder.path().to_str().unwrap()]);
    server.until_ready();
    let mut client = server.client();
    let ready = client.send("GET", "/v2/health/ready", "").unwrap();
    assert_eq!(ready.json(), json!({ "ready": true, "without": ["bad"] }));
    assert_eq!(client.send("POST", "/v1/models/good:predict", SETOSA).unwrap().status, 200);
    let bad = client.send("POST", "/v1/models/bad:predict", SETOSA).unwrap();
    assert_eq!(bad.status, 503);
    assert!(bad.json()["error"].as_str().unwrap().contains("expected an ONNX file"), "{}", bad.body);
    let checked = run(["check", "--keep-going", folder.path().to_str().unwrap()]);
    assert_eq!(checked.code, Some(12));
    assert!(checked.stderr.contains("1 model failed"), "{}", checked.stderr);
}

#[test]
fn an_empty_server_is_ready_only_where_it_was_asked_for() {
    let folder = Folder::new();
    let path = folder.path().to_str().unwrap();
    assert_eq!(run(["serve", path]).code, Some(11));
    let server = Server::start(["--allow-empty", path]);
    server.until_ready();
    assert_eq!(server.client().send("GET", "/v1/models", "").unwrap().json(), json!({ "models": [] }));
}

#[test]
fn the_startup_report_is_written_on_success_and_on_failure() {
    let folder = Folder::new();
    let report = folder.path().join("_report.json");
    let read = || serde_json::from_slice::<serde_json::Value>(&fs::read(&report).unwrap()).unwrap();
    folder.iris("iris");
    let arguments = ["check", folder.path().to_str().unwrap(), "--startup-report", report.to_str().unwrap()];
    assert_eq!(run(arguments.iter().chain(&["--time", "0s"])).code, Some(0));
    assert_eq!((&read()["ready"], &read()["models"][0]["loads"]), (&json!(true), &json!(1)));
    fs::remove_file(&report).unwrap();
    let server = Server::start(&arguments[1..]);
    until(|| fs::read_to_string(&report).is_ok_and(|text| text.ends_with("}\n")));
    assert_eq!((&read()["ready"], &read()["phase"]), (&json!(true), &json!("ready")));
    drop(server);
    folder.write("iris/model.onnx", "no model");
    assert_eq!(run(arguments).code, Some(12));
    let error = &read()["error"];
    assert_eq!((&error["kind"], &error["model"], &error["exit_code"]), (&json!("corrupt"), &json!("iris"), &json!(12)));
    assert!(error["file"].as_str().unwrap().ends_with("iris/model.onnx"));
}
