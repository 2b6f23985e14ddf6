//! Engine `onnxruntime`: every ONNX model, through the ONNX Runtime library of the machine.
//!
//! The library is looked for (`locate.rs`), opened once in a process (`library.rs`) and never with its telemetry
//! (`telemetry.rs`, whose one unsafe line sets a variable). A model is one session object of the library, which all of
//! our sessions share: `native.rs` calls its `Run` from many threads at once and says why it may; no other file here
//! calls the C API.
//!
//! Only the CPU execution provider is used. Others do not promise that runs may overlap.

mod kept;
mod library;
mod locate;
#[expect(unsafe_code, reason = "the C API; the file says why each call is sound")]
mod native;
mod options;
mod rewrite;
mod session;
mod signature;
mod telemetry;
mod zip_map;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use loadonce_core::{
    Contract, Engine, LoadError, LoadErrorKind, Memory, Model, ModelSpec, Progress, Session, Signature,
};
use ort::ErrorCode;
use ort::session::builder::SessionBuilder;

use self::native::SharedSession;
use self::options::Options;
use self::session::OnnxRuntimeSession;
use crate::onnx::OnnxFile;

pub use self::library::{Library, LibraryError};
pub use self::locate::{Attempt, Found, Place, Search, Surroundings};
pub use self::telemetry::{TELEMETRY_VARIABLE, TelemetryError, disable_telemetry};

/// Operators whose outputs' shapes, and ways to them, may change from run to run.
const CONTROL_FLOW: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];

/// The engine over an opened library.
#[derive(Clone, Debug)]
pub struct OnnxRuntime {
    library: Library,
}

impl OnnxRuntime {
    /// The engine over that library.
    pub fn new(library: Library) -> Self {
        Self { library }
    }

    /// The library.
    pub fn library(&self) -> &Library {
        &self.library
    }
}

impl Engine for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn has_options(&self) -> bool {
        true
    }

    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        let path = spec.file.path();
        let options = Options::read(spec)?;
        let content = spec.file.read(progress)?;
        let file = OnnxFile::parse(content.clone(), path)?;
        let summary = file.summary();
        let external = file.external_data()?;
        let (unzipped, content) = zip_map::unzip(&file, content);
        // The parsed file and the cache hold on to the content, of which the library makes its own copy.
        drop(file);
        spec.file.release();

        let source = Source { path, content, has_data_files: !external.is_empty(), is_changed: !unzipped.is_empty() };
        let builder = SessionBuilder::new(self.library.environment());
        let builder = builder.and_then(|builder| options.apply(builder, source.folder()));
        let mut builder = builder.map_err(|error| setting_refused(error).at(path))?;
        let session = source.commit(&mut builder).map_err(|error| refused(error).at(path))?;
        progress.go_on().map_err(|error| error.at(path))?;
        let signature = signature::of(&summary, &session, &unzipped).map_err(|error| error.at(path))?;
        let shared = SharedSession::new(&session, &signature).map_err(|error| refused(error).at(path))?;
        Ok(Arc::new(OnnxRuntimeModel {
            session: Arc::new(shared),
            signature,
            weight_bytes: summary.weights.bytes,
            threads: options.threads(),
            options: options.in_effect(&builder),
            keeps: !summary.operators.iter().any(|used| CONTROL_FLOW.contains(&used.name.as_str())),
        }))
    }
}

/// What the library makes a session of.
struct Source<'a> {
    path: &'a Path,
    content: Bytes,
    has_data_files: bool,
    is_changed: bool,
}

impl Source<'_> {
    /// Where the library finds data files of a model that it does not read itself.
    fn folder(&self) -> Option<&Path> {
        self.path.parent().filter(|_| self.has_data_files && self.is_changed)
    }

    /// A model with data files is read by the library itself: where a link leads to it, as in caches, only its real path
    /// tells the library that the data files are its own.
    fn commit(self, builder: &mut SessionBuilder) -> ort::Result<ort::session::Session> {
        if self.has_data_files && !self.is_changed {
            return builder.commit_from_file(self.path);
        }
        builder.commit_from_memory(&self.content)
    }
}

#[derive(Debug)]
struct OnnxRuntimeModel {
    session: Arc<SharedSession>,
    signature: Signature,
    weight_bytes: u64,
    threads: usize,
    options: Vec<(String, String)>,
    /// Whether sessions may keep tensors for their next runs.
    keeps: bool,
}

impl Model for OnnxRuntimeModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn contract(&self) -> Contract {
        Contract::Shared
    }

    fn memory(&self) -> Memory {
        Memory::in_process(self.weight_bytes)
    }

    fn run_threads(&self) -> usize {
        self.threads
    }

    fn options(&self) -> Vec<(String, String)> {
        self.options.clone()
    }

    fn open_session(&self) -> Result<Box<dyn Session>, LoadError> {
        Ok(Box::new(OnnxRuntimeSession::new(Arc::clone(&self.session), self.keeps)))
    }
}

/// The library's refusal of an option.
fn setting_refused(error: ort::Error) -> LoadError {
    LoadError::new(LoadErrorKind::Configuration, "ONNX Runtime does not take the options of this model")
        .advise("correct [options] in model.toml")
        .caused_by(error)
}

/// The library's refusal of a model.
fn refused(error: ort::Error) -> LoadError {
    let kind = kind_of(error.code(), error.message());
    let advice = match kind {
        LoadErrorKind::Corrupt => "export the model again, or fetch the file again",
        _ => "see whether a newer ONNX Runtime runs it: pip install -U onnxruntime",
    };
    LoadError::new(kind, "ONNX Runtime cannot load the model").advise(advice).caused_by(error)
}

/// What the library's code and words say of the cause. An operator or attribute that it lacks makes a graph invalid to it,
/// and some graphs that are invalid have but the code of a general failure.
fn kind_of(code: ErrorCode, message: &str) -> LoadErrorKind {
    let lacks = ["is not a registered function/op", "No Op registered for", "Unrecognized attribute"];
    let is_invalid = matches!(
        code,
        ErrorCode::InvalidProtobuf | ErrorCode::InvalidGraph | ErrorCode::NoModel | ErrorCode::NoSuchFile
    );
    let lacks = lacks.iter().any(|words| message.contains(words));
    let is_invalid = is_invalid || message.contains("Invalid model");
    if is_invalid && !lacks { LoadErrorKind::Corrupt } else { LoadErrorKind::Unsupported }
}

#[cfg(test)]
mod tests;
