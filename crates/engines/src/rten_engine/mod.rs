//! Engine `rten`: neural networks in ONNX, over the `rten` crate, in pure Rust.
//!
//! rten computes in `f32`, `i32`, `i8` and `u8` only. What it would narrow without a word is converted exactly or
//! refused here: a model at load (`support.rs`), a request's element in its run (`convert.rs`). A model is loaded from
//! the bytes that were read once; its weights are shared by all sessions, each of which has a thread of its own.

mod bounds;
mod convert;
mod external;
mod facts;
mod mapped;
mod packing;
mod rules;
mod session;
mod support;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use ::rten::NodeId;
use loadonce_core::loader::panic_message;
use loadonce_core::{
    Contract, Engine, LoadError, LoadErrorKind, Memory, Model, ModelSpec, Progress, Session, Signature,
};

use self::mapped::MappedModel;
use self::session::RtenSession;
use crate::onnx::{OnnxFile, OperatorUse, Summary, advice};

pub use self::support::supports;

/// The engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rten;

impl Engine for Rten {
    fn name(&self) -> &'static str {
        "rten"
    }

    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        let path = spec.file.path();
        let content = spec.file.read(progress)?;
        let file = OnnxFile::parse(content.clone(), path)?;
        let summary = file.summary();
        support::supports(&summary).and_then(|()| file.check_dense()).map_err(|error| error.at(path))?;
        let data = file.external_data()?;
        let (file, maps) = external::map(file, &data, progress)?;
        support::check_contents(&file).and_then(|()| bounds::check(file.graph())).map_err(|error| error.at(path))?;
        let weight_bytes = summary.weights.bytes + packing::packed_bytes(file.graph());
        // The cache and the parsed file hold on to the content, which is to be handed over, not copied.
        spec.file.release();
        let content = if data.is_empty() {
            drop(file);
            Vec::from(content)
        } else {
            file.encode()
        };
        let model = guarded(|| MappedModel::load(content, maps), &summary).map_err(|error| error.at(path))?;
        progress.go_on().map_err(|error| error.at(path))?;
        let signature = support::signature(&summary, &model);
        let network = Network { inputs: model.input_ids().to_vec(), outputs: model.output_ids().to_vec(), model };
        network.check(&signature).map_err(|error| error.at(path))?;
        Ok(Arc::new(RtenModel { network: Arc::new(network), signature: Arc::new(signature), weight_bytes }))
    }
}

/// Loaded weights and where a request's tensors go in and come out, in the signature's order.
struct Network {
    model: MappedModel,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
}

#[derive(Debug)]
struct RtenModel {
    network: Arc<Network>,
    signature: Arc<Signature>,
    weight_bytes: u64,
}

impl Model for RtenModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn contract(&self) -> Contract {
        Contract::Shared
    }

    fn memory(&self) -> Memory {
        Memory::in_process(self.weight_bytes)
    }

    fn open_session(&self) -> Result<Box<dyn Session>, LoadError> {
        Ok(Box::new(RtenSession::new(Arc::clone(&self.network), Arc::clone(&self.signature))))
    }
}

impl Network {
    /// Inputs and outputs are found by position, because a graph may give a node and a value one name.
    fn check(&self, signature: &Signature) -> Result<(), LoadError> {
        let (got, expected) =
            ((self.inputs.len(), self.outputs.len()), (signature.inputs.len(), signature.outputs.len()));
        if got == expected {
            return Ok(());
        }
        let detail =
            format!("rten sees {} inputs and {} outputs, the file has {} and {}", got.0, got.1, expected.0, expected.1);
        Err(LoadError::new(LoadErrorKind::Unsupported, detail))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.model.fmt(formatter)
    }
}

/// Runs rten's loading; a panic on the way, which a malformed graph can cause there, becomes an error.
fn guarded<T>(load: impl FnOnce() -> Result<T, ::rten::LoadError>, summary: &Summary) -> Result<T, LoadError> {
    match panic::catch_unwind(AssertUnwindSafe(load)) {
        Ok(Ok(model)) => Ok(model),
        Ok(Err(error)) => Err(lacking(&error, summary).unwrap_or_else(|| load_error(error))),
        Err(payload) => {
            let detail = format!("rten panicked while loading the model: {}", panic_message(payload.as_ref()));
            Err(LoadError::new(LoadErrorKind::Unsupported, detail))
        }
    }
}

/// The error for an operator that rten does not have. That it is about one is in the text alone: `LRN operator not
/// supported or not enabled`, `com.acme/Foo operator not supported`, `GeluMicrosoft operator not enabled because`.
fn lacking(error: &::rten::LoadError, summary: &Summary) -> Option<LoadError> {
    let text = error.to_string();
    let (before, _) = text.split_once(" operator not ")?;
    let name = before.rsplit([' ', '/']).next()?;
    let is_it = |used: &&OperatorUse| used.name == name || error.node() == Some(&used.node);
    let used = summary.operators.iter().find(is_it)?;
    let detail = format!("{}: rten does not have this operator", used.first_node());
    Some(LoadError::new(LoadErrorKind::Unsupported, detail).advise(advice::who_runs(&used.domain)))
}

fn load_error(error: ::rten::LoadError) -> LoadError {
    use ::rten::LoadErrorKind as Kind;

    // A value that nothing gives, or a circle.
    let is_broken = error.to_string().contains("planning error");
    match error.kind() {
        _ if is_broken => LoadError::new(LoadErrorKind::Corrupt, "the graph does not hold together")
            .advise("export the model again")
            .caused_by(error),
        Kind::OperatorInvalid | Kind::OptimizeError | Kind::ShapeInferenceFailed | Kind::FormatNotEnabled => {
            LoadError::new(LoadErrorKind::Unsupported, "rten cannot run the model")
                .advise("export the model with standard ONNX operators")
                .caused_by(error)
        }
        _ => LoadError::new(LoadErrorKind::Corrupt, "rten cannot read the model")
            .advise("export the model again, or fetch the file again")
            .caused_by(error),
    }
}

#[cfg(test)]
mod tests;
