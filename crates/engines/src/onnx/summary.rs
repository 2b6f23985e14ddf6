//! What can be said of an ONNX file without loading it into an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::constants::{self, Constant};
use super::proto::{FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, domain_name};
use super::types::Port;

/// What an ONNX file holds: enough to choose an engine, and to tell a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Name and version of the tool that wrote the file, as far as it says.
    pub producer: Option<String>,
    /// Version of the file format; 0 where the file does not say.
    pub ir_version: i64,
    /// Versions of the operator sets by domain; the default domain under its long name, `ai.onnx`.
    pub opsets: BTreeMap<String, i64>,
    /// The operators in use, with those of nested graphs, in the order of domain and name.
    pub operators: Vec<OperatorUse>,
    /// What the graph takes; initializers that old files list as inputs are not among them.
    pub inputs: Vec<Port>,
    /// What the graph gives.
    pub outputs: Vec<Port>,
    /// Weights.
    pub weights: Weights,
    /// Other files that hold weights, as the file names them.
    pub external_files: BTreeSet<String>,
    /// A domain that is no part of ONNX, of an operator that the file does not define itself.
    pub custom_domain: Option<String>,
}

/// An operator and how often a graph uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorUse {
    /// The domain, `ai.onnx` for the default one.
    pub domain: String,
    /// The name.
    pub name: String,
    /// Version of the domain's operator set; `None` if the file does not import the domain.
    pub version: Option<i64>,
    /// Nodes that use it.
    pub count: usize,
    /// The first such node: its name, or that of its first output where it has none.
    pub node: String,
}

/// Number and size of a model's constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// Tensors.
    pub tensors: usize,
    /// Bytes of their elements, those in other files included.
    pub bytes: u64,
}

impl Summary {
    /// Version of a domain's operator set, for instance of `ai.onnx`.
    pub fn opset(&self, domain: &str) -> Option<i64> {
        self.opsets.get(domain).copied()
    }

    /// Whether some operator is of `ai.onnx.ml`, the domain of classical models.
    pub fn is_classical(&self) -> bool {
        self.operators.iter().any(|used| used.domain == "ai.onnx.ml")
    }

    pub(super) fn of(model: &ModelProto, graph: &GraphProto) -> Self {
        let mut counts = Counts::default();
        count_operators(graph, &mut counts);
        let constants = constants::constants(graph, &model.functions);
        let opsets = opsets(model);
        let custom_domain = custom_domain(&counts, &model.functions);
        let operators = counts.into_iter().map(|((domain, name), (first, count))| {
            let version = opsets.get(domain).copied();
            let node = first.label().to_owned();
            OperatorUse { domain: domain.to_owned(), name: name.to_owned(), version, count, node }
        });
        Self {
            operators: operators.collect(),
            custom_domain,
            producer: producer(model),
            ir_version: model.ir_version.unwrap_or(0),
            inputs: inputs(graph),
            outputs: graph.output.iter().map(Port::of).collect(),
            weights: weights(&constants),
            external_files: external_files(&constants),
            opsets,
        }
    }
}

impl OperatorUse {
    /// The first node that uses it, for messages: `node 'scale' (ai.onnx.ml.Scaler), operator set 3`.
    pub fn first_node(&self) -> String {
        let Self { node, domain, name, .. } = self;
        match self.version {
            Some(version) => format!("node '{node}' ({domain}.{name}), operator set {version}"),
            None => format!("node '{node}' ({domain}.{name}), whose operator set the file does not import"),
        }
    }
}

impl fmt::Display for OperatorUse {
    /// For people: `ai.onnx.ml.Scaler (operator set 3), 2 nodes`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.domain, self.name)?;
        if let Some(version) = self.version {
            write!(formatter, " (operator set {version})")?;
        }
        let nodes = if self.count == 1 { "node" } else { "nodes" };
        write!(formatter, ", {} {nodes}", self.count)
    }
}

/// The first node of each operator and how many there are, by domain and name.
type Counts<'a> = BTreeMap<(&'a str, &'a str), (&'a NodeProto, usize)>;

// The decoder bounds how deep messages nest, and with it this recursion.
fn count_operators<'a>(graph: &'a GraphProto, counts: &mut Counts<'a>) {
    for node in &graph.node {
        counts.entry((node.domain_name(), node.operator())).or_insert((node, 0)).1 += 1;
        for attribute in &node.attribute {
            attribute.g.iter().for_each(|graph| count_operators(graph, counts));
            attribute.graphs.iter().for_each(|graph| count_operators(graph, counts));
        }
    }
}

/// Domains of which ONNX Runtime has operators (its documents, "Operator kernels").
pub(super) const KNOWN_DOMAINS: [&str; 4] = ["ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"];

fn custom_domain(counts: &Counts<'_>, functions: &[FunctionProto]) -> Option<String> {
    let defined: BTreeSet<_> =
        functions.iter().map(|own| (domain_name(own.domain.as_deref()), own.name_str())).collect();
    let mut operators = counts.keys().filter(|operator| !defined.contains(operator));
    operators.find(|(domain, _)| !KNOWN_DOMAINS.contains(domain)).map(|(domain, _)| (*domain).to_owned())
}

fn weights(constants: &[Constant<'_>]) -> Weights {
    let sizes = constants.iter().map(|constant| constant.tensor.element_bytes());
    Weights { tensors: constants.len(), bytes: sizes.fold(0, u64::saturating_add) }
}

fn external_files(constants: &[Constant<'_>]) -> BTreeSet<String> {
    let external = constants.iter().map(|constant| constant.tensor).filter(|tensor| tensor.is_external());
    external.map(|tensor| tensor.external_entry("location").unwrap_or_default().to_owned()).collect()
}

fn opsets(model: &ModelProto) -> BTreeMap<String, i64> {
    let imports = model.opset_import.iter();
    imports.map(|import| (domain_name(import.domain.as_deref()).to_owned(), import.version.unwrap_or(0))).collect()
}

fn producer(model: &ModelProto) -> Option<String> {
    let name = model.producer_name.as_deref().filter(|name| !name.is_empty())?;
    match model.producer_version.as_deref().filter(|version| !version.is_empty()) {
        Some(version) => Some(format!("{name} {version}")),
        None => Some(name.to_owned()),
    }
}

fn inputs(graph: &GraphProto) -> Vec<Port> {
    let sparse = graph.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
    let initialized: BTreeSet<&str> = graph.initializer.iter().chain(sparse).map(TensorProto::name_str).collect();
    let inputs = graph.input.iter().filter(|input| !initialized.contains(input.name_str()));
    inputs.map(Port::of).collect()
}
