//! Tensors that a graph asks for by a constant shape. rten makes them while it loads, and a process that gets no memory
//! for one ends, so a shape beyond all reason is refused before. Shapes that are computed are not seen here.

use std::collections::HashMap;

use loadonce_core::{LoadError, LoadErrorKind};

use crate::onnx::proto::{GraphProto, NodeProto, TensorProto};

/// The most elements, of four bytes each in rten, that one such tensor may have.
const MAX_ELEMENTS: u64 = 1 << 30;

/// Operators that make a tensor of a shape, and which input that is (ONNX operators, `ConstantOfShape`, `Expand`).
const MAKERS: [(&str, usize); 2] = [("ConstantOfShape", 0), ("Expand", 1)];

/// Refuses graphs that ask for too large a tensor ([`LoadErrorKind::Unsupported`]).
pub(super) fn check(graph: &GraphProto) -> Result<(), LoadError> {
    check_within(graph, &HashMap::new())
}

// The decoder bounds how deep messages nest, and with it this recursion.
fn check_within<'a>(graph: &'a GraphProto, outer: &HashMap<&'a str, &'a TensorProto>) -> Result<(), LoadError> {
    let mut constants = outer.clone();
    constants.extend(graph.initializer.iter().map(|tensor| (tensor.name_str(), tensor)));
    constants.extend(graph.node.iter().filter_map(constant));
    for node in &graph.node {
        check_node(node, &constants)?;
        for attribute in &node.attribute {
            attribute
                .g
                .iter()
                .map(AsRef::as_ref)
                .chain(&attribute.graphs)
                .try_for_each(|inner| check_within(inner, &constants))?;
        }
    }
    Ok(())
}

fn constant(node: &NodeProto) -> Option<(&str, &TensorProto)> {
    let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref())?;
    (node.operator() == "Constant").then_some((node.output.first()?.as_str(), value))
}

fn check_node(node: &NodeProto, constants: &HashMap<&str, &TensorProto>) -> Result<(), LoadError> {
    let maker = MAKERS.iter().find(|(operator, _)| node.operator() == *operator);
    let shape = maker.and_then(|(_, input)| constants.get(node.input.get(*input)?.as_str())?.to_tensor().ok());
    let Some(shape) = shape else { return Ok(()) };
    let Ok(lengths) = shape.as_slice::<i64>() else { return Ok(()) };
    let count = lengths.iter().try_fold(1_u64, |count, length| count.checked_mul(u64::try_from(*length).unwrap_or(0)));
    if count.is_some_and(|count| count <= MAX_ELEMENTS) {
        return Ok(());
    }
    let (label, operator) = (node.label(), node.operator());
    let detail = format!(
        "node '{label}' (ai.onnx.{operator}): a tensor of shape {lengths:?} is too large, at most {MAX_ELEMENTS} elements are allowed"
    );
    Err(LoadError::new(LoadErrorKind::Unsupported, detail).advise("export the model again"))
}
