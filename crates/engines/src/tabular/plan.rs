//! A model compiled for running: its signature, and the program that answers.

use loadonce_core::{Dim, LoadError, Signature, TensorSpec};

use super::compiler::{Compiler, corrupt};
use super::kernel::{Rows, Value};
use super::maps;
use super::program::Program;
use crate::onnx::proto::GraphProto;
use crate::onnx::{OnnxFile, Port, Summary};

/// A compiled model: immutable, shared by every session.
#[derive(Debug)]
pub(super) struct Plan {
    signature: Signature,
    program: Program,
}

impl Plan {
    /// Compiles the graph of a file.
    pub(super) fn compile(file: &OnnxFile) -> Result<Self, LoadError> {
        file.check_dense()?;
        let summary = file.summary();
        let specs = input_specs(file.graph(), &summary)?;
        let names = summary.inputs.iter().map(Port::name);
        let inputs: Vec<_> = names.zip(&specs).map(|(name, spec)| (name, input_value(spec))).collect();
        let outputs: Vec<_> = summary.outputs.iter().map(Port::name).collect();
        let compiled = Compiler::new(&summary.opsets).compile(file.graph(), inputs, &outputs)?;
        let free_rows = !specs.is_empty() && specs.iter().all(TensorSpec::has_free_rows);
        let values = compiled.outputs.iter().zip(&summary.outputs);
        let outputs = values.map(|(value, port)| output_spec(port, value, free_rows)).collect();
        Ok(Self { signature: Signature { inputs: specs, outputs }, program: compiled.program })
    }

    /// Names, dtypes and axes of inputs and outputs.
    pub(super) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What a run does; its inputs and outputs are in the signature's order.
    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Bytes of weights and constants.
    pub(super) fn weight_bytes(&self) -> usize {
        self.program.weight_bytes()
    }
}

fn input_specs(graph: &GraphProto, summary: &Summary) -> Result<Vec<TensorSpec>, LoadError> {
    let specs = summary.inputs.iter().map(|input| maps::tensor_for(input, graph));
    let specs: Vec<TensorSpec> = specs.collect::<Result<_, _>>()?;
    match specs.iter().find(|spec| spec.name.is_empty()) {
        Some(_) => Err(corrupt("an input of the graph has no name".to_owned())),
        None => Ok(specs),
    }
}

/// An input whose first axis is free has a request's rows there.
fn input_value(spec: &TensorSpec) -> Value {
    let rows = if spec.has_free_rows() { Rows::Along(0) } else { Rows::Mixed };
    Value::new(spec.dtype, spec.dims.clone()).with_rows(rows)
}

/// An output as the operators give it. The file's own word fills in what they leave open: the names of free axes, and
/// axes where they say nothing at all; exporters often write a shape that is less exact, or none.
///
/// Nothing is said of the axes where requests could share a run but their rows do not stay apart: a free first axis is
/// the promise that they do.
fn output_spec(port: &Port, value: &Value, free_rows: bool) -> TensorSpec {
    let declared = port.tensor().and_then(|spec| spec.dims.clone());
    let dims = match (value.dims.clone(), declared) {
        (Some(inferred), Some(declared)) if inferred.len() == declared.len() => {
            Some(inferred.into_iter().zip(declared).map(|(inferred, declared)| named(inferred, declared)).collect())
        }
        (inferred, _) => inferred,
    };
    let starts_free = matches!(dims.as_deref(), Some([Dim::Dynamic(_), ..]));
    let misleads = free_rows && starts_free && value.rows() != Rows::Along(0);
    TensorSpec {
        dims: dims.filter(|_| !misleads),
        labels: value.labels.clone(),
        ..TensorSpec::new(port.name(), value.dtype, [])
    }
}

fn named(inferred: Dim, declared: Dim) -> Dim {
    match (&inferred, &declared) {
        (Dim::Dynamic(None), Dim::Dynamic(Some(_))) => declared,
        _ => inferred,
    }
}
