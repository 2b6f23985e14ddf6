//! Request parameters: free by the protocol, some with a meaning of the extensions.

use std::collections::BTreeMap;

use loadonce_core::Parameter;
use serde_json::Value;

use crate::wire::WireError;

/// Parameters as they stand in a body.
pub(super) type Parameters = BTreeMap<String, Value>;

/// The parameters of a request.
pub(super) fn parameters(values: Parameters) -> Result<BTreeMap<String, Parameter>, WireError> {
    values.into_iter().map(|(name, value)| Ok((name.clone(), parameter(&name, value)?))).collect()
}

fn parameter(name: &str, value: Value) -> Result<Parameter, WireError> {
    match value {
        Value::Bool(value) => Ok(Parameter::Bool(value)),
        Value::String(value) => Ok(Parameter::String(value)),
        Value::Number(number) => {
            let signed = number.as_i64().map(Parameter::Int64);
            let unsigned = || number.as_u64().map(Parameter::Uint64);
            let double = || number.as_f64().map(Parameter::Double);
            signed.or_else(unsigned).or_else(double).ok_or_else(|| {
                WireError::form(format!("parameters.{name}"), format!("the number {number} does not fit"))
            })
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(WireError::form(format!("parameters.{name}"), "expected a string, number or boolean"))
        }
    }
}

/// The number that a parameter has, if it is there.
pub(super) fn count(parameters: &Parameters, name: &str) -> Result<Option<usize>, WireError> {
    let Some(value) = parameters.get(name) else { return Ok(None) };
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
    let wrong =
        || WireError::form(format!(".parameters.{name}"), format!("expected a number of 0 or more, got {value}"));
    count.map(Some).ok_or_else(wrong)
}

/// The truth that a parameter has, if it is there.
pub(super) fn flag(parameters: &Parameters, name: &str) -> Result<Option<bool>, WireError> {
    let Some(value) = parameters.get(name) else { return Ok(None) };
    let wrong = || WireError::form(format!(".parameters.{name}"), format!("expected true or false, got {value}"));
    value.as_bool().map(Some).ok_or_else(wrong)
}
