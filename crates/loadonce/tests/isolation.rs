//! Models in processes of their own behind the real server: what ends one of them ends no request, nor the server.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Folder, Server, examples, run, until};

const PREDICT: &str = "/v1/models/iris:predict";
const ROW: &str = r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#;

/// All examples, each in processes of its own.
fn isolated_examples() -> Folder {
    let folder = Folder::new();
    for file in files(&examples()) {
        let name = file.strip_prefix(examples()).unwrap();
        let mut content = fs::read(&file).unwrap();
        if name.ends_with("model.toml") {
            content.splice(..0, b"isolation = \"process\"\n".iter().copied());
        }
        folder.write(name.to_str().unwrap(), content);
    }
    folder
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn server() -> (Folder, Server) {
    let folder = Folder::new();
    folder.iris("iris");
    folder.write("iris/model.toml", "isolation = \"process\"\nworkers = 2\n");
    let server = Server::start([folder.path().to_str().unwrap()]);
    server.until_ready();
    (folder, server)
}

fn model(server: &Server) -> Value {
    let report = server.client().send("GET", "/v2/startup", "").unwrap().json();
    report["models"][0].clone()
}

fn pids(model: &Value) -> Vec<i32> {
    let workers = model["memory"]["workers"].as_array().unwrap().iter();
    workers.map(|worker| i32::try_from(worker["pid"].as_i64().unwrap()).unwrap()).collect()
}

fn send(pid: i32, signal: Signal) {
    // It may have ended by an earlier one.
    let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, signal));
}

#[test]
fn every_example_is_sound_in_processes_of_its_own() {
    let folder = isolated_examples();
    let ended = run(["check", folder.path().to_str().unwrap(), "--time", "1s", "--json"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let models = report["models"].as_array().unwrap();
    assert_eq!(models.len(), fs::read_dir(examples()).unwrap().count());
    for model in models {
        let trial = &model["trial"];
        assert_eq!((&trial["copies"], &trial["workers_recovered"]), (&1.into(), &3.into()), "{model}");
    }
}

#[test]
fn crashes_under_load_fail_no_request() {
    const CRASHES: usize = 20;
    let (_folder, server) = server();
    let done = AtomicBool::new(false);
    let expected = server.client().send("POST", PREDICT, ROW).unwrap().body;
    let call = || {
        let mut client = server.client();
        while !done.load(Ordering::SeqCst) {
            let answer = client.send("POST", PREDICT, ROW).unwrap();
            assert_eq!((answer.status, &answer.body), (200, &expected));
        }
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(call)).collect();
        for crash in 0..CRASHES {
            // Not SEGV: Rust's own handler passes over the first that comes without a fault.
            let signal = [Signal::ABORT, Signal::KILL, Signal::ILL][crash % 3];
            let before = model(&server)["memory"]["worker_deaths"].as_u64().unwrap();
            pids(&model(&server)).first().into_iter().for_each(|pid| send(*pid, signal));
            until(|| {
                callers.iter().any(ScopedJoinHandle::is_finished)
                    || model(&server)["memory"]["worker_deaths"].as_u64().unwrap() > before
            });
        }
        done.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.join().unwrap();
        }
    });
    let model = model(&server);
    assert_eq!((&model["loads"], &model["copies"]), (&1.into(), &1.into()), "{model}");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("its worker was ended by signal 6"), "{}", ended.stderr);
}

#[test]
fn what_tells_a_server_to_stop_leaves_its_workers_at_work() {
    let (_folder, server) = server();
    let before = pids(&model(&server));
    for pid in &before {
        // As a supervisor sends it to all processes of a service.
        send(*pid, Signal::TERM);
        send(*pid, Signal::INT);
    }
    for _ in 0..4 {
        assert_eq!(server.client().send("POST", PREDICT, ROW).unwrap().status, 200);
    }
    let model = model(&server);
    assert_eq!((pids(&model), &model["memory"]["worker_deaths"]), (before, &0.into()));
}

#[test]
fn no_process_outlives_its_server() {
    let (_folder, server) = server();
    let mut processes = pids(&model(&server));
    let stat = fs::read_to_string(format!("/proc/{}/stat", processes[0])).unwrap();
    processes.push(stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap());
    let is_there = |pid: &i32| fs::exists(format!("/proc/{pid}")).unwrap();
    assert!(processes.iter().all(is_there));
    // Kills it.
    drop(server);
    until(|| !processes.iter().any(is_there));
}

#[test]
fn a_model_that_cannot_be_loaded_is_told_as_ever() {
    let folder = Folder::new();
    folder.write("m/model.json", "{}");
    folder.write("m/model.toml", "isolation = \"process\"\n");
    let isolated = run(["check", folder.path().to_str().unwrap()]);
    folder.write("m/model.toml", "");
    let own = run(["check", folder.path().to_str().unwrap()]);
    assert_eq!((isolated.code, &isolated.stderr), (own.code, &own.stderr));
    assert!(own.stderr.contains("model 'm': "), "{}", own.stderr);
}
