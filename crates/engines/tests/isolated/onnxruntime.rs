//! ONNX Runtime in processes of its own: `make onnxruntime` names the library in `LOADONCE_ONNXRUNTIME`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadonce_core::ledger::Sharing;
use loadonce_core::{Batch, Engine, Model, ModelSpec, Progress};
use loadonce_engines::isolated::Isolated;
use loadonce_engines::onnxruntime::{Library, OnnxRuntime};
use rustix::process::{Pid, Signal, kill_process};

use crate::template_program;

/// The name of the engine.
pub(crate) const NAME: &str = "onnxruntime";

/// The library, if there is one.
pub(crate) fn library() -> Option<PathBuf> {
    std::env::var_os("LOADONCE_ONNXRUNTIME").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The engine in this process.
pub(crate) fn engine() -> Arc<dyn Engine> {
    Arc::new(OnnxRuntime::new(Library::open(&library().unwrap()).unwrap()))
}

fn spec(options: &[(&str, &str)]) -> ModelSpec {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/models/digits/model.onnx");
    let mut spec = ModelSpec::new("digits", file);
    spec.options.extend(options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    spec
}

fn isolated(options: &[(&str, &str)]) -> Arc<dyn Model> {
    let engine = Isolated { engine: NAME, has_options: true, program: template_program() };
    engine.load(&spec(options), &Progress::default()).unwrap()
}

/// Its load leaves no thread, and forked workers answer as the library does in this process.
pub(crate) fn it_is_loaded_once_and_answers_in_all_workers() {
    let own = engine().load(&spec(&[]), &Progress::default()).unwrap();
    let batch = Batch::zeros(own.signature()).unwrap();
    let expected = own.open_session().unwrap().run(&batch).unwrap();

    let model = isolated(&[]);
    assert_eq!(model.signature(), own.signature());
    let mut sessions: Vec<_> = (0..3).map(|_| model.open_session().unwrap()).collect();
    for session in &mut sessions {
        for _ in 0..40 {
            assert_eq!(session.run(&batch).unwrap(), expected);
        }
    }
    let killed = model.memory().workers[0].pid;
    kill_process(Pid::from_raw(i32::try_from(killed).unwrap()).unwrap(), Signal::KILL).unwrap();
    for session in &mut sessions {
        assert_eq!(session.run(&batch).unwrap(), expected);
    }
    let (memory, options) = (model.memory(), model.options());
    assert_eq!((memory.sharing, memory.loads, memory.deaths), (Sharing::CopyOnWrite, 1, 1));
    for expected in [("threads after load", "1"), ("optimization", "all")] {
        assert!(options.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{options:?}");
    }
}

/// Threads of an operator are not in a fork.
pub(crate) fn runs_of_several_threads_have_a_copy_each() {
    let model = isolated(&[("intra_op_threads", "2")]);
    if model.run_threads() == 1 {
        // This machine has one processor.
        return;
    }
    let batch = Batch::zeros(model.signature()).unwrap();
    model.open_session().unwrap().run(&batch).unwrap();
    assert!(matches!(model.memory().sharing, Sharing::EachWorker { .. }));
}
