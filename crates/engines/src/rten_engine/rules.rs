//! Uses of operators that rten 0.27 would answer wrongly, or fail at in every run.
//!
//! Each was found by the conformance suite or read off rten's source, and is refused before the model is loaded: a
//! wrong answer is worse than none. Where only the type or shape of a value decides, what the graph does not tell is
//! trusted, except for casts to truth values, which most models do from values whose type is told.

use std::collections::HashSet;

use loadonce_core::{LoadError, LoadErrorKind};

use super::facts::{Facts, cast_to, is_among};
use crate::onnx::advice;
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, data_type};

/// A node among its graph's values.
#[derive(Clone, Copy)]
struct Use<'a> {
    node: &'a NodeProto,
    facts: &'a Facts<'a>,
}

/// Says what rten does wrongly with a use of an operator, if it does.
type Rule = fn(Use<'_>) -> Option<&'static str>;

/// By operators' names, with blanks between, of whatever domain: rten has no two of one name that differ in what is asked here.
const RULES: &[(&str, Rule)] = &[
    ("Resize", |used| used.has_text("mode", "cubic").then_some("rten has no cubic interpolation")),
    ("ArgMax ArgMin", |_| Some("rten takes the last of equal elements, the standard the first")),
    ("Conv ConvInteger ConvTranspose AveragePool MaxPool", |used| {
        used.has_text("auto_pad", "SAME_LOWER").then_some("rten pads as for SAME_UPPER")
    }),
    ("Conv ConvInteger ConvTranspose", defaults_of_convolution),
    ("ConvTranspose", |used| {
        (used.rank(1) > Some(4)).then_some("rten has transposed convolutions over one or two axes only")
    }),
    ("AveragePool MaxPool", |used| used.attribute("strides").is_none().then_some("rten needs 'strides' to be given")),
    ("MaxPool", |used| used.has_output(1).then_some("rten does not give the indices")),
    ("MaxPool", |used| used.is_of_bytes().then_some(NO_BYTES)),
    ("GridSample", |used| (used.rank(0) > Some(4)).then_some("rten samples grids of two axes only")),
    ("LSTM GRU DynamicQuantizeLSTM", |used| {
        used.input(4).is_some().then_some("rten takes every sequence to be whole, whatever 'sequence_lens' says")
    }),
    ("GRU", |used| {
        (used.int("linear_before_reset") != Some(1)).then_some("rten has it with 'linear_before_reset' 1 only")
    }),
    ("LayerNormalization", |used| {
        (used.has_output(1) || used.has_output(2)).then_some("rten does not give mean and deviation")
    }),
    ("Attention", |used| used.has_output(3).then_some("rten does not give 'qk_matmul_output'")),
    ("Pad", |used| used.input(3).is_some().then_some("rten has no input 'axes'")),
    ("Unsqueeze Squeeze", |used| (used.rank(1) == Some(0)).then_some("rten needs a list of axes")),
    ("QuantizeLinear", |used| {
        let by_axis = used.attribute("axis").is_none() && used.input(1).is_some_and(|scale| used.facts.is_list(scale));
        by_axis.then_some("rten takes the last axis where none is given, the standard the second")
    }),
    ("MatMul", |used| {
        let keeps_axis = used.rank(1) == Some(1) && used.rank(0).is_none_or(|rank| rank > 2);
        keeps_axis.then_some("rten gives an axis too many for a stack of matrices times a vector")
    }),
    ("Sign", |used| used.may_be_float(0).then_some("rten takes the sign of zero as 1")),
    ("ReduceMax ReduceMin", |used| {
        (used.data_type(0) == Some(data_type::BOOL)).then_some("rten has no maximum and minimum of truth values")
    }),
    ("BitCast", |used| (!used.keeps_width()).then_some("rten holds elements of other widths")),
    ("OneHot", |used| {
        let whole = |index| used.data_type(index) != Some(data_type::FLOAT);
        (!whole(0) || !whole(1)).then_some("rten takes whole numbers only as indices and depth")
    }),
    ("Pow", |used| {
        let is_float = |index| used.data_type(index).map(|known| known == data_type::FLOAT);
        (is_float(0) == Some(true) && is_float(1) == Some(false))
            .then_some("rten needs a FP32 exponent for a FP32 base")
    }),
    ("Add Sub Mul Div Mod Min Max Clip Equal Greater GreaterOrEqual Less LessOrEqual", |used| {
        used.is_of_bytes().then_some(NO_BYTES)
    }),
];

const NO_BYTES: &str = "rten has it for 32 bits only, not for INT8 and UINT8";

/// Refuses a graph with a use of an operator that rten has wrong.
pub(super) fn check(graph: &GraphProto) -> Result<(), LoadError> {
    let facts = Facts::of(graph);
    check_nodes(graph, &facts)?;
    Truths { facts: &facts, numbers: HashSet::new() }.check(graph)
}

// The decoder bounds how deep messages nest, and with it this recursion.
fn check_nodes(graph: &GraphProto, facts: &Facts<'_>) -> Result<(), LoadError> {
    for node in &graph.node {
        inner_graphs(node).try_for_each(|graph| check_nodes(graph, facts))?;
        let rules = RULES.iter().filter(|(operators, _)| is_among(operators, node.operator()));
        let found = rules.map(|(_, rule)| rule).find_map(|rule| rule(Use { node, facts }));
        if let Some(what) = found {
            return Err(refused(node, what));
        }
    }
    Ok(())
}

fn inner_graphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().map(AsRef::as_ref).chain(&attribute.graphs))
}

