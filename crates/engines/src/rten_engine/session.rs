//! One caller's thread in rten.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use ::rten::{RunErrorKind, RunOptions, ThreadPool};
use loadonce_core::loader::panic_message;
use loadonce_core::{Batch, Outputs, RunError, Session, Signature};

use super::{Network, convert};

/// The shared network and a thread of its own. A pool that sessions shared would serialise them, and one of several
/// threads would take more than the caller's share of the processor.
pub(super) struct RtenSession {
    network: Arc<Network>,
    signature: Arc<Signature>,
    options: RunOptions,
}

impl RtenSession {
    pub(super) fn new(network: Arc<Network>, signature: Arc<Signature>) -> Self {
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        Self { network, signature, options: RunOptions::default().with_thread_pool(Some(pool)) }
    }
}

impl Session for RtenSession {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        let Network { model, inputs, outputs } = &*self.network;
        let tensors = self.signature.inputs.iter().zip(batch.inputs()).zip(inputs);
        let values: Vec<_> = tensors
            .map(|((spec, tensor), id)| Ok((*id, convert::input(spec, tensor)?)))
            .collect::<Result<_, RunError>>()?;
        let answers = guarded(|| model.run(values, outputs, Some(self.options.clone())))?;
        self.signature.outputs.iter().zip(answers).map(|(spec, value)| convert::output(spec, value)).collect()
    }
}

impl fmt::Debug for RtenSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("RtenSession").field(&self.network).finish()
    }
}

/// Runs rten; a panic, which an input of an unlucky shape can cause there, becomes an error of that run alone. Nothing
/// that a run changes outlives it, so the network and the session are as good as before.
fn guarded<T>(run: impl FnOnce() -> Result<T, ::rten::RunError>) -> Result<T, RunError> {
    match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome.map_err(|error| run_error(&error)),
        Err(payload) => Err(RunError::Failed(format!("rten panicked: {}", panic_message(payload.as_ref())))),
    }
}

fn run_error(error: &::rten::RunError) -> RunError {
    match error.kind() {
        RunErrorKind::InvalidInput => RunError::InvalidInput(error.to_string()),
        _ => RunError::Failed(error.to_string()),
    }
}
