//! From a graph to a program: values get slots, nodes become prepared kernels, and what depends on constants alone is
//! computed once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use loadonce_core::{Dim, LoadError, LoadErrorKind, Tensor};

use super::kernel::{Inputs, Kernel, Prepared, Rows, Value};
use super::node::{Node, Scope};
use super::ops::{MANY, Operator};
use super::program::{Program, Step, at};
use crate::onnx::advice;
use crate::onnx::proto::{GraphProto, NodeProto, ValueInfoProto};

/// Bytes of constants from which one node may compute further ones at load, which a file could otherwise keep busy for
/// ever.
const MAX_FOLDED_INPUT: usize = 16 << 20;
/// The same for all nodes, with what they compute.
const MAX_FOLDED_TOTAL: usize = if cfg!(fuzzing) { 16 << 20 } else { 256 << 20 };

/// A graph under compilation.
pub(super) struct Compiler<'a> {
    opsets: &'a BTreeMap<String, i64>,
    slots: HashMap<&'a str, usize>,
    /// What is known of the value in each slot.
    values: Vec<Value>,
    steps: Vec<Step>,
    /// Bytes of the constants that were computed, and of those that they were computed from.
    folded: usize,
}

/// A compiled graph.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) program: Program,
    /// What is known of its outputs, in their order.
    pub(super) outputs: Vec<Value>,
}

/// The body of a loop: its own inputs first, then what it captures of the graph around it.
pub(super) fn compile_body(node: &Node<'_>, attribute: &str, inputs: Vec<Value>) -> Result<Compiled, LoadError> {
    let (graph, scope) = (node.graph(attribute)?, node.scope());
    if graph.input.len() != inputs.len() {
        let (got, expected) = (graph.input.len(), inputs.len());
        return Err(node.corrupt(format!("graph '{attribute}' has {got} inputs, expected {expected}")));
    }
    let own = graph.input.iter().map(ValueInfoProto::name_str).zip(inputs);
    let inputs = own.chain(scope.captured.iter().cloned()).collect();
    let outputs: Vec<_> = graph.output.iter().map(ValueInfoProto::name_str).collect();
    Compiler::new(scope.opsets).compile(graph, inputs, &outputs)
}

impl<'a> Compiler<'a> {
    pub(super) fn new(opsets: &'a BTreeMap<String, i64>) -> Self {
        Self { opsets, slots: HashMap::new(), values: Vec::new(), steps: Vec::new(), folded: 0 }
    }

