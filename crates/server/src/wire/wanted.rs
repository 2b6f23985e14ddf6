//! What the parameters of a v2 request ask for, the same over HTTP and gRPC: the form of each output, and how long the
//! answer may take.

use std::collections::BTreeMap;

use loadonce_core::{InferRequest, NamedTensor};

use super::WireError;
use super::parameters::{Parameters, count, flag, priority, refuse_sequences, refuse_shared_memory, timeout};
use super::rows::Place;

/// How a caller wants the outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of outputs that have no form of their own.
    binary: bool,
    forms: BTreeMap<String, OutputForm>,
}

/// How a caller wants one output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputForm {
    /// Whether in binary form.
    pub binary: bool,
    /// The number of best classes to name, in place of the scores.
    pub classes: Option<usize>,
}

/// What a request has beside its inputs.
pub(crate) struct Head {
    pub(crate) id: Option<String>,
    pub(crate) parameters: Parameters,
    /// Outputs asked for by name, with parameters of their own.
    pub(crate) outputs: Vec<(String, Parameters)>,
}

impl Wanted {
    /// All outputs in that form, unless one has a form of its own.
    pub fn all(binary: bool) -> Self {
        Self { binary, forms: BTreeMap::new() }
    }

    /// The form of an output.
    pub fn form_of(&self, output: &str) -> OutputForm {
        self.forms.get(output).copied().unwrap_or(OutputForm { binary: self.binary, classes: None })
    }
}

impl Place for Wanted {
    /// In binary form, too, as that has no words of its own.
    fn place(&self) -> &'static str {
        "inputs[0].data"
    }
}

impl Head {
    /// The request of these inputs; what outputs say of their form wins over what the request says of all.
    pub(crate) fn with_inputs(self, inputs: Vec<NamedTensor>) -> Result<(Wanted, InferRequest), WireError> {
        let Self { id, parameters, outputs } = self;
        let binary = flag(&parameters, "binary_data_output").map_err(WireError::outermost)?.unwrap_or(false);
        let mut wanted = Wanted::all(binary);
        for (position, (name, parameters)) in outputs.iter().enumerate() {
            let form = output_form(parameters, binary);
            let form = form.map_err(|error| error.within(&format!("outputs[{position}]")))?;
            wanted.forms.insert(name.clone(), form);
        }
        let timeout = timeout(&parameters).map_err(WireError::outermost)?;
        let priority = priority(&parameters).map_err(WireError::outermost)?;
        refuse_sequences(&parameters).map_err(WireError::outermost)?;
        let outputs = outputs.into_iter().map(|(name, _)| name).collect();
        Ok((wanted, InferRequest { id, inputs, outputs, priority, timeout, parameters }))
    }
}

fn output_form(parameters: &Parameters, by_default: bool) -> Result<OutputForm, WireError> {
    refuse_shared_memory(parameters)?;
    let binary = flag(parameters, "binary_data")?.unwrap_or(by_default);
    let classes = count(parameters, "classification")?.filter(|classes| *classes > 0);
    Ok(OutputForm { binary, classes })
}
