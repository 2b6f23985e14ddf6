//! Settings on the real binary: precedence, sources, all mistakes at once, JSON messages.

use serde_json::Value;

use crate::support::{Folder, Server, run, run_with};

#[test]
fn flags_win_over_the_environment_over_the_file() {
    let folder = Folder::new();
    let file = folder.write("settings.toml", "port = 1\nthreads = 3\nlog = 'json'\n");
    let file = file.to_str().unwrap();
    let arguments = ["serve", "m", "--config", file, "--print-config", "--keep-going", "--port", "9"];
    let printed = run_with(arguments, &[("LOADONCE_PORT", "2"), ("LOADONCE_LOG", "text")]).stdout;
    let line = |key: &str| {
        printed.lines().find(|line| line.starts_with(key)).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("models"), "models = [\"m\"] # PATH");
    assert_eq!(line("port"), "port = 9 # --port");
    assert_eq!(line("log"), "log = \"text\" # LOADONCE_LOG");
    assert_eq!(line("threads"), format!("threads = 3 # {file}"));
    assert_eq!(line("keep_going"), "keep_going = true # --keep-going");
    assert_eq!(line("host"), "host = \"127.0.0.1\" # default");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let folder = Folder::new();
    let file = folder.write("settings.toml", "prot = 1\n");
    let arguments = ["serve", "--config", file.to_str().unwrap(), "--drain-delay", "soon"];
    let ended = run_with(arguments, &[("LOADONCE_HOST", "localhost")]);
    assert_eq!(ended.code, Some(10));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("unknown setting 'prot'; did you mean 'port'?"), "{lines:?}");
    assert!(lines[1].contains("LOADONCE_HOST: expected an IP address, got 'localhost'"), "{lines:?}");
    assert!(lines[2].contains("--drain-delay: expected a time"), "{lines:?}");
    let missing = run(["serve", "--config", "/nowhere/settings.toml"]);
    assert_eq!(missing.code, Some(10));
    assert!(missing.stderr.contains("/nowhere/settings.toml: cannot be read"), "{}", missing.stderr);
}

#[test]
fn nothing_to_listen_on_is_a_mistake() {
    let nowhere = run(["serve", "--port", "off", "--no-grpc"]);
    assert_eq!(nowhere.code, Some(10));
    assert!(nowhere.stderr.contains("all ports are off and there is no uds"), "{}", nowhere.stderr);
    let somewhere = run(["serve", "--port", "off", "--uds", "/run/x.sock", "--print-config"]);
    assert!(somewhere.stdout.contains("port = \"off\"") && somewhere.stdout.contains("uds = \"/run/x.sock\""));
}

#[test]
fn grpc_has_settings_of_its_own() {
    let printed = run(["serve", "--no-grpc", "--grpc-uds", "/run/x.sock", "--print-config"]).stdout;
    let is_set = |line: &str, source: &str| printed.lines().any(|it| it.starts_with(line) && it.ends_with(source));
    assert!(is_set("grpc = false ", "# --no-grpc"), "{printed}");
    assert!(is_set("grpc_uds = \"/run/x.sock\" ", "# --grpc-uds"), "{printed}");
    assert!(is_set("max_grpc_message_bytes = 67108864 ", "# default"), "{printed}");
    let large = run(["serve", "--max-grpc-message-bytes", "4294967296"]);
    assert_eq!(large.code, Some(10));
    assert!(large.stderr.contains("a whole number from 1 to 4294967295"), "{}", large.stderr);
}

#[test]
fn origins_are_a_list_in_the_file_and_a_line_elsewhere() {
    let folder = Folder::new();
    let file = folder.write("settings.toml", "cors_origins = ['https://a.example', 'http://localhost:3000']\n");
    let printed = run(["serve", "m", "--config", file.to_str().unwrap(), "--print-config"]).stdout;
    assert!(printed.contains("cors_origins = \"https://a.example,http://localhost:3000\""), "{printed}");
    let wrong = run(["serve", "m", "--cors-origins", "a.example"]);
    assert_eq!(wrong.code, Some(10));
    let expected = "--cors-origins: expected * or origins such as https://example.org, got 'a.example'";
    assert!(wrong.stderr.contains(expected), "{}", wrong.stderr);
}

#[test]
fn json_messages_are_one_object_a_line() {
    let folder = Folder::new();
    folder.iris("iris");
    let ended = run(["check", "--log", "json", "--time", "100ms", folder.path().to_str().unwrap()]);
    assert_eq!(ended.code, Some(0));
    let events: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ready = events.iter().find(|event| event["message"] == "model ready").unwrap();
    assert_eq!((&ready["model"], &ready["engine"]), (&Value::from("iris"), &Value::from("tabular")));
    let tried = events.iter().find(|event| event["message"] == "model tried").unwrap();
    assert_eq!((&tried["model"], &tried["findings"]), (&Value::from("iris"), &Value::from(0)));

    folder.write("iris/model.onnx", "no model");
    let ended = run(["check", "--log", "json", folder.path().to_str().unwrap()]);
    let last: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((ended.code, &last["exit_code"]), (Some(12), &Value::from(12)));
    assert!(last["message"].as_str().unwrap().starts_with("model 'iris': "), "{last}");
}

#[test]
fn a_body_limit_is_kept() {
    let folder = Folder::new();
    folder.iris("iris");
    let server = Server::start(["--max-body-bytes", "100", folder.path().to_str().unwrap()]);
    server.until_ready();
    let refused = server.client().send("POST", "/v1/models/iris:predict", &" ".repeat(101)).unwrap();
    assert_eq!(refused.status, 413);
}
