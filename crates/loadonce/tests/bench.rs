//! `loadonce bench`: counts, documents, and every way in which a server can fail.

use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Ended, FakeServer, Folder, Reply, Server, binary, examples, run, until};

const QUICK: [&str; 2] = ["--warm-up", "0s"];

/// A bench of so many requests, and its document.
fn bench(arguments: &[&str]) -> (Ended, Value) {
    let ended = run(["bench", "--json"].iter().chain(&QUICK).chain(arguments));
    let document = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended, document)
}

/// A bench of the fake server by one caller after a first answer that was right, and its only row.
fn ask(reply: impl Fn(u64) -> Reply + Send + Sync + 'static, arguments: &[&str]) -> (Ended, Value) {
    let folder = Folder::new();
    let data = folder.write("three.json", r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1.5]}]}"#);
    let server = FakeServer::start(reply);
    let url = server.url();
    let fixed = ["--url", &url, "--model", "doubler", "--data", data.to_str().unwrap()];
    let (ended, mut document) = bench(&[&fixed, arguments].concat());
    (ended, document["models"][0]["runs"][0].take())
}

/// Kinds of errors, how many of each, and an example.
fn errors(row: &Value) -> Vec<(&str, u64, &str)> {
    row["errors"].as_array().unwrap().iter().map(error).collect()
}

fn error(error: &Value) -> (&str, u64, &str) {
    (error["kind"].as_str().unwrap(), error["count"].as_u64().unwrap(), error["example"].as_str().unwrap())
}

