//! What a client writes: inference requests.

use loadonce_core::NamedTensor;

use super::response::{Encoded, append, encode_data, encode_head, encode_size};
use crate::wire::WireError;
use crate::wire::write::{room, separate};

/// Writes an inference request, in one piece of these inputs, in binary form or as JSON; all outputs are asked for in the same form.
pub fn encode_request(inputs: &[NamedTensor], binary: bool) -> Result<Encoded, WireError> {
    let rooms = inputs.iter().map(|input| 128 + if binary { 0 } else { room(&input.tensor) });
    let mut out = Vec::with_capacity(128 + rooms.sum::<usize>());
    let mut behind = Vec::new();
    out.push(b'{');
    if binary {
        out.extend_from_slice(b"\"parameters\":{\"binary_data_output\":true},");
    }
    out.extend_from_slice(b"\"inputs\":[");
    for (position, input) in inputs.iter().enumerate() {
        separate(&mut out, position);
        encode_head(&mut out, input);
        if binary {
            encode_size(&mut out, &input.tensor);
            behind.push(input.tensor.clone());
        } else {
            encode_data(&mut out, input)?;
        }
    }
    out.extend_from_slice(b"]}");
    Ok(append(out, &behind))
}
