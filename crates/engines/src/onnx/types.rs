//! ONNX types in loadonce's words: dtypes, axes, and texts for what is no plain tensor.

use loadonce_core::{DType, Dim, TensorSpec};

use super::proto::{TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, data_type};

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Port {
    /// A dense tensor of a dtype that loadonce has.
    Tensor(TensorSpec),
    /// Anything else, or something that the file does not type.
    Other {
        /// The name.
        name: String,
        /// The type for people: `sequence(map(int64, float))`, or `unknown`.
        type_name: String,
    },
}

impl Port {
    /// The name in the file.
    pub fn name(&self) -> &str {
        match self {
            Self::Tensor(spec) => &spec.name,
            Self::Other { name, .. } => name,
        }
    }

    /// The tensor's name, dtype and axes, if this is a tensor.
    pub fn tensor(&self) -> Option<&TensorSpec> {
        match self {
            Self::Tensor(spec) => Some(spec),
            Self::Other { .. } => None,
        }
    }

    /// The type for people: `FP32 [batch,4]`, `sequence(map(int64, float))`.
    pub fn type_text(&self) -> String {
        match self {
            Self::Tensor(spec) => spec.to_string(),
            Self::Other { type_name, .. } => type_name.clone(),
        }
    }

    pub(super) fn of(value: &ValueInfoProto) -> Self {
        let name = value.name_str().to_owned();
        let Some(value_type) = &value.r#type else {
            return Self::Other { name, type_name: "unknown".to_owned() };
        };
        match value_type.tensor_type.as_ref().and_then(|tensor| Some((tensor, dtype(tensor.elem_type?)?))) {
            Some((tensor, dtype)) => {
                let dims = tensor.shape.as_ref().map(dims);
                Self::Tensor(TensorSpec { dims, ..TensorSpec::new(name, dtype, []) })
            }
            None => Self::Other { name, type_name: type_text(value_type, 0) },
        }
    }
}

/// The dtype for a value of `TensorProto.data_type`; `None` for types that loadonce does not have.
pub fn dtype(data_type: i32) -> Option<DType> {
    Some(match data_type {
        data_type::FLOAT => DType::Fp32,
        data_type::UINT8 => DType::Uint8,
        data_type::INT8 => DType::Int8,
        data_type::UINT16 => DType::Uint16,
        data_type::INT16 => DType::Int16,
        data_type::INT32 => DType::Int32,
        data_type::INT64 => DType::Int64,
        data_type::STRING => DType::Bytes,
        data_type::BOOL => DType::Bool,
        data_type::FLOAT16 => DType::Fp16,
        data_type::DOUBLE => DType::Fp64,
        data_type::UINT32 => DType::Uint32,
        data_type::UINT64 => DType::Uint64,
        data_type::BFLOAT16 => DType::Bf16,
        _ => return None,
    })
}

/// The name that the ONNX documents use for a value of `TensorProto.data_type`: `float`, `int64`, `float8e4m3fn`.
pub fn data_type_name(data_type: i32) -> &'static str {
    const NAMES: [&str; 29] = [
        "undefined",
        "float",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "double",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "uint4",
        "int4",
        "float4e2m1",
        "float8e8m0",
        "uint2",
        "int2",
        "float6e2m3",
        "float6e3m2",
    ];
    usize::try_from(data_type).ok().and_then(|index| NAMES.get(index)).copied().unwrap_or("an unknown type")
}

/// Bits of an element in `raw_data` or a data file, for a value of `TensorProto.data_type`; those of less than 8 are
/// packed (`onnx.proto`, `TensorProto.raw_data`). `None` for strings and types that are not known.
pub fn element_bits(data_type: i32) -> Option<u32> {
    match data_type {
        data_type::UINT2 | data_type::INT2 => Some(2),
        data_type::UINT4 | data_type::INT4 | data_type::FLOAT4E2M1 => Some(4),
        data_type::FLOAT8E4M3FN..=data_type::FLOAT8E5M2FNUZ | data_type::FLOAT8E8M0 => Some(8),
        data_type::COMPLEX64 => Some(64),
        data_type::COMPLEX128 => Some(128),
        _ => dtype(data_type).and_then(DType::size).and_then(|bytes| u32::try_from(bytes * 8).ok()),
    }
}

