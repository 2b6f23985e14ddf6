//! Workers that die, hang or talk nonsense, and what becomes of their requests.

use std::fs;

use loadonce_core::RunError;

use crate::support::{Folder, ask};

/// Does what the row says, and answers with the process that did.
const MISBEHAVE: &str = "
row = rows[0]
if row.get('unless') and not os.path.exists(row['unless']):
    open(row['unless'], 'w').close()
    row = {'do': row['then']}
if row['do'] == 'die':
    os.kill(os.getpid(), signal.SIGKILL)
if row['do'] == 'exit':
    os._exit(3)
if row['do'] == 'hang':
    time.sleep(3600)
if row['do'] == 'babble':
    for descriptor in range(100):
        link = '/proc/self/fd/%d' % descriptor
        if os.path.islink(link) and os.readlink(link).startswith('socket:'):
            os.write(descriptor, b'babble')
if row['do'] == 'close':
    for descriptor in range(3, 100):
        link = '/proc/self/fd/%d' % descriptor
        if os.path.islink(link) and os.readlink(link).startswith('socket:'):
            os.close(descriptor)
    time.sleep(3600)
if row['do'] == 'orphan':
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)
return [os.getpid()]
";

const FINE: &str = r#"{"do": "nothing"}"#;

fn failure(outcome: Result<String, RunError>) -> String {
    match outcome {
        Err(RunError::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_whose_worker_dies_is_answered_by_another() {
    let folder = Folder::with("", MISBEHAVE);
    let (model, mut session) = folder.session();
    let first = ask(&mut *session, FINE).unwrap();
    for (then, marker) in [("die", "a"), ("exit", "b"), ("babble", "c"), ("close", "d")] {
        let row = format!(r#"{{"do": "nothing", "unless": "{marker}", "then": "{then}"}}"#);
        assert_ne!(ask(&mut *session, &row).unwrap(), first);
    }
    let memory = model.memory();
    assert_eq!((folder.loads(), memory.loads, memory.deaths, memory.workers.len()), (1, 1, 4, 1));
}

#[test]
fn a_request_that_kills_twice_is_not_run_again() {
    let folder = Folder::with("", MISBEHAVE);
    let (_model, mut session) = folder.session();
    for (row, expected) in [
        (r#"{"do": "die"}"#, "its worker was killed (signal 9; "),
        (r#"{"do": "exit"}"#, "its worker exited with status 3"),
        (r#"{"do": "babble"}"#, "its worker sent what is no answer"),
    ] {
        let reason = failure(ask(&mut *session, row));
        assert!(reason.starts_with(expected), "{reason}");
        ask(&mut *session, FINE).unwrap();
    }
    assert_eq!(folder.loads(), 1);
}

#[test]
fn without_retry_a_request_dies_with_its_worker() {
    let folder = Folder::with("", MISBEHAVE).option("retry", "false");
    let (_model, mut session) = folder.session();
    failure(ask(&mut *session, r#"{"do": "nothing", "unless": "a", "then": "die"}"#));
    ask(&mut *session, FINE).unwrap();
}

#[test]
fn a_worker_that_hangs_is_killed_when_its_time_is_over() {
    let folder = Folder::with("", MISBEHAVE).option("timeout", "0.2");
    let (_model, mut session) = folder.session();
    let first = ask(&mut *session, FINE).unwrap();
    let reason = failure(ask(&mut *session, r#"{"do": "hang"}"#));
    assert_eq!(reason, "it did not answer within 200 ms, and its worker was killed");
    assert_ne!(ask(&mut *session, FINE).unwrap(), first);
    assert_eq!(folder.loads(), 1);
}

#[test]
fn a_template_that_dies_is_started_again() {
    let folder = Folder::with("", MISBEHAVE);
    let (model, mut session) = folder.session();
    let row = r#"{"do": "nothing", "unless": "a", "then": "orphan"}"#;
    ask(&mut *session, row).unwrap();
    let memory = model.memory();
    assert_eq!((folder.loads(), memory.loads, memory.deaths, memory.shared_bytes.is_some()), (2, 2, 1, true));
}

#[test]
fn workers_that_cannot_start_any_more_end_the_session() {
    let methods = "def start_worker(self):\n    if os.path.exists('broken'):\n        raise OSError('no database')";
    let folder = Folder::with(methods, MISBEHAVE);
    let (_model, mut session) = folder.session();
    fs::write(folder.path("broken"), "").unwrap();
    let error = ask(&mut *session, r#"{"do": "die"}"#).unwrap_err();
    assert!(matches!(&error, RunError::Lost(reason) if reason.contains("no database")), "{error}");
    assert!(error.ends_session());
}

#[test]
fn a_worker_is_replaced_after_so_many_runs() {
    let folder = Folder::with("", MISBEHAVE).option("max_runs", "2");
    let (model, mut session) = folder.session();
    let pids: Vec<_> = (0..5).map(|_| ask(&mut *session, FINE).unwrap()).collect();
    assert!(pids[0] == pids[1] && pids[1] != pids[2] && pids[2] == pids[3] && pids[3] != pids[4], "{pids:?}");
    let memory = model.memory();
    assert_eq!((folder.loads(), memory.deaths, memory.workers.len()), (1, 0, 1));
}

#[test]
fn nothing_is_left_of_a_model_that_is_dropped() {
    let folder = Folder::with("def stop(self):\n    open('stopped', 'w').close()", MISBEHAVE);
    let (model, mut session) = folder.session();
    let pid: u32 = ask(&mut *session, FINE).unwrap().parse().unwrap();
    drop((model, session));
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
    assert!(folder.path("stopped").exists());
}