fn refused(node: &NodeProto, what: &str) -> LoadError {
    let (name, domain, operator) = (node.name.as_deref().unwrap_or_default(), node.domain_name(), node.operator());
    let detail = format!("node '{name}' ({domain}.{operator}): {what}");
    LoadError::new(LoadErrorKind::Unsupported, detail).advise(advice::who_runs(domain))
}

/// rten reads the number of axes off `kernel_shape`, which the standard lets a file leave out.
fn defaults_of_convolution(used: Use<'_>) -> Option<&'static str> {
    let missing = |name: &str| used.attribute(name).is_none();
    let pads = missing("pads") && !used.has_text("auto_pad", "SAME_UPPER");
    let any = pads || missing("strides") || missing("dilations");
    (missing("kernel_shape") && any).then_some("rten needs 'kernel_shape', or all of 'strides', 'dilations' and 'pads'")
}

impl<'a> Use<'a> {
    fn attribute(self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name_str() == name)
    }

    fn has_text(self, name: &str, text: &str) -> bool {
        self.attribute(name).and_then(|attribute| attribute.s.as_deref()) == Some(text.as_bytes())
    }

    fn int(self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    fn input(self, index: usize) -> Option<&'a str> {
        self.node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    fn has_output(self, index: usize) -> bool {
        self.node.output.get(index).is_some_and(|name| !name.is_empty())
    }

    fn rank(self, input: usize) -> Option<usize> {
        self.facts.rank(self.input(input)?)
    }

    fn data_type(self, input: usize) -> Option<i32> {
        self.facts.data_type(self.input(input)?)
    }

    fn may_be_float(self, input: usize) -> bool {
        !self.data_type(input).is_some_and(|known| WHOLE.contains(&known))
    }

    fn is_of_bytes(self) -> bool {
        let is_byte = |index| matches!(self.data_type(index), Some(data_type::INT8 | data_type::UINT8));
        (0..self.node.input.len()).any(is_byte)
    }

    fn casts_to_truth(self) -> bool {
        let to = match self.node.operator() {
            "Cast" => cast_to(self.node),
            "CastLike" => self.data_type(1),
            _ => None,
        };
        to == Some(data_type::BOOL)
    }

    /// Whether a `BitCast` is between types that rten holds in their own widths.
    fn keeps_width(self) -> bool {
        const OWN: [i32; 4] = [data_type::FLOAT, data_type::INT32, data_type::INT8, data_type::UINT8];
        [self.data_type(0), cast_to(self.node)].iter().all(|known| known.is_some_and(|known| OWN.contains(&known)))
    }
}

/// Types whose zero and sign are exact in 32 bits.
const WHOLE: [i32; 5] = [data_type::BOOL, data_type::INT8, data_type::UINT8, data_type::INT32, data_type::INT64];

/// Operators that pass elements on as they are.
const PASSING: &str =
    "Identity Reshape Transpose Unsqueeze Squeeze Flatten Expand Slice Split Gather GatherElements Concat Tile";

/// Operators that take any number but zero as true.
const LOGICAL: &str = "Where Not And Or Xor NonZero If Loop";

/// Casts to truth values, which rten makes as casts to whole numbers: 0.5 would be false, and 2 would stay 2.
struct Truths<'a> {
    facts: &'a Facts<'a>,
    /// Truth values that rten holds as any number.
    numbers: HashSet<&'a str>,
}

impl<'a> Truths<'a> {
    fn check(&mut self, graph: &'a GraphProto) -> Result<(), LoadError> {
        graph.node.iter().try_for_each(|node| self.check_node(node))
    }

