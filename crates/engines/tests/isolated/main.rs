//! Models in processes of their own, on real processes, with a native library that really crashes.
//!
//! The test program is also the program that the processes run: `main` looks what it is to be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(unsafe_code, reason = "a library is opened and called")]

mod native;
#[cfg(feature = "onnxruntime")]
mod onnxruntime;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use loadonce_core::ledger::Sharing;
use loadonce_core::{
    Batch, Contract, Engine, LoadError, LoadErrorKind, Model, ModelSpec, Progress, RunError, Session, Shape, Tensor,
};
use loadonce_engines::isolated::{Isolated, WorkerProgram, serve_template};
use tempfile::TempDir;

use self::native::{ABORT, EXIT, HANG, Native, OVERFLOW, PANIC, REFUSED, SEGFAULT, Settings};

/// What the program is started with to be a template.
const TEMPLATE: &str = "be-a-template";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(TEMPLATE) {
        serve_template("test", |name| match name {
            #[cfg(feature = "onnxruntime")]
            onnxruntime::NAME => Ok(onnxruntime::engine()),
            name => {
                assert_eq!(name, Native.name());
                Ok(Arc::new(Native))
            }
        })
        .unwrap();
        return ExitCode::SUCCESS;
    }
    let trials: [(&str, fn()); 10] = [
        ("a_crash_takes_one_worker_and_no_request", a_crash_takes_one_worker_and_no_request),
        ("a_request_that_crashes_twice_is_not_run_again", a_request_that_crashes_twice_is_not_run_again),
        ("a_run_that_hangs_is_ended", a_run_that_hangs_is_ended),
        ("a_panic_and_a_refusal_end_nothing", a_panic_and_a_refusal_end_nothing),
        ("a_crash_at_load_is_an_error", a_crash_at_load_is_an_error),
        ("errors_are_those_of_the_engine", errors_are_those_of_the_engine),
        ("a_model_is_as_its_engine_describes_it", a_model_is_as_its_engine_describes_it),
        ("workers_share_the_weights", workers_share_the_weights),
        ("a_thread_that_no_run_needs_does_no_harm", a_thread_that_no_run_needs_does_no_harm),
        ("runs_that_need_threads_have_a_copy_each", runs_that_need_threads_have_a_copy_each),
    ];
    let trials = trials.into_iter().map(|(name, test)| trial(name, test)).chain(with_library());
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// What `make onnxruntime` runs.
#[cfg(feature = "onnxruntime")]
fn with_library() -> Vec<Trial> {
    let trials: [(&str, fn()); 2] = [
        ("onnxruntime::it_is_loaded_once_and_answers", onnxruntime::it_is_loaded_once_and_answers_in_all_workers),
        ("onnxruntime::runs_of_several_threads", onnxruntime::runs_of_several_threads_have_a_copy_each),
    ];
    trials.into_iter().map(|(name, test)| trial(name, test).with_ignored_flag(true)).collect()
}

/// Nothing, without the engine.
#[cfg(not(feature = "onnxruntime"))]
fn with_library() -> Vec<Trial> {
    Vec::new()
}

/// This program, as a template.
fn template_program() -> WorkerProgram {
    WorkerProgram { path: std::env::current_exe().unwrap(), arguments: vec![TEMPLATE.into()] }
}

/// A model's folder.
struct Folder {
    folder: TempDir,
    spec: ModelSpec,
}

impl Folder {
    fn new(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = native::compile(folder.path());
        let settings = Settings { library, loads: folder.path().join("loads"), ..settings };
        let file = folder.path().join("model.json");
        fs::write(&file, serde_json::to_vec(&settings).unwrap()).unwrap();
        Self { spec: ModelSpec::new("m", file), folder }
    }

