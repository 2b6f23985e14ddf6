//! Every tensor in the bytes of a model, wherever it stands; those of `constants.rs`, and in the same places.
//!
//! The content was decoded before, which bounds how deep messages nest, and with it the recursion here.

use crate::onnx::wire::map_fields;

/// Where a tensor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An initializer of the model's graph.
    Initializer,
    /// In an attribute, a nested graph, a function, or as a part of a sparse tensor.
    Elsewhere,
}

/// What a tensor's message becomes; `None` leaves it as it is.
type Visit<'a> = dyn FnMut(Place, &[u8]) -> Option<Vec<u8>> + 'a;

// Fields of the messages in `onnx.proto`.
const MODEL_GRAPH: usize = 7;
const MODEL_FUNCTIONS: usize = 25;
const GRAPH_NODE: usize = 1;
const GRAPH_INITIALIZER: usize = 5;
const GRAPH_SPARSE_INITIALIZER: usize = 15;
const NODE_ATTRIBUTE: usize = 5;
const ATTRIBUTE_TENSOR: usize = 5;
const ATTRIBUTE_GRAPH: usize = 6;
const ATTRIBUTE_TENSORS: usize = 10;
const ATTRIBUTE_GRAPHS: usize = 11;
const ATTRIBUTE_SPARSE_TENSOR: usize = 22;
const ATTRIBUTE_SPARSE_TENSORS: usize = 23;
const SPARSE_VALUES: usize = 1;
const SPARSE_INDICES: usize = 2;
const FUNCTION_NODE: usize = 7;
const FUNCTION_ATTRIBUTE: usize = 11;

/// The model with each tensor that `visit` gives a new form in that form, and the rest byte for byte.
pub(super) fn rewrite(model: &[u8], visit: &mut Visit<'_>) -> Vec<u8> {
    map_fields(model, &mut |field, message| match field {
        MODEL_GRAPH => Some(graph(message, Place::Initializer, visit)),
        MODEL_FUNCTIONS => Some(function(message, visit)),
        _ => None,
    })
}

fn graph(content: &[u8], initializers: Place, visit: &mut Visit<'_>) -> Vec<u8> {
    map_fields(content, &mut |field, message| match field {
        GRAPH_NODE => Some(node(message, visit)),
        GRAPH_INITIALIZER => visit(initializers, message),
        GRAPH_SPARSE_INITIALIZER => Some(sparse(message, visit)),
        _ => None,
    })
}

fn function(content: &[u8], visit: &mut Visit<'_>) -> Vec<u8> {
    map_fields(content, &mut |field, message| match field {
        FUNCTION_NODE => Some(node(message, visit)),
        FUNCTION_ATTRIBUTE => Some(attribute(message, visit)),
        _ => None,
    })
}

fn node(content: &[u8], visit: &mut Visit<'_>) -> Vec<u8> {
    map_fields(content, &mut |field, message| (field == NODE_ATTRIBUTE).then(|| attribute(message, visit)))
}

fn attribute(content: &[u8], visit: &mut Visit<'_>) -> Vec<u8> {
    map_fields(content, &mut |field, message| match field {
        ATTRIBUTE_TENSOR | ATTRIBUTE_TENSORS => visit(Place::Elsewhere, message),
        ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS => Some(graph(message, Place::Elsewhere, visit)),
        ATTRIBUTE_SPARSE_TENSOR | ATTRIBUTE_SPARSE_TENSORS => Some(sparse(message, visit)),
        _ => None,
    })
}

fn sparse(content: &[u8], visit: &mut Visit<'_>) -> Vec<u8> {
    map_fields(content, &mut |field, message| match field {
        SPARSE_VALUES | SPARSE_INDICES => visit(Place::Elsewhere, message),
        _ => None,
    })
}
