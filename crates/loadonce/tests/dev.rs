//! `serve --dev`: what changes on disk is loaded anew while the former serves on.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Folder, Server, until};

const ASK: (&str, &str) = ("/v1/models/greet:predict", r#"{"instances":["you"]}"#);

/// A model that greets with that word.
fn greets(word: &str) -> String {
    format!("class Model:\n    def predict(self, rows):\n        return ['{word} ' + row for row in rows]\n")
}

fn start(code: &str) -> (Folder, Server) {
    let folder = Folder::new();
    folder.write("greet/model.py", code);
    let server = Server::start_with_python(["--dev", folder.path().to_str().unwrap()]);
    (folder, server)
}

/// The answer to a request; anything else than an answer fails the test.
fn greeting(server: &Server) -> String {
    let (path, body) = ASK;
    let answer = server.client().send("POST", path, body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["predictions"][0].as_str().unwrap().to_owned()
}

#[test]
fn changed_code_is_served_and_no_request_fails_meanwhile() {
    let (folder, server) = start(&greets("hello"));
    server.until_ready();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                greeting(&server);
            }
        });
        for word in ["hi", "good day", "hey"] {
            folder.write("greet/model.py", greets(word));
            until(|| caller.is_finished() || greeting(&server) == format!("{word} you"));
        }
        done.store(true, Ordering::SeqCst);
    });
    let metrics = server.client().send("GET", "/metrics", "").unwrap().body;
    assert!(metrics.contains("loadonce_model_loads_total{model=\"greet\"} 4"), "{metrics}");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn what_cannot_be_loaded_leaves_the_former() {
    let (folder, server) = start(&greets("hello"));
    server.until_ready();
    folder.write("greet/model.py", "oops(");
    until(|| server.said("greet: not reloaded, the former one serves on"));
    assert_eq!(greeting(&server), "hello you");
    folder.write("greet/model.toml", "wrong = 1");
    until(|| server.said("unknown field `wrong`"));
    folder.write("greet/model.toml", "version = \"2\"");
    folder.write("greet/model.py", greets("hi"));
    until(|| greeting(&server) == "hi you");
    let metadata = server.client().send("GET", "/v2/models/greet", "").unwrap().json();
    assert_eq!(metadata["versions"][0], "2");
}

#[test]
fn a_model_that_is_broken_at_the_start_may_be_mended() {
    let (folder, server) = start("oops(");
    let ready = || server.client().send("GET", "/v2/health/ready", "").unwrap();
    until(|| ready().body.contains("SyntaxError"));
    assert_eq!(ready().status, 503);
    folder.write("greet/model.py", greets("hello"));
    server.until_ready();
    assert_eq!(greeting(&server), "hello you");
}

#[test]
fn a_second_copy_without_room_leaves_the_former() {
    let folder = Folder::new();
    let file = folder.iris("m");
    let path = folder.path().to_str().unwrap();
    let server = Server::start(["--dev", "--memory-limit", "200M", path]);
    server.until_ready();
    File::options().write(true).open(file).unwrap().set_len(300 << 20).unwrap();
    until(|| server.said("m: not reloaded, the former one serves on: it and all that serves take "));
    let answer = server.client().send("POST", "/v1/models/m:predict", r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}
