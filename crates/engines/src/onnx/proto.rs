//! The messages of `onnx.proto` that loadonce reads, by hand: no compiler for protocol buffers is needed to build.
//!
//! Field numbers and names are those of the ONNX repository's `onnx/onnx.proto`; what is left out is skipped when a
//! file is read. A `oneof` is written as optional fields, of which a well-formed file sets one. Lists are packed where
//! `onnx.proto` packs them; either form is read.

use bytes::Bytes;

/// A file: one graph and what it needs to be understood.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ModelProto {
    /// Version of the file format.
    #[prost(int64, optional, tag = "1")]
    pub ir_version: Option<i64>,
    /// The tool that wrote the file.
    #[prost(string, optional, tag = "2")]
    pub producer_name: Option<String>,
    /// Its version.
    #[prost(string, optional, tag = "3")]
    pub producer_version: Option<String>,
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// The operator sets that the graph's operators are from.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Free entries.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
    /// Operators that the file itself defines.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
}

/// A domain of operators and its version.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OperatorSetIdProto {
    /// The domain; empty for `ai.onnx`.
    #[prost(string, optional, tag = "1")]
    pub domain: Option<String>,
    /// The version.
    #[prost(int64, optional, tag = "2")]
    pub version: Option<i64>,
}

/// A computation: nodes in topological order over named values.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GraphProto {
    /// The operators' uses.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// The graph's name.
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    /// Weights and other constants.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// Inputs; in old files the initializers as well.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
    /// What is known of values in between.
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfoProto>,
    /// Weights of which the file gives the elements that are not zero.
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializer: Vec<SparseTensorProto>,
}

/// An operator that the file defines, by other nodes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FunctionProto {
    /// The name of the operator.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// The nodes.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    /// The operator's domain.
    #[prost(string, optional, tag = "10")]
    pub domain: Option<String>,
    /// Attributes with a default.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<AttributeProto>,
}

/// One use of an operator.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NodeProto {
    /// Names of the values taken; an empty one stands for an input that is left out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the values given; an empty one stands for an output that nobody wants.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// The node's name.
    #[prost(string, optional, tag = "3")]
    pub name: Option<String>,
    /// The operator.
    #[prost(string, optional, tag = "4")]
    pub op_type: Option<String>,
    /// Its attributes.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    /// The operator's domain; empty for `ai.onnx`.
    #[prost(string, optional, tag = "7")]
    pub domain: Option<String>,
}

/// A named constant of a node.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttributeProto {
    /// The name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// A float.
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    /// An integer.
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    /// A string.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub s: Option<Bytes>,
    /// A tensor.
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    /// A graph: the body of a loop or the branch of a condition.
    #[prost(message, optional, boxed, tag = "6")]
    pub g: Option<Box<GraphProto>>,
    /// Floats.
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    /// Integers.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Strings.
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    /// Tensors.
    #[prost(message, repeated, tag = "10")]
    pub tensors: Vec<TensorProto>,
    /// Graphs.
    #[prost(message, repeated, tag = "11")]
    pub graphs: Vec<GraphProto>,
    /// Which of the fields is meant; 0 in files that older tools wrote.
    #[prost(int32, optional, tag = "20")]
    pub r#type: Option<i32>,
    /// A sparse tensor.
    #[prost(message, optional, tag = "22")]
    pub sparse_tensor: Option<SparseTensorProto>,
    /// Sparse tensors.
    #[prost(message, repeated, tag = "23")]
    pub sparse_tensors: Vec<SparseTensorProto>,
}

/// Values of `AttributeProto.type`.
pub mod attribute_type {
    /// The field `f`.
    pub const FLOAT: i32 = 1;
    /// The field `i`.
    pub const INT: i32 = 2;
    /// The field `s`.
    pub const STRING: i32 = 3;
    /// The field `t`.
    pub const TENSOR: i32 = 4;
    /// The field `g`.
    pub const GRAPH: i32 = 5;
    /// The field `floats`.
    pub const FLOATS: i32 = 6;
    /// The field `ints`.
    pub const INTS: i32 = 7;
    /// The field `strings`.
    pub const STRINGS: i32 = 8;
}

/// A constant tensor: its elements are in `raw_data`, in the field of their type, or in another file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorProto {
    /// The shape.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// The element type, one of [`data_type`].
    #[prost(int32, optional, tag = "2")]
    pub data_type: Option<i32>,
    /// Elements of `FLOAT`.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Elements of the integer types up to 32 bits, of `BOOL`, and the bits of `FLOAT16` and `BFLOAT16`.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Elements of `STRING`.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub string_data: Vec<Bytes>,
    /// Elements of `INT64`.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// The name.
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    /// Elements of any fixed size, little-endian; a part of the file's buffer, not a copy.
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub raw_data: Option<Bytes>,
    /// Elements of `DOUBLE`.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Elements of `UINT32` and `UINT64`.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// Where the elements are if not here: `location`, `offset`, `length`.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// 1 if the elements are in another file.
    #[prost(int32, optional, tag = "14")]
    pub data_location: Option<i32>,
}

/// A tensor of which the file gives the elements that are not zero.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SparseTensorProto {
    /// The elements; its name is the tensor's.
    #[prost(message, optional, tag = "1")]
    pub values: Option<TensorProto>,
    /// Where they stand.
    #[prost(message, optional, tag = "2")]
    pub indices: Option<TensorProto>,
    /// The shape.
    #[prost(int64, repeated, packed = "false", tag = "3")]
    pub dims: Vec<i64>,
}

