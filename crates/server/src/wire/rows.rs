//! Rows of JSON: models whose only tensor has one element a row, which is the text of a JSON value.

use bytes::Bytes;
use loadonce_core::{Dim, NamedTensor, Signature, TensorSpec};
use serde::de::IgnoredAny;

use super::{WireError, quote};

/// The tensor of rows, where the inputs or outputs of a model are that and nothing else.
pub(crate) fn of_json(specs: &[TensorSpec]) -> Option<&TensorSpec> {
    match specs {
        [only] if only.content.is_json() && matches!(only.dims.as_deref(), Some([Dim::Dynamic(_)])) => Some(only),
        _ => None,
    }
}

/// Where a request has its rows, in the caller's words.
pub(crate) trait Place {
    /// `instances`, so that a row is `instances[3]`.
    fn place(&self) -> &'static str;
}

/// Refuses texts that are no JSON where the model takes rows of JSON.
pub(crate) fn check(inputs: &[NamedTensor], place: &impl Place, signature: &Signature) -> Result<(), WireError> {
    let Some(spec) = of_json(&signature.inputs) else { return Ok(()) };
    for NamedTensor { tensor, .. } in inputs.iter().filter(|input| input.name == spec.name) {
        for (row, text) in tensor.as_strings().unwrap_or_default().iter().enumerate() {
            let wrong = |error: String| {
                let got = serde_json::Value::from(String::from_utf8_lossy(text)).to_string();
                let detail = format!("expected the text of a JSON value, got {}: {error}", quote(&got));
                WireError::form(format!("{}[{row}]", place.place()), detail)
            };
            expect_json(text).map_err(wrong)?;
        }
    }
    Ok(())
}

/// Says why a text is no JSON, if it is none.
pub(crate) fn expect_json(text: &Bytes) -> Result<(), String> {
    let text = str::from_utf8(text).map_err(|error| error.to_string())?;
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|error| error.to_string())
}
