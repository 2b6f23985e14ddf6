//! Models in Python behind the real server: workers that are killed cost nobody an answer, and none outlives its server.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Folder, Server, until};

/// Answers each row with the worker that did, and leaves a line for each load.
const WHO: &str = "
import os

class Model:
    def load(self):
        with open('loads', 'a') as loads:
            loads.write('once\\n')

    def predict(self, rows):
        print('asked for', len(rows))
        return [os.getpid()] * len(rows)
";

const PREDICT: &str = "/v1/models/who:predict";

fn server(arguments: &[&str]) -> (Folder, Server) {
    let folder = Folder::new();
    folder.write("who/model.py", WHO);
    folder.write("who/model.toml", "workers = 2");
    let path = folder.path().to_str().unwrap().to_owned();
    let server = Server::start_with_python(arguments.iter().copied().chain([path.as_str()]));
    server.until_ready();
    (folder, server)
}

/// The worker that answered a row.
fn worker(answer: &str) -> i32 {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["predictions"][0].as_i64().unwrap_or_else(|| panic!("{answer}")).try_into().unwrap()
}

/// The template of a worker.
fn parent(worker: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn killing_workers_under_load_fails_no_request() {
    const KILLS: usize = 30;
    let (folder, server) = server(&[]);
    let (last, done) = (AtomicI32::new(0), AtomicBool::new(false));
    let call = || {
        let mut client = server.client();
        let mut answered = 0;
        while !done.load(Ordering::SeqCst) {
            let answer = client.send("POST", PREDICT, r#"{"instances":[1]}"#).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            last.store(worker(&answer.body), Ordering::SeqCst);
            answered += 1;
        }
        answered
    };
    let answered: usize = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(call)).collect();
        let mut killed = 0;
        for _ in 0..KILLS {
            until(|| {
                callers.iter().any(std::thread::ScopedJoinHandle::is_finished) || last.load(Ordering::SeqCst) != killed
            });
            killed = last.load(Ordering::SeqCst);
            // It may have ended by an earlier kill.
            let _ = Pid::from_raw(killed).map(|pid| kill_process(pid, Signal::KILL));
        }
        done.store(true, Ordering::SeqCst);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert!(answered >= KILLS, "{answered}");
    assert_eq!(fs::read_to_string(folder.path().join("who/loads")).unwrap(), "once\n");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn what_tells_a_server_to_stop_leaves_its_workers_at_work() {
    let (folder, server) = server(&[]);
    let ask = || worker(&server.client().send("POST", PREDICT, r#"{"instances":[1]}"#).unwrap().body);
    let before = ask();
    for signal in [Signal::TERM, Signal::INT] {
        // As a supervisor sends it to all processes of a service.
        kill_process(Pid::from_raw(before).unwrap(), signal).unwrap();
        kill_process(Pid::from_raw(parent(before)).unwrap(), signal).unwrap();
    }
    let mut seen = (0..20).map(|_| ask());
    assert!(seen.any(|worker| worker == before));
    let ended = server.stop();
    assert_eq!(
        (ended.code, fs::read_to_string(folder.path().join("who/loads")).unwrap()),
        (Some(0), "once\n".to_owned())
    );
    assert!(!ended.stderr.contains("its worker"), "{}", ended.stderr);
}

#[test]
fn no_worker_outlives_its_server() {
    let (_folder, server) = server(&[]);
    let answer = server.client().send("POST", PREDICT, r#"{"instances":[1]}"#).unwrap();
    let process = format!("/proc/{}", worker(&answer.body));
    let template = format!("/proc/{}", parent(worker(&answer.body)));
    assert!(fs::exists(&template).unwrap());
    // Kills it.
    drop(server);
    until(|| !fs::exists(&process).unwrap() && !fs::exists(&template).unwrap());
}

#[test]
fn what_a_model_prints_is_in_the_log_with_its_request() {
    let (_folder, server) = server(&[]);
    let mut client = server.client();
    let request =
        "POST /v1/models/who:predict HTTP/1.1\r\nhost: test\r\nx-request-id: the-one\r\ncontent-length: 21\r\n\r\n";
    client.write(&format!("{request}{{\"instances\":[1,2,3]}}")).unwrap();
    assert_eq!(client.receive().unwrap().status, 200);
    let ended = server.stop();
    let line =
        ended.stderr.lines().find(|line| line.contains("asked for 3")).unwrap_or_else(|| panic!("{}", ended.stderr));
    for part in ["the-one", "who", "INFO"] {
        assert!(line.contains(part), "{line}");
    }
}
