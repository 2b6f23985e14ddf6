//! One thread's run through a plan.

use std::sync::Arc;

use loadonce_core::{Batch, Outputs, RunError, Session, Tensor};

use super::kernel::Inputs;
use super::plan::{Plan, Step};

/// A plan and the slots for its values.
#[derive(Debug)]
pub(super) struct TabularSession {
    plan: Arc<Plan>,
    slots: Vec<Option<Tensor>>,
    /// What the step under way gave.
    produced: Vec<Tensor>,
}

impl TabularSession {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let slots = vec![None; plan.slot_count];
        Self { plan, slots, produced: Vec::new() }
    }

    fn fill(&mut self, batch: &Batch) -> Result<(), RunError> {
        if batch.inputs().len() != self.plan.inputs.len() {
            let (got, expected) = (batch.inputs().len(), self.plan.inputs.len());
            return Err(RunError::Failed(format!("got {got} inputs, expected {expected}")));
        }
        self.slots.fill(None);
        for (slot, constant) in &self.plan.constants {
            self.slots[*slot] = Some(constant.clone());
        }
        for (&slot, input) in self.plan.inputs.iter().zip(batch.inputs()) {
            self.slots[slot] = Some(input.clone());
        }
        Ok(())
    }

    fn run_step(&mut self, step: &Step) -> Result<(), RunError> {
        self.produced.clear();
        let inputs = Inputs::new(&self.slots, &step.inputs);
        step.kernel.run(&inputs, &mut self.produced).map_err(|error| at(&step.label, error))?;
        for (slot, tensor) in step.outputs.iter().zip(self.produced.drain(..)) {
            if let Some(slot) = *slot {
                self.slots[slot] = Some(tensor);
            }
        }
        Ok(())
    }

    fn collect(&self) -> Result<Outputs, RunError> {
        let output = |&slot: &usize| {
            self.slots[slot].clone().ok_or_else(|| RunError::Failed(format!("slot {slot} was never computed")))
        };
        self.plan.outputs.iter().map(output).collect()
    }
}

impl Session for TabularSession {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        self.fill(batch)?;
        let plan = Arc::clone(&self.plan);
        let result = plan.steps.iter().try_for_each(|step| self.run_step(step));
        let outputs = result.and_then(|()| self.collect());
        // A request's tensors are not kept until the next one comes.
        self.slots.fill(None);
        outputs
    }
}

fn at(label: &str, error: RunError) -> RunError {
    match error {
        RunError::InvalidInput(detail) => RunError::InvalidInput(format!("{label}: {detail}")),
        RunError::Failed(detail) => RunError::Failed(format!("{label}: {detail}")),
        other => other,
    }
}