#[test]
fn a_path_is_served_asked_and_stopped() {
    let iris = examples().join("iris");
    let (ended, document) = bench(&[iris.to_str().unwrap(), "-c", "1,4", "-n", "60", "--histogram"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert_eq!(document["right"], true);
    let model = &document["models"][0];
    assert_eq!((&model["name"], model["samples"].as_array().unwrap().len()), (&Value::from("iris"), 3));
    assert_eq!(model["rows"], serde_json::json!([1, 3]));
    for (row, callers) in model["runs"].as_array().unwrap().iter().zip([1, 4]) {
        assert_eq!(row["concurrency"], callers);
        assert_eq!((&row["requests"], &row["right"]), (&Value::from(60), &Value::from(60)), "{row}");
        let latency = |name: &str| row["latency_us"][name].as_f64().unwrap();
        let rising = ["p50", "p90", "p99", "p99.9", "max"].map(latency);
        assert!(rising[0] > 0.0 && rising.is_sorted() && latency("mean") <= rising[4], "{row}");
        let spread: u64 = row["histogram_us"].as_array().unwrap().iter().map(|bar| bar[1].as_u64().unwrap()).sum();
        assert_eq!(spread, 60);
        assert!(row["server"]["memory_bytes"].as_u64().unwrap() > 1_000_000, "{row}");
        assert!(row["explained"]["requests"].as_u64().unwrap() >= 1, "{row}");
    }
    let pid = document["server"]["pids"][0].as_u64().unwrap();
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the server still runs");
}

#[test]
fn every_form_of_request_is_answered_rightly() {
    let path = examples();
    for protocol in ["v1", "v2", "v2-binary"] {
        let (ended, document) =
            bench(&[path.to_str().unwrap(), "--protocol", protocol, "--rows", "5", "-c", "2", "-n", "9"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let models = document["models"].as_array().unwrap();
        assert_eq!(models.len(), 6);
        for model in models {
            assert_eq!(
                (&model["rows"], &model["runs"][0]["right"]),
                (&serde_json::json!([5, 5]), &Value::from(9)),
                "{model}"
            );
        }
    }
}

#[test]
fn a_running_server_is_asked_for_its_models_and_their_example() {
    let folder = Folder::new();
    let socket = folder.path().join("socket");
    let server = Server::start([examples().as_os_str(), "--uds".as_ref(), socket.as_os_str()]);
    server.until_ready();
    let url = format!("http://{}/", server.address());
    let (ended, document) = bench(&["--url", &url, "-c", "1", "-n", "3"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let names: Vec<_> =
        document["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["diabetes", "digits", "iris", "progression", "tumor", "wine"]);
    assert_eq!(document["models"][2]["samples"], serde_json::json!(["example of the server"]));
    // It listens on both, so it is found by either.
    let (ended, by_socket) = bench(&["--uds", socket.to_str().unwrap(), "--model", "iris", "-c", "1", "-n", "3"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(by_socket["server"]["pids"], document["server"]["pids"]);
    assert_eq!(by_socket["server"]["pids"].as_array().unwrap().len(), 1);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn an_open_loop_sends_what_is_due() {
    let (ended, row) = ask(|_| Reply::Right, &["--rate", "500", "--arrivals", "poisson", "-n", "50"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!((&row["rate"], &row["arrivals"]), (&Value::from(500.0), &Value::from("poisson")));
    assert_eq!((&row["right"], &row["connections"]), (&Value::from(50), &Value::from(256)), "{row}");
}

#[test]
fn each_kind_of_failure_is_counted_and_decides_the_exit_code() {
    let wrong = r#"{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[3.5]}]}"#;
    let replies = [
        Reply::Right,
        Reply::Right,
        Reply::Say(429, r#"{"error":"the queue is full"}"#),
        Reply::Say(500, "broken"),
        Reply::Say(200, wrong),
        Reply::Close,
        Reply::Say(429, r#"{"error":"the queue is still full"}"#),
    ];
    let reply = move |number: u64| replies[usize::try_from(number).unwrap()];
    let (ended, row) = ask(reply, &["-c", "1", "-n", "6"]);
    assert_eq!(ended.code, Some(19), "{ended:?}");
    assert_eq!(ended.stderr, "error: 5 of 6 requests were not answered rightly\n");
    assert_eq!((&row["requests"], &row["right"]), (&Value::from(6), &Value::from(1)));
    let expected = [
        ("wrong_answer", 1, "output 'y' has 3.5 at [0], expected 3"),
        ("refused", 2, "the queue is full"),
        ("status_500", 1, "broken"),
        ("connection", 1, "the server closed the connection before the end of its answer"),
    ];
    assert_eq!(errors(&row), expected);
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    let reply = |number: u64| if number == 1 { Reply::Hang } else { Reply::Right };
    let (ended, row) = ask(reply, &["-c", "1", "-n", "3", "--timeout", "200ms"]);
    assert_eq!(ended.code, Some(19), "{ended:?}");
    assert_eq!(errors(&row), [("timeout", 1, "no answer within 200ms")]);
    assert_eq!(row["right"], 2);
}

#[test]
fn ctrl_c_ends_the_row_and_shows_what_was_measured() {
    let server = FakeServer::start(|_| Reply::Right);
    let folder = Folder::new();
    let data = folder.write("three.json", r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1.5]}]}"#);
    let mut command = binary();
    command.args(["bench", "--url", &server.url(), "--model", "doubler", "--data", data.to_str().unwrap()]);
    command.args(["-d", "1h"]).args(QUICK).stderr(Stdio::inherit());
    let bench = command.spawn().unwrap();
    until(|| server.asked() > 100);
    kill_process(Pid::from_child(&bench), Signal::INT).unwrap();
    let output = bench.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<_> = stdout.lines().filter(|line| line.trim_start().starts_with("1 ")).collect();
    assert!(rows[0].contains("µs") || rows[0].contains("ms"), "{stdout}");
    assert!(stdout.contains("at once") && !stdout.contains("\n        8"), "{stdout}");
}

#[test]
fn a_server_that_does_not_start_ends_with_its_own_words_and_code() {
    let folder = Folder::new();
    folder.iris("iris");
    folder.write("iris/samples/one.json", r#"{"instances":[["five",3.5,1.4,0.2]]}"#);
    let path = folder.path().to_str().unwrap();
    let ended = run(["bench", path]);
    assert_eq!(ended.code, Some(16), "{ended:?}");
    assert!(ended.stderr.starts_with("error: model 'iris': ") && ended.stderr.contains("got \"five\""), "{ended:?}");
    let ended = run(["bench", path, "--", "--prot", "1"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.starts_with("error: unexpected argument '--prot'"), "{ended:?}");
    assert_eq!(run(["bench", "/nowhere"]).code, Some(11));
}

#[test]
fn what_cannot_be_asked_is_said() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = run(["bench", "--url", &format!("http://{nobody}")]);
    assert_eq!(ended.code, Some(19), "{ended:?}");
    assert!(ended.stderr.contains(&format!("cannot ask http://{nobody}: Connection refused")), "{ended:?}");
    let fake = FakeServer::start(|_| Reply::Say(503, r#"{"error":"still loading"}"#));
    let unlisted = run(["bench", "--url", &fake.url()]);
    assert_eq!(unlisted.code, Some(11), "{unlisted:?}");
    assert!(unlisted.stderr.contains("name one with --model"), "{unlisted:?}");
    let without_sample = run(["bench", "--url", &fake.url(), "--model", "doubler"]);
    assert_eq!(without_sample.code, Some(11), "{without_sample:?}");
    assert!(without_sample.stderr.contains("give a request with --data FILE"), "{without_sample:?}");
    for wrong in [&["bench"][..], &["bench", "m", "--url", "http://a"], &["bench", "m", "--rate", "0"]] {
        assert_eq!(run(wrong).code, Some(2), "{wrong:?}");
    }
}
