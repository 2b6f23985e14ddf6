//! How models load, and why they do not.

use std::fs;

use std::sync::Arc;

use bytes::Bytes;
use loadonce_core::sample::{Sample, Tolerance};
use loadonce_core::{
    Budget, Content, DType, Dim, InferRequest, LoadErrorKind, NamedTensor, RunError, Shape, Tensor, TensorSpec,
};

use crate::support::{Folder, ask, run};

#[test]
fn a_model_is_loaded_once_for_all_sessions() {
    let folder = Folder::with("", "return [[os.getpid(), os.getppid(), row] for row in rows]");
    let model = folder.load().unwrap();
    let mut sessions: Vec<_> = (0..3).map(|_| model.open_session().unwrap()).collect();
    let answers: Vec<_> = sessions.iter_mut().map(|session| ask(&mut **session, "7").unwrap()).collect();
    let parts: Vec<Vec<u32>> = answers.iter().map(|answer| serde_json::from_str(answer).unwrap()).collect();
    assert!(parts[0][0] != parts[1][0] && parts[1][0] != parts[2][0] && parts[0][0] != parts[2][0], "{parts:?}");
    assert!(parts.iter().all(|part| part[1] == parts[0][1] && part[2] == 7), "{parts:?}");
    assert_eq!((folder.loads(), model.memory().copies()), (1, 1));
}

#[test]
fn rows_that_are_json_go_in_and_out_whatever_their_size() {
    let (model, mut session) = Folder::with("", "return rows").session();
    let signature = model.signature();
    let [spec] = signature.inputs.as_slice() else { panic!("{signature:?}") };
    assert_eq!((spec.name.as_str(), spec.dtype, spec.dims.as_deref()), ("rows", DType::Bytes, Some(&[Dim::ANY][..])));
    assert_eq!(spec.content, Content::Json { schema: None });
    let long = format!("\"{}\"", "é".repeat(100_000));
    let rows = [r#"{"a":[1,2.5,null]}"#, &long, "true"];
    assert_eq!(run(&mut *session, &rows).unwrap(), rows);
    assert_eq!(run(&mut *session, &[]).unwrap(), [""; 0]);
}

#[test]
fn a_run_has_the_threads_that_it_is_given_and_the_load_one() {
    let code = "
import os

IN_TEMPLATE = os.environ['OMP_NUM_THREADS']

class Model:
    def predict(self, rows):
        return [[IN_TEMPLATE, os.environ['OMP_NUM_THREADS']] for row in rows]
";
    // No more than there are processors.
    let two = Budget::of_this_process().cores().min(2);
    for (asked, threads) in [("1", 1), ("2", two)] {
        let (model, mut session) = Folder::of(code).option("threads", asked).session();
        assert_eq!(model.run_threads(), threads);
        assert_eq!(ask(&mut *session, "0").unwrap(), format!("[\"1\",\"{threads}\"]"));
    }
}

#[test]
fn what_model_toml_says_of_tensors_is_told_to_the_model() {
    let mut folder = Folder::with("", "return rows");
    folder.spec.declared.inputs.push(TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(4)]));
    let error = folder.load().err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::Configuration);
    assert!(error.to_string().contains("class Model in model.py declares inputs and no outputs"), "{error}");
}

