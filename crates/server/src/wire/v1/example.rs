//! A request for a model that has no sample.

use loadonce_core::{DType, Dim, Signature};

/// Writes one row of zeros as a predict request, named where columns have names: an example for models without samples.
pub fn example(signature: &Signature) -> Option<String> {
    let [only] = signature.inputs.as_slice() else { return None };
    let zero = match only.dtype {
        DType::Bytes => "\"text\"",
        DType::Bool => "false",
        _ => "0",
    };
    if only.columns.is_empty() {
        let dims = only.dims.as_ref()?.get(1..)?;
        let row = dims.iter().rev().fold(zero.to_owned(), |inner, dim| {
            let length = if let Dim::Fixed(length) = dim { *length } else { 1 };
            format!("[{}]", vec![inner; length.min(16)].join(","))
        });
        return Some(format!("{{\"instances\":[{row}]}}"));
    }
    let columns: Vec<_> = only.columns.iter().map(|column| format!("{}:{zero}", serde_json::json!(column))).collect();
    Some(format!("{{\"instances\":[{{{}}}]}}", columns.join(",")))
}
