//! The access log of the real binary.

use serde_json::{Value, json};

use crate::support::{Client, Ended, Folder, Server, until};

const SETOSA: &str = r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#;

/// Asks a server with this form of log for a prediction, for what is not there, and for its health.
fn asked(form: &str) -> Ended {
    let folder = Folder::new();
    folder.iris("iris");
    let socket = folder.path().with_extension("sock");
    let arguments = ["--access-log", form, "--uds", socket.to_str().unwrap(), folder.path().to_str().unwrap()];
    let server = Server::start(arguments);
    server.until_ready();
    let mut client = server.client();
    let head =
        format!("POST /v1/models/iris:predict?key=secret HTTP/1.1\r\nhost: t\r\ncontent-length: {}", SETOSA.len());
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    client.write(&format!("{head}\r\nx-request-id: mine\r\n{trace}\r\n\r\n{SETOSA}")).unwrap();
    assert_eq!(client.receive().unwrap().header("x-request-id"), Some("mine"));
    assert_eq!(client.send("GET", "/v2/models/none", "").unwrap().status, 404);
    assert_eq!(client.send("GET", "/v2/health/live", "").unwrap().status, 200);
    let call = "POST /inference.GRPCInferenceService/Nothing HTTP/1.1\r\nhost: t\r\ncontent-type: application/grpc\r\n";
    client.write(&format!("{call}content-length: 0\r\n\r\n")).unwrap();
    assert_eq!(client.receive().unwrap().header("grpc-status"), Some("12"));
    assert_eq!(Client::connect_unix(&socket).unwrap().send("GET", "/v2", "").unwrap().status, 200);
    server.stop()
}

/// The lines of requests; what the program says itself, and probes that failed while it was loading, are left out.
fn lines<'a>(ended: &'a Ended, begins: &'a str) -> Vec<&'a str> {
    let ours = |line: &&str| line.starts_with(begins) && !line.contains("/v2/health/ready");
    ended.stdout.lines().filter(ours).collect()
}

#[test]
fn json_says_who_asked_for_what_and_how_long_it_took() {
    let ended = asked("json");
    let lines: Vec<Value> = lines(&ended, "{").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [predicted, missing, called, local] = lines.as_slice() else { panic!("{ended:?}") };
    let expected = json!({
        "status": 200, "method": "POST", "path": "/v1/models/iris:predict", "protocol": "HTTP/1.1", "model": "iris",
        "version": "1", "request_bytes": SETOSA.len(), "request_id": "mine",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&predicted[key], value, "{key}");
    }
    let microseconds = |key: &str| predicted[key].as_u64().unwrap();
    assert!(microseconds("duration_us") >= microseconds("queue_us") + microseconds("run_us"), "{predicted}");
    assert!(predicted["response_bytes"].as_u64().unwrap() > 20, "{predicted}");
    assert!(!ended.stdout.contains("secret"), "{}", ended.stdout);
    assert_eq!((&missing["status"], missing.get("model")), (&json!(404), None));
    assert_eq!((&called["status"], &called["grpc_status"]), (&json!(200), &json!(12)));
    assert_eq!((&local["path"], &local["peer"]), (&json!("/v2"), &json!("unix")));
}

#[test]
fn text_is_for_people_and_off_is_off() {
    let ended = asked("text");
    let lines = lines(&ended, "20");
    assert_eq!(lines.len(), 4, "{ended:?}");
    assert!(lines[0].contains("Z 200 POST /v1/models/iris:predict HTTP/1.1 "), "{}", lines[0]);
    assert!(lines[0].ends_with("id=mine trace=0af7651916cd43dd8448eb211c80319c"), "{}", lines[0]);
    assert!(!asked("off").stdout.contains("/v1/models"));
}

#[test]
fn what_is_refused_while_loading_is_logged_too() {
    let folder = Folder::new();
    folder.pipe("slow");
    let server = Server::start(["--access-log", "text", folder.path().to_str().unwrap()]);
    let mut client = server.client();
    until(|| client.send("GET", "/v2/models/slow/ready", "").unwrap().status == 503);
    let ended = server.stop();
    assert!(ended.stdout.contains(" 503 GET /v2/models/slow/ready "), "{ended:?}");
}
