//! One caller's right to run the shared session.

use std::sync::Arc;

use loadonce_core::{Batch, Outputs, RunError, Session};

use super::native::SharedSession;

/// A handle on the session object that all callers share.
#[derive(Debug)]
pub(super) struct OnnxRuntimeSession {
    shared: Arc<SharedSession>,
}

impl OnnxRuntimeSession {
    pub(super) fn new(shared: Arc<SharedSession>) -> Self {
        Self { shared }
    }
}

impl Session for OnnxRuntimeSession {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        self.shared.run(batch.inputs())
    }
}
