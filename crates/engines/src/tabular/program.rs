//! Steps to run over slots for values: the whole graph of a model, or the graph within a node.

use loadonce_core::{Outputs, RunError, Tensor};

use super::kernel::{Inputs, Kernel};

/// Bytes that all values of one run may take: a graph can ask for any number of values, each of a size that is allowed.
const MAX_RUN_BYTES: usize = if cfg!(any(fuzzing, test)) { 128 << 20 } else { 16 << 30 };

/// Prepared kernels, in an order in which every input is there before it is taken. Immutable, shared by all runs.
#[derive(Debug)]
pub(super) struct Program {
    /// Constants and where they stand.
    pub(super) constants: Vec<(usize, Tensor)>,
    pub(super) steps: Vec<Step>,
    /// Where the inputs go.
    pub(super) inputs: Vec<usize>,
    /// Where the outputs come from.
    pub(super) outputs: Vec<usize>,
    pub(super) slot_count: usize,
}

/// One node.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kernel: Box<dyn Kernel>,
    /// `None` for an optional input that the node leaves out.
    pub(super) inputs: Vec<Option<usize>>,
    /// `None` for an output that nobody takes.
    pub(super) outputs: Vec<Option<usize>>,
    /// Slots whose values no later step takes.
    pub(super) last_uses: Vec<usize>,
    /// For messages.
    pub(super) label: String,
}

/// The values of one run at a time. The constants stay from run to run.
#[derive(Debug)]
pub(super) struct Frame {
    slots: Vec<Option<Tensor>>,
    /// What the step under way gave.
    produced: Vec<Tensor>,
    /// Bytes of what the steps of the run under way gave.
    bytes: usize,
}

impl Program {
    /// Bytes of weights and constants.
    pub(super) fn weight_bytes(&self) -> usize {
        let constants: usize = self.constants.iter().map(|(_, tensor)| tensor.byte_len()).sum();
        constants + self.steps.iter().map(|step| step.kernel.weight_bytes()).sum::<usize>()
    }
}

impl Frame {
    /// A frame for runs of this program, and of no other.
    pub(super) fn new(program: &Program) -> Self {
        let mut slots = vec![None; program.slot_count];
        for (slot, constant) in &program.constants {
            slots[*slot] = Some(constant.clone());
        }
        Self { slots, produced: Vec::new(), bytes: 0 }
    }

    /// Runs the program; the inputs are in its order, and so are the outputs.
    pub(super) fn run<'a>(
        &mut self,
        program: &Program,
        inputs: impl ExactSizeIterator<Item = &'a Tensor>,
    ) -> Result<Outputs, RunError> {
        let (got, expected) = (inputs.len(), program.inputs.len());
        if got != expected {
            return Err(RunError::Failed(format!("got {got} inputs, expected {expected}")));
        }
        self.bytes = 0;
        for (&slot, input) in program.inputs.iter().zip(inputs) {
            self.slots[slot] = Some(input.clone());
        }
        let result = program.steps.iter().try_for_each(|step| self.run_step(step));
        let outputs = result.and_then(|()| self.collect(program));
        self.clear(program);
        outputs
    }

    fn run_step(&mut self, step: &Step) -> Result<(), RunError> {
        self.produced.clear();
        let inputs = Inputs::new(&self.slots, &step.inputs);
        step.kernel.run(&inputs, &mut self.produced).map_err(|error| at(&step.label, error))?;
        self.bytes += self.produced.iter().map(Tensor::byte_len).sum::<usize>();
        if self.bytes > MAX_RUN_BYTES {
            return Err(RunError::Failed(format!(
                "{}: the values of a run take more than {MAX_RUN_BYTES} bytes",
                step.label
            )));
        }
        for (slot, tensor) in step.outputs.iter().zip(self.produced.drain(..)) {
            if let Some(slot) = *slot {
                self.slots[slot] = Some(tensor);
            }
        }
        for &slot in &step.last_uses {
            self.slots[slot] = None;
        }
        Ok(())
    }

    fn collect(&self, program: &Program) -> Result<Outputs, RunError> {
        let output = |&slot: &usize| {
            self.slots[slot].clone().ok_or_else(|| RunError::Failed(format!("slot {slot} was never computed")))
        };
        program.outputs.iter().map(output).collect()
    }

    /// A request's tensors are not kept until the next one comes.
    fn clear(&mut self, program: &Program) {
        let computed = program.steps.iter().flat_map(|step| step.outputs.iter().flatten());
        for &slot in program.inputs.iter().chain(computed) {
            self.slots[slot] = None;
        }
    }
}

pub(super) fn at(label: &str, error: RunError) -> RunError {
    match error {
        RunError::InvalidInput(detail) => RunError::InvalidInput(format!("{label}: {detail}")),
        RunError::Failed(detail) => RunError::Failed(format!("{label}: {detail}")),
        other => other,
    }
}
