//! Every constant tensor of a model, wherever it stands: initializers, attributes, nested graphs and functions.
//!
//! The decoder bounds how deep messages nest, and with it the recursion here.

use std::fmt;

use super::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto, SparseTensorProto, TensorProto};

/// A constant and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constant<'a> {
    /// The message.
    pub(crate) tensor: &'a TensorProto,
    place: Place<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    Initializer,
    Attribute { node: &'a str, operator: &'a str, attribute: &'a str },
}

impl fmt::Display for Constant<'_> {
    /// For messages: `tensor 'w'`, or `attribute 'value' of node 'c' (Constant)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Initializer => write!(formatter, "tensor '{}'", self.tensor.name_str()),
            Place::Attribute { node, operator, attribute } => {
                write!(formatter, "attribute '{attribute}' of node '{node}' ({operator})")
            }
        }
    }
}

/// The constants of a graph, of the graphs within its nodes, and of the functions that its nodes may call.
pub(crate) fn constants<'a>(graph: &'a GraphProto, functions: &'a [FunctionProto]) -> Vec<Constant<'a>> {
    let mut found = Vec::new();
    add_graph(graph, &mut found);
    for function in functions {
        let defaults = function.attribute_proto.iter();
        defaults.for_each(|attribute| add_attribute(attribute, function.name_str(), "function", &mut found));
        function.node.iter().for_each(|node| add_node(node, &mut found));
    }
    found
}

fn add_graph<'a>(graph: &'a GraphProto, found: &mut Vec<Constant<'a>>) {
    let sparse = graph.sparse_initializer.iter().flat_map(SparseTensorProto::parts);
    let tensors = graph.initializer.iter().chain(sparse);
    found.extend(tensors.map(|tensor| Constant { tensor, place: Place::Initializer }));
    graph.node.iter().for_each(|node| add_node(node, found));
}

fn add_node<'a>(node: &'a NodeProto, found: &mut Vec<Constant<'a>>) {
    let name = node.name.as_deref().unwrap_or_default();
    node.attribute.iter().for_each(|attribute| add_attribute(attribute, name, node.operator(), found));
}

fn add_attribute<'a>(attribute: &'a AttributeProto, node: &'a str, operator: &'a str, found: &mut Vec<Constant<'a>>) {
    let place = Place::Attribute { node, operator, attribute: attribute.name_str() };
    let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors).flat_map(SparseTensorProto::parts);
    let tensors = attribute.t.iter().chain(&attribute.tensors).chain(sparse);
    found.extend(tensors.map(|tensor| Constant { tensor, place }));
    attribute.g.iter().for_each(|graph| add_graph(graph, found));
    attribute.graphs.iter().for_each(|graph| add_graph(graph, found));
}

/// Changes the constants of a graph and of the graphs within its nodes; the functions keep theirs.
pub(crate) fn try_change<E>(
    graph: &mut GraphProto,
    change: &mut impl FnMut(&mut TensorProto) -> Result<(), E>,
) -> Result<(), E> {
    let sparse = graph.sparse_initializer.iter_mut().flat_map(SparseTensorProto::parts_mut);
    graph.initializer.iter_mut().chain(sparse).try_for_each(&mut *change)?;
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        let sparse = attribute.sparse_tensor.iter_mut().chain(&mut attribute.sparse_tensors);
        let sparse = sparse.flat_map(SparseTensorProto::parts_mut);
        attribute.t.iter_mut().chain(&mut attribute.tensors).chain(sparse).try_for_each(&mut *change)?;
        let inner = attribute.g.iter_mut().map(AsMut::as_mut).chain(&mut attribute.graphs);
        for graph in inner {
            try_change(graph, change)?;
        }
    }
    Ok(())
}
