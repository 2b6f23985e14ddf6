//! One thread's run through a plan.

use std::sync::Arc;

use loadonce_core::{Batch, Outputs, RunError, Session};

use super::plan::Plan;
use super::program::Frame;

/// A plan and the slots for its values.
#[derive(Debug)]
pub(super) struct TabularSession {
    plan: Arc<Plan>,
    frame: Frame,
}

impl TabularSession {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let frame = Frame::new(plan.program());
        Self { plan, frame }
    }
}

impl Session for TabularSession {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        self.frame.run(self.plan.program(), batch.inputs().iter())
    }
}
