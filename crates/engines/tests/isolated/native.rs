//! An engine over a native library that crashes when it is asked to. Its files are JSON: what the load is to do.

use std::ffi::c_double;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};

use libloading::Library;
use loadonce_core::{
    Batch, Contract, DType, Dim, Engine, LoadError, LoadErrorKind, Memory, Model, ModelSpec, Outputs, Progress,
    RunError, Session, Signature, Tensor, TensorSpec,
};
use serde::{Deserialize, Serialize};

/// The rows that end the process.
pub(crate) const SEGFAULT: f64 = -1.0;
pub(crate) const ABORT: f64 = -2.0;
pub(crate) const EXIT: f64 = -3.0;
pub(crate) const OVERFLOW: f64 = -4.0;
pub(crate) const HANG: f64 = -5.0;
/// Panics, in the engine's own code.
pub(crate) const PANIC: f64 = -6.0;
/// Is refused.
pub(crate) const REFUSED: f64 = -7.0;

/// A model's file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) library: PathBuf,
    /// What is predicted while it is loaded.
    pub(crate) at_load: Option<f64>,
    /// Whether the load leaves a thread behind.
    pub(crate) thread: bool,
    /// Whether runs wait for that thread.
    pub(crate) waits: bool,
    /// Threads of a run, as the model says.
    pub(crate) run_threads: usize,
    /// Bytes of weights.
    pub(crate) weights: usize,
    /// A row that ends the process is as any other once this file is there, which it makes.
    pub(crate) once: Option<PathBuf>,
    /// Gets a line for each load.
    pub(crate) loads: PathBuf,
}

/// The engine.
#[derive(Debug)]
pub(crate) struct Native;

struct NativeModel {
    library: Arc<Library>,
    settings: Arc<Settings>,
    weights: Vec<u8>,
    signature: Signature,
    ask: mpsc::SyncSender<()>,
}

struct NativeSession {
    ask: mpsc::SyncSender<()>,
    library: Arc<Library>,
    settings: Arc<Settings>,
}

/// Compiles the library into that folder.
pub(crate) fn compile(folder: &Path) -> PathBuf {
    let library = folder.join("libcrash.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/isolated/crash.c");
    let status = Command::new("cc").args(["-shared", "-fPIC", "-O0", "-o"]).arg(&library).arg(source).status();
    assert!(status.unwrap().success(), "cc compiles {source}");
    library
}

impl Engine for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        let settings: Settings = serde_json::from_slice(&spec.file.read(progress)?).map_err(|error| {
            LoadError::new(LoadErrorKind::Corrupt, "no settings").caused_by(error).advise("write them")
        })?;
        let mut loads = OpenOptions::new().append(true).create(true).open(&settings.loads).unwrap();
        writeln!(loads, "once").unwrap();
        let (ask, asked) = mpsc::sync_channel::<()>(0);
        if settings.thread {
            std::thread::spawn(move || asked.into_iter().count());
        }
        // SAFETY: the library is the test's own, and has nothing that runs when it is opened.
        let library = Arc::new(unsafe { Library::new(&settings.library) }.unwrap());
        settings.at_load.map(|x| predict(&library, x));
        let axes = [Dim::named("rows")];
        let signature = Signature {
            inputs: vec![TensorSpec::new("x", DType::Fp64, axes.clone())],
            outputs: vec![TensorSpec { labels: vec!["double".to_owned()], ..TensorSpec::new("y", DType::Fp64, axes) }],
        };
        let weights = vec![1; settings.weights];
        Ok(Arc::new(NativeModel { library, settings: Arc::new(settings), weights, signature, ask }))
    }
}

impl Model for NativeModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn contract(&self) -> Contract {
        Contract::Exclusive
    }

    fn memory(&self) -> Memory {
        Memory::in_process(self.weights.len() as u64)
    }

    fn run_threads(&self) -> usize {
        self.settings.run_threads.max(1)
    }

    fn options(&self) -> Vec<(String, String)> {
        vec![("library".to_owned(), "crash".to_owned())]
    }

    fn open_session(&self) -> Result<Box<dyn Session>, LoadError> {
        Ok(Box::new(NativeSession {
            ask: self.ask.clone(),
            library: Arc::clone(&self.library),
            settings: Arc::clone(&self.settings),
        }))
    }
}

impl Session for NativeSession {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        let rows = batch.inputs()[0].as_slice::<f64>().unwrap().to_vec();
        if self.settings.waits {
            self.ask.send(()).unwrap();
        }
        let is_spared = self.settings.once.as_ref().is_some_and(|once| once.exists());
        let predicted = rows.into_iter().map(|x| {
            if x < 0.0 && is_spared {
                return Ok(0.0);
            }
            if x < 0.0
                && let Some(once) = &self.settings.once
            {
                fs::write(once, "").unwrap();
            }
            match x {
                REFUSED => Err(RunError::InvalidInput("it is negative".to_owned())),
                PANIC => panic!("the engine's own code"),
                x => Ok(predict(&self.library, x)),
            }
        });
        let predicted = predicted.collect::<Result<Vec<_>, _>>()?;
        Ok(vec![Tensor::from_vec(batch.inputs()[0].shape().clone(), predicted).unwrap()])
    }
}

fn predict(library: &Library, x: f64) -> f64 {
    // SAFETY: the function is declared like that in `crash.c`. What it does to its process is what is tested.
    unsafe {
        let predict = library.get::<unsafe extern "C" fn(c_double) -> c_double>(b"predict\0").unwrap();
        predict(x)
    }
}
