//! Memory that rten takes beside the weights: it packs the right operand of each matrix product for speed and keeps the
//! original as well.

use std::collections::BTreeMap;

use crate::onnx::proto::{GraphProto, TensorProto};

/// Operators whose second input rten packs when it is constant (`prepack_inputs` in rten's `ops/matmul.rs`).
const PACKED: [&str; 2] = ["MatMul", "MatMulInteger"];

/// Bytes of the packed forms. Packing pads panels to the width of the machine's vectors, which is not counted.
pub(super) fn packed_bytes(graph: &GraphProto) -> u64 {
    let weights = graph.initializer.iter().map(|tensor| (tensor.name_str(), tensor));
    let weights: BTreeMap<&str, &TensorProto> = weights.collect();
    let packed = graph.node.iter().filter(|node| PACKED.contains(&node.operator()));
    let operands = packed.filter_map(|node| weights.get(node.input.get(1)?.as_str()));
    let own: u64 = operands.map(|tensor| tensor.element_bytes()).sum();
    let attributes = graph.node.iter().flat_map(|node| &node.attribute);
    let inner = attributes.flat_map(|attribute| attribute.g.iter().map(AsRef::as_ref).chain(&attribute.graphs));
    own + inner.map(packed_bytes).sum::<u64>()
}
