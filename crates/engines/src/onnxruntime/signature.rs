//! Names, dtypes and axes of a model, as its file has them; what the file leaves open, as the library inferred it.

use loadonce_core::{DType, Dim, LoadError, LoadErrorKind, Signature, TensorSpec};
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use super::zip_map::Unzipped;
use crate::onnx::{Port, Summary};

/// The signature of a model of which some outputs were maps.
pub(super) fn of(summary: &Summary, session: &Session, unzipped: &[Unzipped]) -> Result<Signature, LoadError> {
    let inputs = summary.inputs.iter().map(|port| spec("input", port, session.inputs()));
    let outputs =
        summary.outputs.iter().map(|port| match unzipped.iter().find(|unzipped| unzipped.output == port.name()) {
            Some(unzipped) => Ok(unzipped.spec()),
            None => spec("output", port, session.outputs()).map(|spec| trusted(spec, summary)),
        });
    Ok(Signature {
        inputs: inputs.collect::<Result<_, LoadError>>()?,
        outputs: outputs.collect::<Result<_, LoadError>>()?,
    })
}

/// The output, in a classical model without its axes: converters declare others than their operators give (`[N]` for a
/// column, `[1]` for the labels of all rows), and a right answer would be held back.
fn trusted(spec: TensorSpec, summary: &Summary) -> TensorSpec {
    if summary.is_classical() { TensorSpec { dims: None, ..spec } } else { spec }
}

fn spec(side: &str, port: &Port, outlets: &[Outlet]) -> Result<TensorSpec, LoadError> {
    if let Some(spec) = port.tensor() {
        return Ok(spec.clone());
    }
    let name = port.name();
    let inferred = outlets.iter().find(|outlet| outlet.name() == name).map(Outlet::dtype);
    inferred.and_then(|inferred| inferred_spec(name, inferred)).ok_or_else(|| {
        let type_text = match port.type_text() {
            unknown if unknown == "unknown" => inferred.map_or(unknown, ToString::to_string),
            declared => declared,
        };
        let detail = format!("{side} '{name}' is {type_text}, expected a tensor of a type that the protocol has");
        LoadError::new(LoadErrorKind::Unsupported, detail).advise("export the model with tensors as inputs and outputs")
    })
}

/// The library tells a scalar and a tensor of any shape alike: as one without axes.
fn inferred_spec(name: &str, inferred: &ValueType) -> Option<TensorSpec> {
    let ValueType::Tensor { ty, shape, .. } = inferred else { return None };
    let dims: Vec<_> = shape.iter().map(|length| usize::try_from(*length).map_or(Dim::ANY, Dim::Fixed)).collect();
    let dims = Some(dims).filter(|dims| !dims.is_empty());
    Some(TensorSpec { dims, ..TensorSpec::new(name, dtype(*ty)?, []) })
}

fn dtype(element: TensorElementType) -> Option<DType> {
    Some(match element {
        TensorElementType::Bool => DType::Bool,
        TensorElementType::Uint8 => DType::Uint8,
        TensorElementType::Uint16 => DType::Uint16,
        TensorElementType::Uint32 => DType::Uint32,
        TensorElementType::Uint64 => DType::Uint64,
        TensorElementType::Int8 => DType::Int8,
        TensorElementType::Int16 => DType::Int16,
        TensorElementType::Int32 => DType::Int32,
        TensorElementType::Int64 => DType::Int64,
        TensorElementType::Float16 => DType::Fp16,
        TensorElementType::Bfloat16 => DType::Bf16,
        TensorElementType::Float32 => DType::Fp32,
        TensorElementType::Float64 => DType::Fp64,
        TensorElementType::String => DType::Bytes,
        _ => return None,
    })
}