/// Values of `TensorProto.data_type`.
pub mod data_type {
    /// `FP32`.
    pub const FLOAT: i32 = 1;
    /// `UINT8`.
    pub const UINT8: i32 = 2;
    /// `INT8`.
    pub const INT8: i32 = 3;
    /// `UINT16`.
    pub const UINT16: i32 = 4;
    /// `INT16`.
    pub const INT16: i32 = 5;
    /// `INT32`.
    pub const INT32: i32 = 6;
    /// `INT64`.
    pub const INT64: i32 = 7;
    /// `BYTES`.
    pub const STRING: i32 = 8;
    /// `BOOL`.
    pub const BOOL: i32 = 9;
    /// `FP16`.
    pub const FLOAT16: i32 = 10;
    /// `FP64`.
    pub const DOUBLE: i32 = 11;
    /// `UINT32`.
    pub const UINT32: i32 = 12;
    /// `UINT64`.
    pub const UINT64: i32 = 13;
    /// Pairs of `FP32`.
    pub const COMPLEX64: i32 = 14;
    /// Pairs of `FP64`.
    pub const COMPLEX128: i32 = 15;
    /// `BF16`.
    pub const BFLOAT16: i32 = 16;
    /// 8 bits, as are the three codes after it.
    pub const FLOAT8E4M3FN: i32 = 17;
    /// 8 bits.
    pub const FLOAT8E5M2FNUZ: i32 = 20;
    /// 4 bits, two in a byte.
    pub const UINT4: i32 = 21;
    /// 4 bits, two in a byte.
    pub const INT4: i32 = 22;
    /// 4 bits, two in a byte.
    pub const FLOAT4E2M1: i32 = 23;
    /// 8 bits, an exponent alone.
    pub const FLOAT8E8M0: i32 = 24;
    /// 2 bits, four in a byte.
    pub const UINT2: i32 = 25;
    /// 2 bits, four in a byte.
    pub const INT2: i32 = 26;
}

/// The value of `TensorProto.data_location` for elements in another file.
pub const EXTERNAL: i32 = 1;

/// A key and a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StringStringEntryProto {
    /// The key.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value.
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

/// Name and type of a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueInfoProto {
    /// The name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// The type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// The type of a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TypeProto {
    /// A dense tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
    /// A list.
    #[prost(message, optional, boxed, tag = "4")]
    pub sequence_type: Option<Box<SequenceTypeProto>>,
    /// A map.
    #[prost(message, optional, boxed, tag = "5")]
    pub map_type: Option<Box<MapTypeProto>>,
    /// A sparse tensor.
    #[prost(message, optional, tag = "8")]
    pub sparse_tensor_type: Option<TensorTypeProto>,
    /// A value that may be left out.
    #[prost(message, optional, boxed, tag = "9")]
    pub optional_type: Option<Box<SequenceTypeProto>>,
}

/// The type of a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorTypeProto {
    /// The element type, one of [`data_type`].
    #[prost(int32, optional, tag = "1")]
    pub elem_type: Option<i32>,
    /// The axes; absent where even their number is unknown.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// The type of a list or of an optional value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SequenceTypeProto {
    /// The type of what is inside.
    #[prost(message, optional, boxed, tag = "1")]
    pub elem_type: Option<Box<TypeProto>>,
}

/// The type of a map.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MapTypeProto {
    /// The keys' type, one of [`data_type`].
    #[prost(int32, optional, tag = "1")]
    pub key_type: Option<i32>,
    /// The values' type.
    #[prost(message, optional, boxed, tag = "2")]
    pub value_type: Option<Box<TypeProto>>,
}

/// The axes of a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorShapeProto {
    /// The axes, outermost first.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// One axis: a length, a name for a length, or nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DimensionProto {
    /// The length.
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    /// The name.
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

impl AttributeProto {
    /// The attribute's name; empty where the file gives none.
    pub fn name_str(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

impl FunctionProto {
    /// The operator's name; empty where the file gives none.
    pub fn name_str(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

impl SparseTensorProto {
    /// The tensors that it is made of.
    pub fn parts(&self) -> impl Iterator<Item = &TensorProto> {
        self.values.iter().chain(&self.indices)
    }

    pub(super) fn parts_mut(&mut self) -> impl Iterator<Item = &mut TensorProto> {
        self.values.iter_mut().chain(&mut self.indices)
    }
}

impl NodeProto {
    /// The node's name, or that of its first output where it has none.
    pub fn label(&self) -> &str {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        name.or_else(|| self.output.first().map(String::as_str)).unwrap_or_default()
    }

    /// The operator; empty where the file gives none.
    pub fn operator(&self) -> &str {
        self.op_type.as_deref().unwrap_or_default()
    }

    /// The domain by its long name: `ai.onnx` for the empty one.
    pub fn domain_name(&self) -> &str {
        domain_name(self.domain.as_deref())
    }
}

impl ValueInfoProto {
    /// The value's name; empty where the file gives none.
    pub fn name_str(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

impl TensorProto {
    /// The tensor's name; empty where the file gives none.
    pub fn name_str(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Takes the elements, as `raw_data`, in place of those in another file.
    pub(crate) fn hold(&mut self, elements: Bytes) {
        self.raw_data = Some(elements);
        self.data_location = None;
        self.external_data.clear();
    }

    /// Whether the elements are in another file.
    pub fn is_external(&self) -> bool {
        self.data_location == Some(EXTERNAL)
    }

    /// The entry of `external_data` under that key.
    pub fn external_entry(&self, key: &str) -> Option<&str> {
        let entry = self.external_data.iter().find(|entry| entry.key.as_deref() == Some(key))?;
        entry.value.as_deref()
    }
}

/// A domain by its long name: `ai.onnx` for the empty one.
pub(super) fn domain_name(domain: Option<&str>) -> &str {
    match domain.unwrap_or_default() {
        "" => "ai.onnx",
        domain => domain,
    }
}