    /// A folder whose model crashes once.
    fn once() -> Self {
        let mut folder = Self::new(Settings::default());
        let once = Some(folder.folder.path().join("once"));
        let (library, loads) = (folder.folder.path().join("libcrash.so"), folder.folder.path().join("loads"));
        let settings = Settings { library, once, loads, ..Settings::default() };
        fs::write(folder.spec.file.path(), serde_json::to_vec(&settings).unwrap()).unwrap();
        folder.spec = ModelSpec::new("m", folder.spec.file.path());
        folder
    }

    fn loads(&self) -> usize {
        fs::read_to_string(self.folder.path().join("loads")).map_or(0, |loads| loads.lines().count())
    }

    fn load(&self) -> Result<Arc<dyn Model>, LoadError> {
        let engine = Isolated { engine: Native.name(), has_options: false, program: template_program() };
        engine.load(&self.spec, &Progress::default())
    }
}

fn ask(session: &mut dyn Session, x: f64) -> Result<f64, RunError> {
    let batch = Batch::new(vec![Tensor::from_vec(Shape::new([1]), vec![x]).unwrap()]);
    Ok(session.run(&batch)?[0].as_slice::<f64>().unwrap()[0])
}

fn failure(outcome: Result<f64, RunError>) -> String {
    match outcome {
        Err(RunError::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn pid(model: &dyn Model) -> u32 {
    model.memory().workers[0].pid
}

fn a_crash_takes_one_worker_and_no_request() {
    for (row, deaths) in [(SEGFAULT, 1), (ABORT, 1), (EXIT, 1), (OVERFLOW, 1)] {
        let folder = Folder::once();
        let model = folder.load().unwrap();
        let mut session = model.open_session().unwrap();
        assert_eq!(ask(&mut *session, 21.0), Ok(42.0));
        let before = pid(&*model);
        // By the successor, after the first has crashed.
        assert_eq!(ask(&mut *session, row), Ok(0.0));
        assert_ne!(pid(&*model), before);
        assert_eq!(ask(&mut *session, 2.0), Ok(4.0));
        let memory = model.memory();
        assert_eq!((folder.loads(), memory.loads, memory.deaths, memory.workers.len()), (1, 1, deaths, 1));
    }
}

fn a_request_that_crashes_twice_is_not_run_again() {
    let folder = Folder::new(Settings::default());
    let model = folder.load().unwrap();
    let mut session = model.open_session().unwrap();
    for (row, expected) in [
        (SEGFAULT, "its worker was ended by signal 11"),
        (ABORT, "its worker was ended by signal 6"),
        (EXIT, "its worker exited with status 3"),
        (OVERFLOW, "its worker was ended by signal "),
    ] {
        let reason = failure(ask(&mut *session, row));
        assert!(reason.starts_with(expected), "{reason}");
        assert_eq!(ask(&mut *session, 1.0), Ok(2.0));
    }
    assert_eq!((folder.loads(), model.memory().deaths), (1, 8));
}

fn a_run_that_hangs_is_ended() {
    let mut folder = Folder::new(Settings::default());
    folder.spec.limits.timeout = Duration::from_millis(200);
    let model = folder.load().unwrap();
    let mut session = model.open_session().unwrap();
    let reason = failure(ask(&mut *session, HANG));
    assert_eq!(reason, "it did not answer within 200 ms, and its worker was killed");
    assert_eq!(ask(&mut *session, 1.0), Ok(2.0));
}

fn a_panic_and_a_refusal_end_nothing() {
    let folder = Folder::new(Settings::default());
    let model = folder.load().unwrap();
    let mut session = model.open_session().unwrap();
    let before = pid(&*model);
    assert_eq!(failure(ask(&mut *session, PANIC)), "the model panicked: the engine's own code");
    assert_eq!(ask(&mut *session, REFUSED), Err(RunError::InvalidInput("it is negative".to_owned())));
    assert_eq!(ask(&mut *session, 1.0), Ok(2.0));
    assert_eq!((pid(&*model), model.memory().deaths), (before, 0));
}

fn a_crash_at_load_is_an_error() {
    let folder = Folder::new(Settings { at_load: Some(SEGFAULT), ..Settings::default() });
    let error = folder.load().err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::ModelCode);
    assert_eq!(error.detail(), "the process that loads the model was ended by signal 11");
}

fn errors_are_those_of_the_engine() {
    let folder = Folder::new(Settings::default());
    fs::write(folder.spec.file.path(), "{").unwrap();
    let error = folder.load().err().unwrap();
    assert_eq!(
        (error.kind(), error.advice(), error.path()),
        (LoadErrorKind::Corrupt, Some("write them"), Some(folder.spec.file.path()))
    );
    assert!(error.detail().starts_with("no settings: EOF"), "{error}");

    let program = WorkerProgram { path: PathBuf::from("/nowhere/loadonce"), arguments: Vec::new() };
    let engine = Isolated { engine: Native.name(), has_options: false, program };
    let error = engine.load(&folder.spec, &Progress::default()).err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::EngineMissing);
    assert!(error.detail().contains("/nowhere/loadonce"), "{error}");
}

fn a_model_is_as_its_engine_describes_it() {
    let folder = Folder::new(Settings::default());
    let isolated = folder.load().unwrap();
    let own = Native.load(&folder.spec, &Progress::default()).unwrap();
    assert_eq!(isolated.signature(), own.signature());
    // What allows one run at a time in a process allows one in each.
    assert_eq!((own.contract(), isolated.contract()), (Contract::Exclusive, Contract::Shared));
    let options = isolated.options();
    for expected in [("isolation", "process"), ("preload", "true"), ("library", "crash"), ("threads after load", "1")] {
        assert!(options.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{options:?}");
    }
}

fn workers_share_the_weights() {
    const WEIGHTS: usize = 64 << 20;
    let folder = Folder::new(Settings { weights: WEIGHTS, ..Settings::default() });
    let model = folder.load().unwrap();
    let mut sessions: Vec<_> = (0..4).map(|_| model.open_session().unwrap()).collect();
    for session in &mut sessions {
        assert_eq!(ask(&mut **session, 1.0), Ok(2.0));
    }
    let memory = model.memory();
    assert_eq!((memory.sharing.clone(), memory.copies(), memory.workers.len()), (Sharing::CopyOnWrite, 1, 4));
    let (total, weights) = (memory.total_bytes().unwrap(), WEIGHTS as u64);
    assert!(total > weights && total < weights * 3 / 2, "{total} bytes of {weights}");
    assert!(memory.weight_bytes.unwrap() >= weights && memory.load_peak.unwrap() >= weights);
    assert_eq!(folder.loads(), 1);
}

fn a_thread_that_no_run_needs_does_no_harm() {
    let folder = Folder::new(Settings { thread: true, ..Settings::default() });
    let model = folder.load().unwrap();
    let mut session = model.open_session().unwrap();
    assert_eq!(ask(&mut *session, 1.0), Ok(2.0));
    assert_eq!((model.memory().sharing, folder.loads()), (Sharing::CopyOnWrite, 1));
}

fn runs_that_need_threads_have_a_copy_each() {
    let says_so = Settings { thread: true, run_threads: 2, ..Settings::default() };
    let shows_it = Settings { thread: true, waits: true, ..Settings::default() };
    for (settings, expected) in [
        (says_so, "a run has 2 threads, of which a fork has one"),
        (shows_it, "it did not answer within 5000 ms, and its worker was killed"),
    ] {
        let folder = Folder::new(settings);
        let model = folder.load().unwrap();
        let mut sessions: Vec<_> = (0..2).map(|_| model.open_session().unwrap()).collect();
        for session in &mut sessions {
            assert_eq!(ask(&mut **session, 1.0), Ok(2.0));
        }
        let memory = model.memory();
        assert_eq!((memory.copies(), memory.loads, folder.loads()), (2, 3, 3));
        let reason = memory.sharing.reason().unwrap();
        assert!(reason.contains(expected), "{reason}");
    }
}
