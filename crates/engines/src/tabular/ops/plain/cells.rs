//! Elements of any dtype, moved without being looked at: as cells of their size, or as strings.

use bytes::Bytes;
use loadonce_core::{RunError, Shape, Tensor};

/// A movement of elements, the same whatever they are.
pub(super) trait Movement {
    /// The result's elements from those of the tensors.
    fn apply<T: Clone>(&self, tensors: &[&[T]]) -> Result<Vec<T>, RunError>;
}

/// Moves the elements of tensors of one dtype into a tensor of this shape.
pub(super) fn moved(tensors: &[&Tensor], shape: Shape, movement: &impl Movement) -> Result<Tensor, RunError> {
    let Some(dtype) = tensors.first().map(|tensor| tensor.dtype()) else {
        return Err(RunError::Failed("nothing to move".to_owned()));
    };
    let cells = match dtype.size() {
        None => return moved_strings(tensors, shape, movement),
        Some(1) => moved_cells::<1>(tensors, movement)?,
        Some(2) => moved_cells::<2>(tensors, movement)?,
        Some(4) => moved_cells::<4>(tensors, movement)?,
        Some(_) => moved_cells::<8>(tensors, movement)?,
    };
    Tensor::from_bytes(dtype, shape, cells).map_err(|error| RunError::Failed(error.to_string()))
}

fn moved_strings(tensors: &[&Tensor], shape: Shape, movement: &impl Movement) -> Result<Tensor, RunError> {
    let failed = |error: loadonce_core::TensorError| RunError::Failed(error.to_string());
    let lists: Vec<&[Bytes]> =
        tensors.iter().map(|tensor| tensor.as_strings()).collect::<Result<_, _>>().map_err(failed)?;
    Tensor::from_strings(shape, movement.apply(&lists)?).map_err(failed)
}

fn moved_cells<const SIZE: usize>(tensors: &[&Tensor], movement: &impl Movement) -> Result<Bytes, RunError> {
    let bytes = tensors.iter().filter_map(|tensor| tensor.as_bytes());
    let lists: Vec<&[[u8; SIZE]]> = bytes.map(|bytes| bytes.as_chunks().0).collect();
    if lists.len() != tensors.len() {
        return Err(RunError::Failed("expected tensors of one dtype".to_owned()));
    }
    Ok(Bytes::from(movement.apply(&lists)?.into_flattened()))
}
