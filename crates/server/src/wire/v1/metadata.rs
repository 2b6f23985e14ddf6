//! A signature as TensorFlow Serving tells it (`get_model_metadata.proto`, `SignatureDefMap`, in protobuf's JSON).

use loadonce_core::{DType, Dim, Signature, TensorSpec};
use serde_json::{Map, Value, json};

/// The answer to a metadata request. A model has one signature, under TensorFlow's name for the default one.
pub fn metadata(name: &str, version: &str, signature: &Signature) -> Value {
    let default = json!({
        "inputs": tensors(&signature.inputs),
        "outputs": tensors(&signature.outputs),
        "method_name": "tensorflow/serving/predict",
    });
    json!({
        "model_spec": { "name": name, "signature_name": "", "version": version },
        "metadata": { "signature_def": { "signature_def": { "serving_default": default } } },
    })
}

fn tensors(specs: &[TensorSpec]) -> Map<String, Value> {
    let info = |spec: &TensorSpec| json!({ "dtype": data_type(spec.dtype), "tensor_shape": tensor_shape(spec), "name": spec.name });
    specs.iter().map(|spec| (spec.name.clone(), info(spec))).collect()
}

/// `tensor_shape.proto`: -1 stands for an axis of any length.
fn tensor_shape(spec: &TensorSpec) -> Value {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(length) => json!({ "size": length.to_string(), "name": "" }),
        Dim::Dynamic(name) => json!({ "size": "-1", "name": name.as_deref().unwrap_or_default() }),
    };
    let dims: Vec<_> = spec.dims.iter().flatten().map(dim).collect();
    json!({ "dim": dims, "unknown_rank": spec.dims.is_none() })
}

/// The dtype's name in `types.proto`, `enum DataType`.
fn data_type(dtype: DType) -> String {
    match dtype {
        DType::Bytes => "DT_STRING".to_owned(),
        DType::Fp16 => "DT_HALF".to_owned(),
        DType::Bf16 => "DT_BFLOAT16".to_owned(),
        DType::Fp32 => "DT_FLOAT".to_owned(),
        DType::Fp64 => "DT_DOUBLE".to_owned(),
        other => format!("DT_{}", other.as_str()),
    }
}
