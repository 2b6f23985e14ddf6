//! A graph compiled for running: values have slots, nodes are prepared kernels, in an order in which every input is
//! there before it is taken.

use std::collections::HashMap;

use loadonce_core::{Dim, LoadError, LoadErrorKind, Signature, Tensor, TensorSpec};

use super::kernel::{Kernel, Value};
use super::node::Node;
use super::ops::{self, Operator};
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::{OnnxFile, Port, Summary};

/// A compiled graph: immutable, shared by every session.
#[derive(Debug)]
pub(super) struct Plan {
    signature: Signature,
    /// Constants and where they stand.
    pub(super) constants: Vec<(usize, Tensor)>,
    pub(super) steps: Vec<Step>,
    /// Where the inputs go, in the signature's order.
    pub(super) inputs: Vec<usize>,
    /// Where the outputs come from, in the signature's order.
    pub(super) outputs: Vec<usize>,
    pub(super) slot_count: usize,
}

/// One node.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) inputs: Vec<usize>,
    /// `None` for an output that nobody takes.
    pub(super) outputs: Vec<Option<usize>>,
    /// For messages.
    pub(super) label: String,
}

impl Plan {
    /// Compiles the graph of a file.
    pub(super) fn compile(file: &OnnxFile) -> Result<Self, LoadError> {
        file.check_dense()?;
        let summary = file.summary();
        let mut compiler = Compiler::default();
        compiler.add_constants(file.graph())?;
        let inputs = compiler.add_inputs(&summary)?;
        for node in &file.graph().node {
            compiler.add_node(node, &summary)?;
        }
        compiler.finish(inputs, &summary)
    }

    /// Names, dtypes and axes of inputs and outputs.
    pub(super) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Bytes of weights and constants.
    pub(super) fn weight_bytes(&self) -> usize {
        let constants: usize = self.constants.iter().map(|(_, tensor)| tensor.byte_len()).sum();
        constants + self.steps.iter().map(|step| step.kernel.weight_bytes()).sum::<usize>()
    }
}

/// A plan under construction.
#[derive(Default)]
struct Compiler<'a> {
    slots: HashMap<&'a str, usize>,
    /// What is known of the value in each slot.
    values: Vec<Value>,
    constants: Vec<(usize, Tensor)>,
    steps: Vec<Step>,
}

impl<'a> Compiler<'a> {
    fn add_constants(&mut self, graph: &'a GraphProto) -> Result<(), LoadError> {
        for initializer in &graph.initializer {
            let name = initializer.name_str();
            let tensor = initializer.to_tensor().map_err(|detail| corrupt(format!("constant '{name}': {detail}")))?;
            let slot = self.define(name, Value::constant(tensor.clone()))?;
            self.constants.push((slot, tensor));
        }
        Ok(())
    }

    fn add_inputs(&mut self, summary: &'a Summary) -> Result<Vec<TensorSpec>, LoadError> {
        let mut specs = Vec::with_capacity(summary.inputs.len());
        for input in &summary.inputs {
            let Port::Tensor(spec) = input else {
                let detail = format!("input '{}' is {}, expected a tensor", input.name(), input.type_text());
                return Err(LoadError::new(LoadErrorKind::Unsupported, detail));
            };
            self.define(&spec.name, Value::new(spec.dtype, spec.dims.clone()))?;
            specs.push(spec.clone());
        }
        Ok(specs)
    }

    fn add_node(&mut self, proto: &'a NodeProto, summary: &Summary) -> Result<(), LoadError> {
        let version = summary.opset(proto.domain_name());
        let node = Node::new(proto, version.unwrap_or(0));
        let operator = Operator::find(proto.domain_name(), proto.operator(), version)
            .map_err(|reason| node.unsupported(reason).advise(advice()))?;
        let inputs = self.inputs_of(&node, proto, operator)?;
        node.check_attributes(operator.attributes).map_err(|error| error.advise(advice()))?;
        let values: Vec<Value> = inputs.iter().map(|&slot| self.values[slot].clone()).collect();
        let prepared = (operator.prepare)(&node, &values)?;
        let outputs = self.outputs_of(&node, proto, prepared.outputs)?;
        self.steps.push(Step { kernel: prepared.kernel, inputs, outputs, label: node.label() });
        Ok(())
    }

