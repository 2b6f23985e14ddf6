//! Tensors of the library that a session keeps for its next runs, where those are small and of the shapes of the last
//! ones. To make, describe and release them takes longer than a small model runs.
//!
//! The library writes to outputs that it is given instead of making its own. As not every graph may keep to that, a run
//! proves it first: outputs that were filled with anything but the answer have to hold the answer after it.

use loadonce_core::{DType, RunError, Shape, Tensor};

use super::native::{Few, OwnTensor, SharedSession};

/// Runs of the same shapes in a row after which tensors are kept: others would be made in vain.
const ENOUGH_RUNS: u32 = 16;

/// Bytes of a tensor above which what is kept takes more memory than its making takes time.
const LARGEST: usize = 16 << 10;

/// What a session has kept, or is about to.
#[derive(Debug)]
pub(super) enum Keeping {
    /// Not for this model.
    Never,
    /// So many runs had inputs of these shapes.
    Watching {
        shapes: Vec<Shape>,
        runs: u32,
    },
    Kept(Box<Kept>),
}

/// Tensors of one set of shapes.
#[derive(Debug)]
pub(super) struct Kept {
    inputs: Few<Slot>,
    outputs: Few<Slot>,
}

/// A tensor of the library, and what it holds.
#[derive(Debug)]
pub(super) struct Slot {
    tensor: OwnTensor,
    dtype: DType,
    shape: Shape,
}

impl Keeping {
    pub(super) fn new(is_wanted: bool) -> Self {
        if is_wanted { Self::Watching { shapes: Vec::new(), runs: 0 } } else { Self::Never }
    }

    /// Runs the model, in kept tensors where there are fitting ones.
    pub(super) fn run(&mut self, session: &SharedSession, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        if let Self::Kept(kept) = self
            && kept.fits(inputs)
        {
            if let Ok(outputs) = kept.run(session, inputs) {
                return Ok(outputs);
            }
            // Either this request cannot be answered, or its outputs have other shapes than those before.
            let outputs = session.run(inputs)?;
            *self = Self::Never;
            return Ok(outputs);
        }
        let outputs = session.run(inputs)?;
        self.note(session, inputs, &outputs);
        Ok(outputs)
    }

    /// A run has been done in tensors of its own.
    fn note(&mut self, session: &SharedSession, inputs: &[Tensor], outputs: &[Tensor]) {
        let is_same = |shapes: &[Shape]| shapes.iter().eq(inputs.iter().map(Tensor::shape));
        match self {
            Self::Never => {}
            Self::Watching { shapes, runs } if is_same(shapes) => {
                *runs += 1;
                if *runs >= ENOUGH_RUNS {
                    *self =
                        Kept::prove(session, inputs, outputs).map_or(Self::Never, |kept| Self::Kept(Box::new(kept)));
                }
            }
            Self::Watching { .. } | Self::Kept(_) => {
                let shapes = inputs.iter().map(|input| input.shape().clone()).collect();
                *self = if inputs.iter().chain(outputs).all(is_small) {
                    Self::Watching { shapes, runs: 1 }
                } else {
                    Self::Watching { shapes: Vec::new(), runs: 0 }
                };
            }
        }
    }
}

impl Kept {
    /// Tensors for what has just been run; none where a run in them gives anything else.
    fn prove(session: &SharedSession, inputs: &[Tensor], expected: &[Tensor]) -> Option<Self> {
        let slots = |tensors: &[Tensor]| tensors.iter().map(|tensor| Slot::like(tensor).ok()).collect();
        let (inputs_kept, outputs_kept): (Option<Few<_>>, Option<Few<_>>) = (slots(inputs), slots(expected));
        let mut kept = Self { inputs: inputs_kept?, outputs: outputs_kept? };
        for (slot, tensor) in kept.outputs.iter_mut().zip(expected) {
            let other: Vec<_> = tensor.as_bytes()?.iter().map(|byte| !byte).collect();
            slot.write(&other).ok()?;
        }
        let outputs = kept.run(session, inputs).ok()?;
        let is_answer = |(output, expected): (&Tensor, &Tensor)| output.as_bytes() == expected.as_bytes();
        outputs.iter().zip(expected).all(is_answer).then_some(kept)
    }

    fn fits(&self, inputs: &[Tensor]) -> bool {
        let fits = |(slot, input): (&Slot, &Tensor)| slot.shape == *input.shape() && slot.dtype == input.dtype();
        self.inputs.len() == inputs.len() && self.inputs.iter().zip(inputs).all(fits)
    }

    fn run(&mut self, session: &SharedSession, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        for (slot, input) in self.inputs.iter_mut().zip(inputs) {
            slot.write(input.as_bytes().map_or(&[], |bytes| bytes))?;
        }
        let inputs = self.inputs.iter().map(|slot| &slot.tensor);
        session.run_into(inputs, self.outputs.iter_mut().map(|slot| &mut slot.tensor))?;
        self.outputs.iter().map(Slot::read).collect()
    }
}

impl Slot {
    fn like(tensor: &Tensor) -> Result<Self, RunError> {
        let (dtype, shape) = (tensor.dtype(), tensor.shape().clone());
        Ok(Self { tensor: OwnTensor::new(dtype, &shape)?, dtype, shape })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        let room = self.tensor.bytes_mut()?;
        if room.len() != bytes.len() {
            return Err(RunError::Failed("a tensor that does not fit the one before".to_owned()));
        }
        room.copy_from_slice(bytes);
        Ok(())
    }

    fn read(&self) -> Result<Tensor, RunError> {
        let bytes = self.tensor.bytes()?.to_vec();
        Tensor::from_bytes(self.dtype, self.shape.clone(), bytes.into())
            .map_err(|error| RunError::Failed(error.to_string()))
    }
}

/// Whether a tensor is worth keeping. One without elements has no memory to write to.
fn is_small(tensor: &Tensor) -> bool {
    tensor.dtype() != DType::Bytes && (1..=LARGEST).contains(&tensor.byte_len())
}
