//! Tensors between a message and memory, on both sides of a channel.

use std::io;

use bytes::Bytes;
use loadonce_core::Tensor;
use loadonce_core::tensor::raw;

use super::arena::Arena;
use super::frame::{Message, Place, Placed};

/// Writes into the arena what does not go in the datagram, which is to be sent then.
pub(crate) fn stow(message: &Message, arena: &Arena) -> io::Result<()> {
    message.arena.iter().try_for_each(|(offset, bytes)| arena.write(*offset, bytes))
}

/// Reads tensors from where a datagram says that they lie. The inner error says what one of them is not.
pub(crate) fn collect(placed: Vec<Placed>, datagram: &[u8], arena: &Arena) -> io::Result<Result<Vec<Tensor>, String>> {
    placed.into_iter().map(|placed| read(placed, datagram, arena)).collect()
}

fn read(placed: Placed, datagram: &[u8], arena: &Arena) -> io::Result<Result<Tensor, String>> {
    let Placed { dtype, shape, place } = placed;
    let bytes = match place {
        Place::Inline(range) => Bytes::copy_from_slice(&datagram[range]),
        // Nothing is reserved for what the shape does not hold.
        Place::Arena { length, .. }
            if dtype.size().is_some_and(|size| shape.element_count() != Some(length / size)) =>
        {
            return Ok(Err(format!("{dtype} {shape} has {length} bytes")));
        }
        Place::Arena { offset, length } => arena.read(offset, length)?.into(),
    };
    Ok(raw::decode(dtype, shape, bytes))
}
