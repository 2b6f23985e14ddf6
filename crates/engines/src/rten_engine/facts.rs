//! What a graph says of its values before it runs: element types and shapes.
//!
//! Declared ones, those of constants, and types that follow from the operators; no shape is inferred.

use std::collections::HashMap;

use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, data_type};

/// Element types and shapes by the values' names. Those of graphs within the graph are among them, because names are
/// unique over all of these (ONNX specification, "Names Within a Graph").
#[derive(Debug, Default)]
pub(super) struct Facts<'a>(HashMap<&'a str, Fact>);

/// What is known of one value.
#[derive(Clone, Debug, Default)]
struct Fact {
    /// One of [`data_type`].
    data_type: Option<i32>,
    /// Lengths of the axes, where they are fixed.
    dims: Option<Vec<Option<i64>>>,
}

/// The type that operators give.
#[derive(Clone, Copy, Debug)]
enum Gives {
    /// That of their input at this position.
    SameAs(usize),
    /// Always this one.
    Always(i32),
}

/// Operators of `ai.onnx`, by their names with blanks between, whose answers' type is told by their name or inputs.
const TYPES: &[(&str, Gives)] = &[
    (
        "Identity Reshape Transpose Unsqueeze Squeeze Flatten Expand Slice Split Gather GatherElements GatherND Concat \
         Tile Pad Range Trilu ScatterElements ScatterND Add Sub Mul Div Mod Pow Neg Abs Sign Clip Min Max Sum CumSum \
         Relu Sigmoid Tanh Exp Log Sqrt Floor Ceil Round Erf Softmax MatMul Gemm Conv LSTM GRU ReduceSum ReduceMax \
         ReduceMin ReduceMean ReduceProd ReduceL2 LayerNormalization",
        Gives::SameAs(0),
    ),
    ("Where CastLike", Gives::SameAs(1)),
    ("Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not IsNaN IsInf", Gives::Always(data_type::BOOL)),
    ("Shape Size NonZero ArgMax ArgMin", Gives::Always(data_type::INT64)),
    ("ConstantOfShape", Gives::Always(data_type::FLOAT)),
];

/// Whether a name is one of those with blanks between.
pub(super) fn is_among(names: &str, name: &str) -> bool {
    names.split(' ').any(|one| one == name)
}

impl<'a> Facts<'a> {
    pub(super) fn of(graph: &'a GraphProto) -> Self {
        let mut facts = Self::default();
        facts.add_graph(graph);
        facts
    }

    /// The element type of a value, one of [`data_type`].
    pub(super) fn data_type(&self, name: &str) -> Option<i32> {
        self.0.get(name)?.data_type
    }

    /// The number of a value's axes.
    pub(super) fn rank(&self, name: &str) -> Option<usize> {
        self.0.get(name)?.dims.as_ref().map(Vec::len)
    }

    /// Whether a value is known to have a single axis, of another length than one.
    pub(super) fn is_list(&self, name: &str) -> bool {
        let dims = self.0.get(name).and_then(|fact| fact.dims.as_deref());
        matches!(dims, Some([length]) if *length != Some(1))
    }

    // The decoder bounds how deep messages nest, and with it this recursion.
    fn add_graph(&mut self, graph: &'a GraphProto) {
        for info in graph.input.iter().chain(&graph.output).chain(&graph.value_info) {
            self.0.insert(info.name_str(), declared(info));
        }
        for tensor in &graph.initializer {
            self.0.insert(tensor.name_str(), constant(tensor));
        }
        graph.node.iter().for_each(|node| self.add_node(node));
    }

    fn add_node(&mut self, node: &'a NodeProto) {
        for attribute in &node.attribute {
            attribute.g.iter().for_each(|graph| self.add_graph(graph));
            attribute.graphs.iter().for_each(|graph| self.add_graph(graph));
        }
        if node.domain_name() != "ai.onnx" {
            return;
        }
        let fact = match node.operator() {
            "Constant" => node.attribute.first().map(constant_of).unwrap_or_default(),
            "Cast" => Fact { data_type: cast_to(node), dims: None },
            _ => Fact { data_type: self.given_by(node), dims: None },
        };
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            let known = self.0.entry(output).or_default();
            known.data_type = known.data_type.or(fact.data_type);
            known.dims = known.dims.take().or_else(|| fact.dims.clone());
        }
    }

    fn given_by(&self, node: &NodeProto) -> Option<i32> {
        if let Some(value) = node.attribute.iter().find_map(|attribute| attribute.t.as_ref()) {
            return value.data_type;
        }
        let (_, gives) = TYPES.iter().find(|(operators, _)| is_among(operators, node.operator()))?;
        match gives {
            Gives::SameAs(index) => self.data_type(node.input.get(*index)?),
            Gives::Always(data_type) => Some(*data_type),
        }
    }
}

/// The type that a `Cast` gives.
pub(super) fn cast_to(node: &NodeProto) -> Option<i32> {
    let to = node.attribute.iter().find(|attribute| attribute.name_str() == "to")?;
    i32::try_from(to.i?).ok()
}

fn declared(info: &ValueInfoProto) -> Fact {
    let tensor = info.r#type.as_ref().and_then(|value_type| value_type.tensor_type.as_ref());
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    Fact {
        data_type: tensor.and_then(|tensor| tensor.elem_type).filter(|data_type| *data_type != 0),
        dims: shape.map(|shape| shape.dim.iter().map(|dim| dim.dim_value).collect()),
    }
}

fn constant(tensor: &TensorProto) -> Fact {
    Fact { data_type: tensor.data_type, dims: Some(tensor.dims.iter().copied().map(Some).collect()) }
}

fn constant_of(attribute: &AttributeProto) -> Fact {
    let list = |length: usize| Some(vec![i64::try_from(length).ok()]);
    let fact = |data_type, dims| Fact { data_type: Some(data_type), dims };
    match attribute.name_str() {
        "value" => attribute.t.as_ref().map(constant).unwrap_or_default(),
        "value_int" => fact(data_type::INT64, Some(Vec::new())),
        "value_ints" => fact(data_type::INT64, list(attribute.ints.len())),
        "value_float" => fact(data_type::FLOAT, Some(Vec::new())),
        "value_floats" => fact(data_type::FLOAT, list(attribute.floats.len())),
        _ => Fact::default(),
    }
}
