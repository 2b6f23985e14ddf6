//! Which models rten can be trusted with.

use ::rten::{DataType, NodeId, ValueType};
use bytes::Bytes;
use loadonce_core::{DType, LoadError, LoadErrorKind, Signature, TensorSpec};

use super::rules;
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, data_type};
use crate::onnx::{OnnxFile, Port, Summary, types};

/// Older operator sets define `Softmax` and its like over all axes from one on; rten reads them as later sets define
/// them and would answer wrongly without a word.
const FIRST_OPSET: i64 = 13;

/// Dtypes of inputs and outputs that rten has, or that convert to one of its own and back without loss.
const DTYPES: [DType; 6] = [DType::Fp32, DType::Int32, DType::Int64, DType::Int8, DType::Uint8, DType::Bool];

/// Whether rten may run a model, as far as its summary tells; otherwise why not ([`LoadErrorKind::Unsupported`]).
///
/// Loading can still refuse a model, for an operator that rten does not have or a constant that it cannot hold.
pub fn supports(summary: &Summary) -> Result<(), LoadError> {
    match summary.opset("ai.onnx") {
        None => return Err(unsupported("the file imports no operator set of ai.onnx".to_owned())),
        Some(version) if version < FIRST_OPSET => {
            let detail = format!("operator set {version} of ai.onnx is too old, expected {FIRST_OPSET} or later");
            return Err(unsupported(detail).advise(format!("export the model with opset {FIRST_OPSET} or later")));
        }
        Some(_) => {}
    }
    if let Some(used) = summary.operators.iter().find(|used| used.domain == "ai.onnx.ml") {
        let detail = format!("{}: rten has neural networks only", used.first_node());
        return Err(unsupported(detail).advise("remove 'engine' from model.toml"));
    }
    for (side, ports) in [("input", &summary.inputs), ("output", &summary.outputs)] {
        ports.iter().try_for_each(|port| check_port(side, port))?;
    }
    Ok(())
}

fn check_port(side: &str, port: &Port) -> Result<(), LoadError> {
    let (name, type_text) = (port.name(), port.type_text());
    match port.tensor() {
        Some(spec) if DTYPES.contains(&spec.dtype) => Ok(()),
        Some(_) => Err(unsupported(format!("{side} '{name}' is {type_text}, but rten computes in single precision"))
            .advise("export the model with inputs and outputs of FP32")),
        // rten finds out what an untyped output is.
        None if side == "output" && type_text == "unknown" => Ok(()),
        None => Err(unsupported(format!("{side} '{name}' is {type_text}, expected a tensor"))),
    }
}

/// Names, dtypes and axes as the file has them; the dtype of an output that the file leaves untyped as rten has it.
pub(super) fn signature(summary: &Summary, model: &::rten::Model) -> Signature {
    let inputs = summary.inputs.iter().filter_map(Port::tensor).cloned().collect();
    let outputs = summary.outputs.iter().zip(model.output_ids()).map(|(port, &id)| match port {
        Port::Tensor(spec) => spec.clone(),
        Port::Other { name, .. } => {
            let dtype = inferred_dtype(model, id);
            TensorSpec { dims: None, ..TensorSpec::new(name, dtype, []) }
        }
    });
    Signature { inputs, outputs: outputs.collect() }
}

fn inferred_dtype(model: &::rten::Model, id: NodeId) -> DType {
    match model.node_info(id).and_then(|info| info.dtype()) {
        Some(ValueType::Tensor(DataType::Int32)) => DType::Int32,
        Some(ValueType::Tensor(DataType::Int8)) => DType::Int8,
        Some(ValueType::Tensor(DataType::UInt8)) => DType::Uint8,
        _ => DType::Fp32,
    }
}

/// Refuses constants that rten would change, which are whole numbers beyond 32 bits and types that it does not have,
/// and uses of operators that it would answer wrongly.
pub(super) fn check_contents(file: &OnnxFile) -> Result<(), LoadError> {
    check_graph(file.graph())?;
    rules::check(file.graph())
}

// The decoder bounds how deep messages nest, and with it this recursion.
fn check_graph(graph: &GraphProto) -> Result<(), LoadError> {
    graph.initializer.iter().try_for_each(|tensor| check_tensor(tensor, tensor.name_str()))?;
    graph.node.iter().try_for_each(check_node)
}

fn check_node(node: &NodeProto) -> Result<(), LoadError> {
    let name = node.output.first().map(String::as_str).unwrap_or_default();
    for attribute in &node.attribute {
        attribute.t.iter().try_for_each(|tensor| check_tensor(tensor, name))?;
        attribute.g.iter().try_for_each(|graph| check_graph(graph))?;
        attribute.graphs.iter().try_for_each(check_graph)?;
        if node.operator() == "Constant" {
            check_integers(integers(attribute), name)?;
        }
    }
    Ok(())
}

fn integers(attribute: &AttributeProto) -> impl Iterator<Item = i64> + '_ {
    attribute.i.into_iter().chain(attribute.ints.iter().copied())
}

const DATA_TYPES: [i32; 8] = [
    data_type::FLOAT,
    data_type::UINT8,
    data_type::INT8,
    data_type::INT32,
    data_type::INT64,
    data_type::BOOL,
    data_type::FLOAT16,
    data_type::DOUBLE,
];

fn check_tensor(tensor: &TensorProto, name: &str) -> Result<(), LoadError> {
    let code = tensor.data_type.unwrap_or(0);
    if !DATA_TYPES.contains(&code) {
        return Err(unsupported(format!(
            "constant '{name}' is of {}, which rten does not have",
            types::data_type_name(code)
        )));
    }
    if code != data_type::INT64 {
        return Ok(());
    }
    let raw = tensor.raw_data.as_ref().map(Bytes::as_ref).unwrap_or_default();
    let (of_raw, _) = raw.as_chunks::<8>();
    check_integers(of_raw.iter().map(|bytes| i64::from_le_bytes(*bytes)), name)?;
    check_integers(tensor.int64_data.iter().copied(), name)
}

/// Numbers this large stand for "to the end" in `Slice` and its like, and mean the same when they are cut to 32 bits.
const ENDLESS: u64 = 1 << 62;

fn check_integers(mut integers: impl Iterator<Item = i64>, name: &str) -> Result<(), LoadError> {
    let changes = |value: &i64| i32::try_from(*value).is_err() && value.unsigned_abs() < ENDLESS;
    match integers.find(changes) {
        None => Ok(()),
        Some(value) => Err(unsupported(format!(
            "constant '{name}' holds {value}, but rten computes with whole numbers of 32 bits"
        ))),
    }
}

fn unsupported(detail: String) -> LoadError {
    LoadError::new(LoadErrorKind::Unsupported, detail)
}
