//! One caller's right to run the shared session.

use std::sync::Arc;

use loadonce_core::{Batch, Outputs, RunError, Session};

use super::kept::Keeping;
use super::native::SharedSession;

/// A handle on the session object that all callers share.
#[derive(Debug)]
pub(super) struct OnnxRuntimeSession {
    /// Before the session object, which the tensors come from.
    keeping: Keeping,
    shared: Arc<SharedSession>,
}

impl OnnxRuntimeSession {
    /// A handle that may keep tensors for its next runs, or not.
    pub(super) fn new(shared: Arc<SharedSession>, keeps: bool) -> Self {
        Self { keeping: Keeping::new(keeps), shared }
    }
}

impl Session for OnnxRuntimeSession {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        self.keeping.run(&self.shared, batch.inputs())
    }
}