    fn inputs_of(&self, node: &Node<'_>, proto: &NodeProto, operator: &Operator) -> Result<Vec<usize>, LoadError> {
        let (least, most) = operator.inputs;
        if !(least..=most).contains(&proto.input.len()) {
            return Err(node.corrupt(format!("{} inputs, expected {least} or more", proto.input.len())));
        }
        let slot = |name: &String| {
            let slot = self.slots.get(name.as_str()).copied();
            slot.ok_or_else(|| node.corrupt(format!("input '{name}' is given by no input, constant or earlier node")))
        };
        proto.input.iter().map(slot).collect()
    }

    fn outputs_of(
        &mut self,
        node: &Node<'_>,
        proto: &'a NodeProto,
        values: Vec<Value>,
    ) -> Result<Vec<Option<usize>>, LoadError> {
        if proto.output.len() > values.len() {
            return Err(node.corrupt(format!("{} outputs, expected {} at most", proto.output.len(), values.len())));
        }
        let named = proto.output.iter().zip(values);
        let slots = named.map(|(name, mut value)| {
            // What a node computes is no constant to the nodes behind it.
            value.constant = None;
            if name.is_empty() { Ok(None) } else { self.define(name, value).map(Some) }
        });
        slots.collect()
    }

    /// Gives a value a slot. A name stands for one value only (ONNX IR, "Static Single Assignment").
    fn define(&mut self, name: &'a str, value: Value) -> Result<usize, LoadError> {
        let slot = self.values.len();
        self.values.push(value);
        match self.slots.insert(name, slot) {
            None => Ok(slot),
            Some(_) => Err(corrupt(format!("two values of the graph are called '{name}'"))),
        }
    }

    fn finish(self, inputs: Vec<TensorSpec>, summary: &Summary) -> Result<Plan, LoadError> {
        let slot = |name: &str| {
            let slot = self.slots.get(name).copied();
            slot.ok_or_else(|| corrupt(format!("output '{name}' is given by no node")))
        };
        let outputs: Vec<usize> = summary.outputs.iter().map(|port| slot(port.name())).collect::<Result<_, _>>()?;
        let specs = outputs.iter().zip(&summary.outputs).map(|(&slot, port)| output_spec(port, &self.values[slot]));
        let signature = Signature { inputs, outputs: specs.collect() };
        let inputs = signature.inputs.iter().map(|spec| slot(&spec.name)).collect::<Result<_, _>>()?;
        let Self { values, constants, steps, .. } = self;
        Ok(Plan { signature, constants, steps, inputs, outputs, slot_count: values.len() })
    }
}

/// An output as the operators give it. The file's own word fills in what they leave open: the names of free axes, and
/// axes where they say nothing at all; exporters often write a shape that is less exact, or none.
fn output_spec(port: &Port, value: &Value) -> TensorSpec {
    let declared = port.tensor().and_then(|spec| spec.dims.clone());
    let dims = match (value.dims.clone(), declared) {
        (Some(inferred), Some(declared)) if inferred.len() == declared.len() => {
            Some(inferred.into_iter().zip(declared).map(|(inferred, declared)| named(inferred, declared)).collect())
        }
        (inferred, _) => inferred,
    };
    TensorSpec {
        name: port.name().to_owned(),
        dtype: value.dtype,
        dims,
        columns: Vec::new(),
        labels: value.labels.clone(),
    }
}

fn named(inferred: Dim, declared: Dim) -> Dim {
    match (&inferred, &declared) {
        (Dim::Dynamic(None), Dim::Dynamic(Some(_))) => declared,
        _ => inferred,
    }
}

fn advice() -> String {
    format!("export the model with the operators of this engine ({})", ops::names())
}

fn corrupt(detail: String) -> LoadError {
    LoadError::new(LoadErrorKind::Corrupt, detail).advise("export the model again")
}