    /// Compiles a graph with these inputs and outputs.
    pub(super) fn compile(
        mut self,
        graph: &'a GraphProto,
        inputs: Vec<(&'a str, Value)>,
        outputs: &[&str],
    ) -> Result<Compiled, LoadError> {
        for initializer in &graph.initializer {
            let name = initializer.name_str();
            let tensor = initializer.to_tensor().map_err(|detail| corrupt(format!("constant '{name}': {detail}")))?;
            self.define(name, Value::constant(tensor))?;
        }
        let inputs = inputs.into_iter().map(|(name, value)| self.define(name, value)).collect::<Result<_, _>>()?;
        for node in &graph.node {
            self.add_node(node)?;
        }
        self.finish(inputs, outputs)
    }

    fn add_node(&mut self, proto: &'a NodeProto) -> Result<(), LoadError> {
        let version = self.opsets.get(proto.domain_name()).copied();
        let captured: Vec<_> = free_names(proto).into_iter().filter_map(|name| self.captured(name)).collect();
        let scope = Scope { opsets: self.opsets, captured: &captured };
        let node = Node::new(proto, version.unwrap_or(0), scope);
        let operator = Operator::find(proto.domain_name(), proto.operator(), version)
            .map_err(|reason| node.unsupported(reason).advise(advice::who_runs(proto.domain_name())))?;
        let mut inputs = self.inputs_of(&node, proto, operator)?;
        node.check_attributes(operator.attributes)
            .map_err(|error| error.advise(advice::who_runs(proto.domain_name())))?;
        let mut values: Vec<Value> = inputs.iter().map(|slot| self.value(*slot)).collect();
        let prepared = (operator.prepare)(&node, &values)?;
        inputs.extend(captured.iter().map(|(name, _)| self.slots.get(name).copied()));
        values.extend(captured.iter().map(|(_, value)| value.clone()));
        if proto.output.len() > prepared.outputs.len() {
            let (got, most) = (proto.output.len(), prepared.outputs.len());
            return Err(node.corrupt(format!("{got} outputs, expected {most} at most")));
        }
        let stated = prepared.outputs.iter().map(|output| output.constant.clone());
        if let Some(constants) = stated.collect::<Option<Vec<Tensor>>>() {
            return self.add_constants(proto, prepared, constants);
        }
        if let Some(constants) = self.fold(&node, prepared.kernel.as_ref(), &values)? {
            return self.add_constants(proto, prepared, constants);
        }
        let outputs = self.outputs_of(proto, prepared.outputs, &values)?;
        self.steps.push(Step { kernel: prepared.kernel, inputs, outputs, last_uses: Vec::new(), label: node.label() });
        Ok(())
    }

    fn captured(&self, name: &'a str) -> Option<(&'a str, Value)> {
        Some((name, self.values[*self.slots.get(name)?].clone()))
    }

    fn value(&self, slot: Option<usize>) -> Value {
        slot.map_or_else(Value::missing, |slot| self.values[slot].clone())
    }

    fn inputs_of(
        &self,
        node: &Node<'_>,
        proto: &NodeProto,
        operator: &Operator,
    ) -> Result<Vec<Option<usize>>, LoadError> {
        let (least, most) = operator.inputs;
        let given = proto.input.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        if !(least..=most).contains(&given) {
            return Err(node.corrupt(format!("{given} inputs, expected {least} or more")));
        }
        let slot = |(index, name): (usize, &String)| {
            if name.is_empty() && index >= least && most < MANY {
                return Ok(None);
            }
            let slot = self.slots.get(name.as_str()).copied().filter(|_| !name.is_empty());
            let missing = || node.corrupt(format!("input '{name}' is given by no input, constant or earlier node"));
            slot.map(Some).ok_or_else(missing)
        };
        proto.input[..given].iter().enumerate().map(slot).collect()
    }

    /// The outputs of a node whose inputs are all constants, if they are few enough to be kept.
    fn fold(
        &mut self,
        node: &Node<'_>,
        kernel: &dyn Kernel,
        values: &[Value],
    ) -> Result<Option<Vec<Tensor>>, LoadError> {
        let known = values.iter().all(|value| value.missing || value.constant.is_some());
        let bytes: usize = values.iter().filter_map(|value| value.constant.as_ref()).map(Tensor::byte_len).sum();
        if !known || !kernel.folds() || bytes > MAX_FOLDED_INPUT || self.folded > MAX_FOLDED_TOTAL {
            return Ok(None);
        }
        self.folded = self.folded.saturating_add(bytes);
        let slots: Vec<_> = values.iter().map(|value| value.constant.clone()).collect();
        let positions: Vec<_> = (0..slots.len()).map(Some).collect();
        let mut outputs = Vec::new();
        let result = kernel.run(&Inputs::new(&slots, &positions), &mut outputs);
        match result.map_err(|error| at(&node.label(), error)) {
            Ok(()) => Ok(Some(outputs)),
            Err(error) => Err(corrupt(format!("{error}, whatever the request"))),
        }
    }

    fn add_constants(
        &mut self,
        proto: &'a NodeProto,
        prepared: Prepared,
        constants: Vec<Tensor>,
    ) -> Result<(), LoadError> {
        for ((name, value), constant) in proto.output.iter().zip(prepared.outputs).zip(constants) {
            self.folded = self.folded.saturating_add(constant.byte_len());
            if !name.is_empty() {
                self.define(name, Value::constant(constant).with_labels(value.labels))?;
            }
        }
        Ok(())
    }

    fn outputs_of(
        &mut self,
        proto: &'a NodeProto,
        outputs: Vec<Value>,
        inputs: &[Value],
    ) -> Result<Vec<Option<usize>>, LoadError> {
        let named = proto.output.iter().zip(outputs);
        let slots = named.map(|(name, mut value)| {
            // What a node computes is no constant to the nodes behind it.
            value.constant = None;
            value.rows = Some(value.rows.unwrap_or_else(|| rows_kept(&value, inputs)));
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

    fn finish(mut self, inputs: Vec<usize>, outputs: &[&str]) -> Result<Compiled, LoadError> {
        let slot = |name: &&str| {
            let slot = self.slots.get(name).copied();
            slot.ok_or_else(|| corrupt(format!("output '{name}' is given by no node")))
        };
        let outputs: Vec<usize> = outputs.iter().map(slot).collect::<Result<_, _>>()?;
        let constants = self.constants_taken(&inputs, &outputs);
        self.release_values(&constants, &outputs);
        let program =
            Program { constants, steps: self.steps, inputs, outputs: outputs.clone(), slot_count: self.values.len() };
        Ok(Compiled { program, outputs: outputs.into_iter().map(|slot| self.values[slot].clone()).collect() })
    }
}

impl Compiler<'_> {
    /// The constants that a run needs. A captured one is an input of its body, which is given anew in each run.
    fn constants_taken(&self, inputs: &[usize], outputs: &[usize]) -> Vec<(usize, Tensor)> {
        let given: BTreeSet<usize> = inputs.iter().copied().collect();
        let taken = self.steps.iter().flat_map(|step| step.inputs.iter().flatten());
        let taken: BTreeSet<usize> = taken.chain(outputs).copied().collect();
        let constant = |&slot: &usize| Some((slot, self.values[slot].constant.clone()?));
        taken.difference(&given).filter_map(constant).collect()
    }

    /// Has each value dropped by the last step that takes it, so that a run holds no more than it still needs.
    fn release_values(&mut self, constants: &[(usize, Tensor)], outputs: &[usize]) {
        let kept = constants.iter().map(|(slot, _)| slot).chain(outputs);
        let mut seen: BTreeSet<usize> = kept.copied().collect();
        for step in self.steps.iter_mut().rev() {
            for output in &mut step.outputs {
                *output = output.filter(|slot| seen.contains(slot));
            }
            step.last_uses = step.inputs.iter().flatten().copied().filter(|&slot| seen.insert(slot)).collect();
        }
    }
}

/// Where the rows are in what an operator gives that takes each row for itself.
fn rows_kept(output: &Value, inputs: &[Value]) -> Rows {
    let mut rows = inputs.iter().map(Value::rows).filter(|rows| *rows != Rows::Absent).peekable();
    if rows.peek().is_none() {
        return Rows::Absent;
    }
    let starts_free = matches!(output.dims.as_deref(), Some([Dim::Dynamic(_), ..]));
    if starts_free && rows.all(|rows| rows == Rows::Along(0)) { Rows::Along(0) } else { Rows::Mixed }
}

/// The names that the graphs within a node take from outside of them.
fn free_names(node: &NodeProto) -> BTreeSet<&str> {
    let graphs =
        node.attribute.iter().flat_map(|attribute| attribute.g.as_deref().into_iter().chain(&attribute.graphs));
    graphs.flat_map(free_names_of).collect()
}

// The decoder bounds how deep messages nest, and with it this recursion.
fn free_names_of(graph: &GraphProto) -> BTreeSet<&str> {
    let mut names: BTreeSet<&str> = graph.output.iter().map(ValueInfoProto::name_str).collect();
    for node in &graph.node {
        names.extend(node.input.iter().map(String::as_str));
        names.extend(free_names(node));
    }
    for input in &graph.input {
        names.remove(input.name_str());
    }
    for initializer in &graph.initializer {
        names.remove(initializer.name_str());
    }
    for output in graph.node.iter().flat_map(|node| &node.output) {
        names.remove(output.as_str());
    }
    names.remove("");
    names
}

pub(super) fn corrupt(detail: String) -> LoadError {
    LoadError::new(LoadErrorKind::Corrupt, detail).advise("export the model again")
}
