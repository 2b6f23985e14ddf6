//! A loaded booster, and one thread's right to run it.

use std::fmt::Debug;
use std::sync::Arc;

use loadonce_core::{
    Batch, Contract, Dim, LoadError, Memory, Model, ModelSpec, Outputs, Progress, RunError, Session, Signature,
    TensorSpec,
};

use super::{Form, Real};

/// Trees or weights of a library, ready to run.
pub(crate) trait Booster: Debug + Send + Sync + 'static {
    /// The precision of inputs and answers.
    type Number: Real;

    /// Columns of the input.
    fn columns(&self) -> usize;

    /// Names of the columns; none where the file has none.
    fn column_names(&self) -> &[String];

    /// The form of the answers.
    fn form(&self) -> Form;

    /// What [`Self::form`] says for each of the rows, which have [`Self::columns`] columns each.
    fn values(&self, rows: usize, input: &[Self::Number]) -> Vec<Self::Number>;

    /// Bytes of the trees or weights.
    fn weight_bytes(&self) -> usize;
}

/// Reads the model's file and gives its content to the parser of its format.
pub(crate) fn load(
    spec: &ModelSpec,
    progress: &Progress,
    parse: impl FnOnce(&[u8]) -> Result<Arc<dyn Model>, LoadError>,
) -> Result<Arc<dyn Model>, LoadError> {
    let content = spec.file.read(progress)?;
    let model = parse(&content).and_then(|model| progress.go_on().map(|()| model));
    model.map_err(|error| error.at(spec.file.path()))
}

/// A booster as the core knows models.
pub(crate) fn into_model(booster: impl Booster) -> Arc<dyn Model> {
    let signature = signature(&booster);
    Arc::new(BoosterModel { booster: Arc::new(booster), signature })
}

fn signature<B: Booster>(booster: &B) -> Signature {
    use loadonce_core::Element;

    let dims = vec![Dim::ANY, Dim::Fixed(booster.columns())];
    let mut input = TensorSpec::new("input", B::Number::DTYPE, dims);
    input.columns = booster.column_names().to_vec();
    Signature { inputs: vec![input], outputs: booster.form().specs(B::Number::DTYPE) }
}

#[derive(Debug)]
struct BoosterModel<B> {
    booster: Arc<B>,
    signature: Signature,
}

impl<B: Booster> Model for BoosterModel<B> {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn contract(&self) -> Contract {
        Contract::Shared
    }

    fn memory(&self) -> Memory {
        Memory::in_process(self.booster.weight_bytes() as u64)
    }

    fn open_session(&self) -> Result<Box<dyn Session>, LoadError> {
        Ok(Box::new(BoosterSession { booster: Arc::clone(&self.booster) }))
    }
}

/// A session has nothing of its own: a run needs no more than its answer.
#[derive(Debug)]
struct BoosterSession<B> {
    booster: Arc<B>,
}

impl<B: Booster> Session for BoosterSession<B> {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        let [input] = batch.inputs() else {
            return Err(RunError::Failed(format!("got {} inputs, expected 1", batch.inputs().len())));
        };
        let columns = self.booster.columns();
        let &[rows, width] = &**input.shape() else {
            return Err(RunError::InvalidInput(format!("expected rows of {columns} columns, got {}", input.shape())));
        };
        if width != columns {
            return Err(RunError::InvalidInput(format!("expected {columns} columns, got {width}")));
        }
        let input = input.as_slice().map_err(|error| RunError::InvalidInput(error.to_string()))?;
        self.booster.form().outputs(rows, self.booster.values(rows, input))
    }
}
