//! Request parameters: free by the protocol, some with a meaning of Triton's extensions. The same for every protocol that
//! has them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use loadonce_core::Parameter;

use super::WireError;

/// Parameters of a request, an input or an output, by name.
pub(super) type Parameters = BTreeMap<String, Parameter>;

/// The number that a parameter has, if it is there.
pub(super) fn count(parameters: &Parameters, name: &str) -> Result<Option<usize>, WireError> {
    let Some(value) = parameters.get(name) else { return Ok(None) };
    let count = match value {
        Parameter::Int64(count) => usize::try_from(*count).ok(),
        Parameter::Uint64(count) => usize::try_from(*count).ok(),
        Parameter::Bool(_) | Parameter::Double(_) | Parameter::String(_) => None,
    };
    count.map(Some).ok_or_else(|| wrong(name, "a number of 0 or more", value))
}

/// The truth that a parameter has, if it is there.
pub(super) fn flag(parameters: &Parameters, name: &str) -> Result<Option<bool>, WireError> {
    match parameters.get(name) {
        None => Ok(None),
        Some(Parameter::Bool(truth)) => Ok(Some(*truth)),
        Some(value) => Err(wrong(name, "true or false", value)),
    }
}

/// Microseconds that the caller gives (`extension_schedule_policy.md`); 0 is no limit.
pub(super) fn timeout(parameters: &Parameters) -> Result<Option<Duration>, WireError> {
    let microseconds = count(parameters, "timeout")?.filter(|microseconds| *microseconds > 0);
    Ok(microseconds.map(|microseconds| Duration::from_micros(microseconds as u64)))
}

/// How urgent the request is (`extension_schedule_policy.md`): 1 is the most, 0 is what the model says.
pub(super) fn priority(parameters: &Parameters) -> Result<Option<NonZeroU32>, WireError> {
    let Some(priority) = count(parameters, "priority")? else { return Ok(None) };
    // Whoever asks for less than there is gets the least.
    Ok(NonZeroU32::new(u32::try_from(priority).unwrap_or(u32::MAX)))
}

/// No model here keeps anything from one request to the next, so a sequence would be answered wrongly without a word.
pub(super) fn refuse_sequences(parameters: &Parameters) -> Result<(), WireError> {
    match parameters.get("sequence_id") {
        None | Some(Parameter::Int64(0) | Parameter::Uint64(0)) => Ok(()),
        Some(Parameter::String(id)) if id.is_empty() => Ok(()),
        Some(_) => {
            Err(WireError::form(".parameters.sequence_id", "the model keeps nothing from one request to the next"))
        }
    }
}

/// A tensor that lies in shared memory, or should, is refused: a caller could name any region that the server may open.
pub(super) fn refuse_shared_memory(parameters: &Parameters) -> Result<(), WireError> {
    if parameters.contains_key("shared_memory_region") {
        let detail = "shared memory is not served; send tensors in the request and take them from the answer";
        return Err(WireError::form(".parameters.shared_memory_region", detail));
    }
    Ok(())
}

fn wrong(name: &str, expected: &str, value: &Parameter) -> WireError {
    let got = match value {
        Parameter::Bool(value) => value.to_string(),
        Parameter::Int64(value) => value.to_string(),
        Parameter::Uint64(value) => value.to_string(),
        Parameter::Double(value) => value.to_string(),
        Parameter::String(value) => format!("{value:?}"),
    };
    WireError::form(format!(".parameters.{name}"), format!("expected {expected}, got {got}"))
}