fn dims(shape: &TensorShapeProto) -> Vec<Dim> {
    let lengths = shape.dim.iter().map(|dim| match (dim.dim_value, dim.dim_param.as_deref()) {
        (Some(length), _) => usize::try_from(length).map_or(Dim::ANY, Dim::Fixed),
        (None, Some(name)) if is_plain_name(name) => Dim::named(name),
        (None, _) => Dim::ANY,
    });
    lengths.collect()
}

/// Exporters also write formulas (`2*sequence + 1`) where a name stands; those say nothing that a request could be
/// held to, while axes of one name must agree within a request.
fn is_plain_name(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    starts_well && name.chars().all(|character| character.is_alphanumeric() || "_-./".contains(character))
}

/// Types nest; a file could nest them without end.
const MAX_DEPTH: usize = 8;

fn type_text(value_type: &TypeProto, depth: usize) -> String {
    if depth == MAX_DEPTH {
        return "...".to_owned();
    }
    let inner = |inner: Option<&TypeProto>| inner.map_or("unknown".to_owned(), |inner| type_text(inner, depth + 1));
    if let Some(tensor) = &value_type.tensor_type {
        return format!("tensor({})", element_name(tensor));
    }
    if let Some(tensor) = &value_type.sparse_tensor_type {
        return format!("sparse_tensor({})", element_name(tensor));
    }
    if let Some(sequence) = &value_type.sequence_type {
        return format!("sequence({})", inner(sequence.elem_type.as_deref()));
    }
    if let Some(optional) = &value_type.optional_type {
        return format!("optional({})", inner(optional.elem_type.as_deref()));
    }
    let Some(map) = &value_type.map_type else { return "unknown".to_owned() };
    format!("map({}, {})", data_type_name(map.key_type.unwrap_or(0)), inner(map.value_type.as_deref()))
}

fn element_name(tensor: &TensorTypeProto) -> &'static str {
    data_type_name(tensor.elem_type.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::proto::{DimensionProto, MapTypeProto, SequenceTypeProto};
    use super::*;

    fn value(value_type: TypeProto) -> ValueInfoProto {
        ValueInfoProto { name: Some("x".to_owned()), r#type: Some(value_type) }
    }

    fn tensor(elem_type: i32, dims: Option<Vec<DimensionProto>>) -> TypeProto {
        let shape = dims.map(|dim| TensorShapeProto { dim });
        TypeProto { tensor_type: Some(TensorTypeProto { elem_type: Some(elem_type), shape }), ..TypeProto::default() }
    }

    #[test]
    fn axes_are_lengths_names_or_free() {
        let dim = |value: Option<i64>, name: Option<&str>| DimensionProto {
            dim_value: value,
            dim_param: name.map(str::to_owned),
        };
        let dims = vec![
            dim(None, Some("batch")),
            dim(Some(4), None),
            dim(None, None),
            dim(None, Some("2*n + 1")),
            dim(Some(-1), None),
            dim(None, Some("")),
            dim(None, Some("7")),
        ];
        let port = Port::of(&value(tensor(data_type::FLOAT, Some(dims))));
        assert_eq!(port.type_text(), "FP32 [batch,4,?,?,?,?,?]");
        assert_eq!(Port::of(&value(tensor(data_type::INT64, None))).type_text(), "INT64 [...]");
        assert_eq!(Port::of(&value(tensor(data_type::INT64, Some(vec![])))).type_text(), "INT64 []");
    }

    #[test]
    fn what_is_no_plain_tensor_is_said_in_words() {
        let map = MapTypeProto {
            key_type: Some(data_type::INT64),
            value_type: Some(Box::new(tensor(data_type::FLOAT, None))),
        };
        let map = TypeProto { map_type: Some(Box::new(map)), ..TypeProto::default() };
        let sequence = SequenceTypeProto { elem_type: Some(Box::new(map)) };
        let sequence = TypeProto { sequence_type: Some(Box::new(sequence)), ..TypeProto::default() };
        assert_eq!(Port::of(&value(sequence)).type_text(), "sequence(map(int64, tensor(float)))");
        assert_eq!(Port::of(&value(tensor(17, None))).type_text(), "tensor(float8e4m3fn)");
        assert_eq!(Port::of(&ValueInfoProto::default()).type_text(), "unknown");
    }
}
