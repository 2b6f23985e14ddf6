//! Request parameters as JSON (`inference_rest.md`, "Parameters"): strings, numbers and booleans.

use std::collections::BTreeMap;

use loadonce_core::Parameter;
use serde_json::Value;

use crate::wire::WireError;
use crate::wire::parameters::Parameters;

/// Parameters as they stand in a body.
pub(super) type Values = BTreeMap<String, Value>;

pub(super) fn parameters(values: Values) -> Result<Parameters, WireError> {
    values.into_iter().map(|(name, value)| parameter(&name, value).map(|value| (name, value))).collect()
}

fn parameter(name: &str, value: Value) -> Result<Parameter, WireError> {
    let wrong = |detail: String| WireError::form(format!(".parameters.{name}"), detail);
    match value {
        Value::Bool(value) => Ok(Parameter::Bool(value)),
        Value::String(value) => Ok(Parameter::String(value)),
        Value::Number(number) => {
            let signed = number.as_i64().map(Parameter::Int64);
            let unsigned = || number.as_u64().map(Parameter::Uint64);
            let double = || number.as_f64().map(Parameter::Double);
            signed.or_else(unsigned).or_else(double).ok_or_else(|| wrong(format!("the number {number} does not fit")))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(wrong("expected a string, number or boolean".to_owned()))
        }
    }
}