#[test]
fn what_the_model_says_of_its_rows_is_the_callers_business() {
    let code = "
from dataclasses import dataclass

@dataclass
class Flower:
    petal_length: float

class Model:
    def predict(self, rows: list[Flower]) -> list[str]:
        return ['short' if row.petal_length < 2 else 'long' for row in rows]
";
    let (model, mut session) = Folder::of(code).session();
    let Content::Json { schema: Some(schema) } = &model.signature().inputs[0].content else { panic!() };
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    assert_eq!(schema["properties"]["petal_length"]["type"], "number", "{schema}");
    assert_eq!(ask(&mut *session, r#"{"petal_length": 1.4}"#).unwrap(), "\"short\"");
    let error = run(&mut *session, &[r#"{"petal_length":3}"#, r#"{"petal_length":"x"}"#]).unwrap_err();
    let RunError::InvalidRows { rows } = &error else { panic!("{error}") };
    assert_eq!((rows[0].row, rows[0].path.as_str()), (1, ".petal_length"), "{error}");
}

#[test]
fn the_models_own_errors_cost_nothing_else() {
    let (_model, mut session) = Folder::with("", "return [1 / row for row in rows][:2]").session();
    assert_eq!(ask(&mut *session, "4").unwrap(), "0.25");
    for (rows, expected) in [
        (&["0"][..], "the model failed: ZeroDivisionError: division by zero"),
        (&["1", "1", "1"][..], "the model failed: predict returned 2 results for 3 rows"),
    ] {
        assert_eq!(run(&mut *session, rows).unwrap_err().to_string(), expected);
    }
    assert_eq!(ask(&mut *session, "4").unwrap(), "0.25");
}

#[test]
fn a_load_that_fails_says_why() {
    let cases = [
        ("open('nowhere.bin')", LoadErrorKind::NotFound, "nowhere.bin"),
        ("import nothing_of_that_name", LoadErrorKind::EngineMissing, "nothing_of_that_name"),
        ("raise ValueError('no weights')", LoadErrorKind::ModelCode, "ValueError: no weights"),
        ("sys.exit(3)", LoadErrorKind::ModelCode, "SystemExit"),
        ("os._exit(3)", LoadErrorKind::ModelCode, "the process that loads the model exited with status 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", LoadErrorKind::ModelCode, "was ended by signal 11"),
    ];
    for (load, kind, detail) in cases {
        let code = format!(
            "import os, signal, sys\nclass Model:\n    def load(self):\n        {load}\n    def predict(self, rows):\n        return rows\n"
        );
        let error = Folder::of(&code).load().err().unwrap();
        assert_eq!(error.kind(), kind, "{load}: {error}");
        assert!(error.to_string().contains(detail), "{load}: {error}");
    }
}

#[test]
fn code_without_a_model_and_settings_that_cannot_be_are_refused() {
    let code = "class A:\n    def predict(self, rows): ...\nclass B:\n    def predict(self, rows): ...\n";
    let error = Folder::of(code).load().err().unwrap();
    assert_eq!(error.kind(), LoadErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains('A') && error.to_string().contains('B'), "{error}");
    let kind = |key: &str, value: &str| {
        Folder::with("", "return rows").option(key, value).load().err().map(|error| error.kind())
    };
    assert_eq!(kind("retry", "perhaps"), Some(LoadErrorKind::Configuration));
    assert_eq!(kind("python", "/nowhere/python"), Some(LoadErrorKind::EngineMissing));
    let mut pickled = Folder::of("");
    pickled.spec = loadonce_core::ModelSpec::new("m", pickled.path("model.joblib"));
    fs::write(pickled.path("model.joblib"), b"").unwrap();
    let error = pickled.load().err().unwrap();
    assert!(error.to_string().contains("--allow-pickle"), "{error}");
}

#[test]
fn a_worker_starts_what_does_not_survive_a_fork() {
    let methods = "def start_worker(self):\n    self.pid = os.getpid()";
    let (_model, mut session) = Folder::with(methods, "return [self.pid == os.getpid() for row in rows]").session();
    assert_eq!(ask(&mut *session, "1").unwrap(), "true");
    let failing = Folder::with("def start_worker(self):\n    raise OSError('no database')", "return rows");
    let error = failing.load().unwrap().open_session().err().unwrap();
    assert!(error.to_string().contains("no database"), "{error}");
}

/// Waits for a thread that is started at load.
const POOL: &str = "
import queue, threading

class Model:
    def load(self):
        with open('loads', 'a') as loads:
            loads.write('once\\n')
        self.asked, self.answered = queue.Queue(), queue.Queue()
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            self.answered.put(self.asked.get())

    def predict(self, rows):
        self.asked.put(rows)
        return self.answered.get()
";

#[test]
fn a_model_that_does_not_survive_the_fork_is_loaded_by_each_worker() {
    let sample = |folder: &mut Folder| {
        let rows = Tensor::from_strings(Shape::new([1]), vec![Bytes::from("7")]).unwrap();
        let inputs = vec![NamedTensor { name: "rows".to_owned(), tensor: rows }];
        let request = InferRequest { inputs, ..InferRequest::default() };
        let (name, tolerance) = ("one".to_owned(), Tolerance::default());
        folder.spec.samples = Arc::new(vec![Sample { name, request, expected: None, tolerance }]);
    };
    let mut folder = Folder::of(POOL);
    sample(&mut folder);
    let (model, mut session) = folder.session();
    assert_eq!(ask(&mut *session, "7").unwrap(), "7");
    let memory = model.memory();
    assert_eq!((folder.loads(), memory.loads, memory.copies()), (2, 2, 1));
    let reason = memory.sharing.reason().unwrap();
    assert!(reason.starts_with("a forked worker did not answer: it did not answer within"), "{reason}");
    let mut folder = Folder::of(POOL).option("preload", "true");
    sample(&mut folder);
    let error = folder.load().err().unwrap();
    assert!(error.to_string().contains("forked from the loaded model does not answer"), "{error}");
}

#[test]
fn without_preload_each_worker_has_a_copy() {
    let folder = Folder::with("", "return [os.environ['SEEN'] for row in rows]").option("preload", "false");
    let folder = folder.option("env.SEEN", "yes");
    let model = folder.load().unwrap();
    let mut sessions: Vec<_> = (0..2).map(|_| model.open_session().unwrap()).collect();
    assert_eq!(ask(&mut *sessions[1], "1").unwrap(), "\"yes\"");
    assert_eq!(folder.loads(), 2);
}
