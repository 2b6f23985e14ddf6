//! Small ONNX models for tests, built with the same messages that files are read with.

use bytes::Bytes;
use prost::Message as _;

use super::proto::{
    AttributeProto, DimensionProto, EXTERNAL, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type,
    data_type,
};

/// A model under construction.
#[derive(Clone, Debug)]
pub(crate) struct ModelBuilder {
    pub(crate) proto: ModelProto,
}

/// The value of an attribute.
pub(crate) enum Value<'a> {
    Float(f32),
    Int(i64),
    Text(&'a str),
    Floats(&'a [f32]),
    Ints(&'a [i64]),
    Texts(&'a [&'a str]),
    Tensor(Box<TensorProto>),
    Graph(Box<GraphProto>),
}

impl ModelBuilder {
    pub(crate) fn new() -> Self {
        let graph = Some(GraphProto::default());
        Self { proto: ModelProto { ir_version: Some(8), graph, ..ModelProto::default() } }
    }

    pub(crate) fn opset(mut self, domain: &str, version: i64) -> Self {
        let import = OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
        self.proto.opset_import.push(import);
        self
    }

    pub(crate) fn input(mut self, info: ValueInfoProto) -> Self {
        self.graph().input.push(info);
        self
    }

    pub(crate) fn output(mut self, info: ValueInfoProto) -> Self {
        self.graph().output.push(info);
        self
    }

    pub(crate) fn node(mut self, node: NodeProto) -> Self {
        self.graph().node.push(node);
        self
    }

    pub(crate) fn initializer(mut self, tensor: TensorProto) -> Self {
        self.graph().initializer.push(tensor);
        self
    }

    pub(crate) fn graph(&mut self) -> &mut GraphProto {
        self.proto.graph.get_or_insert_default()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.proto.encode_to_vec()
    }
}

/// A value of a tensor type; an axis is a length, a name, or `""`.
pub(crate) fn tensor_info(name: &str, elem_type: i32, axes: &[&str]) -> ValueInfoProto {
    let dim = axes.iter().map(|axis| DimensionProto {
        dim_value: axis.parse().ok(),
        dim_param: (!axis.is_empty() && axis.parse::<i64>().is_err()).then(|| (*axis).to_owned()),
    });
    let shape = Some(TensorShapeProto { dim: dim.collect() });
    let tensor = TensorTypeProto { elem_type: Some(elem_type), shape };
    let value_type = TypeProto { tensor_type: Some(tensor), ..TypeProto::default() };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(value_type) }
}

/// An output whose type the file leaves out.
pub(crate) fn untyped(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: Some(name.to_owned()), r#type: None }
}

/// A node of the default domain.
pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    NodeProto {
        input: owned(inputs),
        output: owned(outputs),
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    }
}

/// A node of `ai.onnx.ml`.
pub(crate) fn ml_node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto { domain: Some("ai.onnx.ml".to_owned()), ..node(operator, inputs, outputs) }
}

impl NodeProto {
    pub(crate) fn with(mut self, name: &str, value: Value<'_>) -> Self {
        let mut attribute = AttributeProto { name: Some(name.to_owned()), ..AttributeProto::default() };
        let kind = match value {
            Value::Float(value) => {
                attribute.f = Some(value);
                attribute_type::FLOAT
            }
            Value::Int(value) => {
                attribute.i = Some(value);
                attribute_type::INT
            }
            Value::Text(value) => {
                attribute.s = Some(Bytes::copy_from_slice(value.as_bytes()));
                attribute_type::STRING
            }
            Value::Floats(values) => {
                attribute.floats = values.to_vec();
                attribute_type::FLOATS
            }
            Value::Ints(values) => {
                attribute.ints = values.to_vec();
                attribute_type::INTS
            }
            Value::Texts(values) => {
                attribute.strings = values.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
                attribute_type::STRINGS
            }
            Value::Tensor(value) => {
                attribute.t = Some(*value);
                attribute_type::TENSOR
            }
            Value::Graph(value) => {
                attribute.g = Some(value);
                attribute_type::GRAPH
            }
        };
        attribute.r#type = Some(kind);
        self.attribute.push(attribute);
        self
    }
}

/// A constant of whole numbers.
pub(crate) fn int64_tensor(name: &str, dims: &[i64], elements: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(data_type::INT64),
        int64_data: elements.to_vec(),
        ..TensorProto::default()
    }
}

/// A constant in single precision.
pub(crate) fn float_tensor(name: &str, dims: &[i64], elements: &[f32]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(data_type::FLOAT),
        float_data: elements.to_vec(),
        ..TensorProto::default()
    }
}

/// A constant in double precision.
pub(crate) fn double_tensor(name: &str, dims: &[i64], elements: &[f64]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(data_type::DOUBLE),
        double_data: elements.to_vec(),
        ..TensorProto::default()
    }
}

/// The same tensor with its elements in another file; the entries are those of `TensorProto.external_data`.
pub(crate) fn outside(tensor: TensorProto, entries: &[(&str, &str)]) -> TensorProto {
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: Some((*key).to_owned()),
        value: Some((*value).to_owned()),
    };
    TensorProto {
        name: tensor.name,
        dims: tensor.dims,
        data_type: tensor.data_type,
        data_location: Some(EXTERNAL),
        external_data: entries.iter().map(entry).collect(),
        ..TensorProto::default()
    }
}