    fn check_node(&mut self, node: &'a NodeProto) -> Result<(), LoadError> {
        for graph in inner_graphs(node) {
            self.check(graph)?;
        }
        let used = Use { node, facts: self.facts };
        let operator = node.operator();
        let takes_number = node.input.iter().any(|input| self.numbers.contains(input.as_str()));
        if used.casts_to_truth() {
            if used.may_be_float(0) {
                return Err(refused(node, "rten cuts numbers before it asks whether they are zero"));
            }
            if takes_number || used.data_type(0) != Some(data_type::BOOL) {
                self.numbers.extend(node.output.first().map(String::as_str));
            }
        } else if takes_number && is_among(PASSING, operator) {
            self.numbers.extend(node.output.iter().map(String::as_str));
        } else if takes_number && !is_among(LOGICAL, operator) {
            return Err(refused(
                node,
                "rten computes with truth values that a cast made of numbers as with the numbers",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::testing::{ModelBuilder, Value::Int, Value::Text, node, tensor_info};

    /// What is said of nodes over floats `f` (a matrix) and `v` (a vector), whole numbers `n` and bytes `b`.
    fn verdict(nodes: Vec<NodeProto>) -> String {
        let info = |name: &str, data_type| tensor_info(name, data_type, &["2", "3"]);
        let mut model = ModelBuilder::new()
            .input(info("f", data_type::FLOAT))
            .input(tensor_info("v", data_type::FLOAT, &["3"]))
            .input(info("n", data_type::INT64))
            .input(info("b", data_type::UINT8));
        model.graph().node = nodes;
        check(model.graph()).map_or_else(|error| error.detail().to_owned(), |()| "fine".to_owned())
    }

    #[test]
    fn uses_that_rten_has_wrong_are_refused_and_others_are_not() {
        let cubic = node("Resize", &["f"], &["y"]).with("mode", Text("cubic"));
        let linear = node("Resize", &["f"], &["y"]).with("mode", Text("linear"));
        let mean = node("LayerNormalization", &["f", "v"], &["y", "mean"]);
        let gru = node("GRU", &["f", "f", "f"], &["y"]).with("linear_before_reset", Int(1));
        let cases = [
            (cubic, "node '' (ai.onnx.Resize): rten has no cubic interpolation"),
            (linear, "fine"),
            (mean, "node '' (ai.onnx.LayerNormalization): rten does not give mean and deviation"),
            (node("LayerNormalization", &["f", "v"], &["y", "", ""]), "fine"),
            (gru, "fine"),
            (
                node("GRU", &["f", "f", "f"], &["y"]),
                "node '' (ai.onnx.GRU): rten has it with 'linear_before_reset' 1 only",
            ),
            (node("LSTM", &["f", "f", "f", "v"], &["y"]), "fine"),
            (
                node("LSTM", &["f", "f", "f", "", "n"], &["y"]),
                "node '' (ai.onnx.LSTM): rten takes every sequence to be whole, whatever 'sequence_lens' says",
            ),
            (node("MatMul", &["f", "v"], &["y"]), "fine"),
            (
                node("MatMul", &["?", "v"], &["y"]),
                "node '' (ai.onnx.MatMul): rten gives an axis too many for a stack of matrices times a vector",
            ),
            (node("Sign", &["n"], &["y"]), "fine"),
            (node("Sign", &["f"], &["y"]), "node '' (ai.onnx.Sign): rten takes the sign of zero as 1"),
            (node("Add", &["f", "f"], &["y"]), "fine"),
            (
                node("Add", &["b", "b"], &["y"]),
                "node '' (ai.onnx.Add): rten has it for 32 bits only, not for INT8 and UINT8",
            ),
        ];
        for (node, expected) in cases {
            assert_eq!(verdict(vec![node.clone()]), expected, "{node:?}");
        }
    }

    #[test]
    fn a_truth_value_made_of_a_number_may_be_asked_but_not_computed_with() {
        let cast = |from: &str, to| node("Cast", &[from], &["t"]).with("to", Int(i64::from(to)));
        let truth = |from: &str| cast(from, data_type::BOOL);
        let refused = "rten cuts numbers before it asks whether they are zero";
        assert_eq!(verdict(vec![truth("f")]), format!("node '' (ai.onnx.Cast): {refused}"));
        assert_eq!(verdict(vec![truth("n"), node("Where", &["t", "f", "f"], &["y"])]), "fine");
        let passed = node("Unsqueeze", &["t"], &["u"]);
        let number = node("Cast", &["u"], &["y"]).with("to", Int(i64::from(data_type::FLOAT)));
        let refused = "rten computes with truth values that a cast made of numbers as with the numbers";
        assert_eq!(verdict(vec![truth("n"), passed, number.clone()]), format!("node '' (ai.onnx.Cast): {refused}"));
        let compared = node("Greater", &["n", "n"], &["u"]);
        assert_eq!(verdict(vec![compared, number]), "fine");
    }

    #[test]
    fn branches_are_looked_into() {
        let branch = GraphProto {
            node: vec![node("Resize", &["f"], &["y"]).with("mode", Text("cubic"))],
            ..GraphProto::default()
        };
        let mut choice = node("If", &["c"], &["y"]);
        choice.attribute.push(AttributeProto { g: Some(Box::new(branch)), ..AttributeProto::default() });
        assert_eq!(verdict(vec![choice]), "node '' (ai.onnx.Resize): rten has no cubic interpolation");
    }
}
