//! Every operator on inputs, attributes and versions drawn at random: whatever a file and a request hold, the answer is
//! an answer or an error, and never a panic.

use loadonce_core::{Batch, Session, Tensor};
use proptest::prelude::*;

use crate::onnx::proto::{NodeProto, TensorProto, ValueInfoProto, data_type};
use crate::onnx::testing::{
    ModelBuilder,
    Value::{Float, Int, Ints, Text},
    tensor_info, untyped,
};
use crate::tabular::ops::{Operator, operators};
use crate::tabular::session::TabularSession;
use crate::tabular::testing::compile;

const TYPES: [i32; 6] =
    [data_type::FLOAT, data_type::INT64, data_type::INT32, data_type::BOOL, data_type::DOUBLE, data_type::STRING];
const NUMBERS: [i64; 12] = [0, 1, -1, 2, 3, -2, -3, 4, 1 << 33, i64::MAX, i64::MIN, 5];

/// Decisions, one after another; zeros when they are used up.
struct Choices(std::vec::IntoIter<u8>);

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % limit
    }

    fn number(&mut self) -> i64 {
        // Ordinary numbers more often than extraordinary ones, or nothing would ever run.
        let limit = if self.below(4) == 0 { NUMBERS.len() } else { 4 };
        NUMBERS[self.below(limit)]
    }

    fn numbers(&mut self, count: usize) -> Vec<i64> {
        (0..count).map(|_| self.number()).collect()
    }

    fn shape(&mut self) -> Vec<usize> {
        let rank = self.below(4);
        (0..rank).map(|_| [1, 2, 3, 0][self.below(4)]).collect()
    }
}

fn tensor(data_type: i32, shape: &[usize], choices: &mut Choices) -> TensorProto {
    let count = shape.iter().product();
    let numbers = choices.numbers(count);
    let mut proto = TensorProto {
        dims: shape.iter().map(|&length| i64::try_from(length).unwrap()).collect(),
        data_type: Some(data_type),
        ..TensorProto::default()
    };
    #[expect(clippy::cast_precision_loss, reason = "any number will do")]
    let floats = numbers.iter().map(|&number| number as f64 / 2.0);
    #[expect(clippy::cast_possible_truncation, reason = "any number will do")]
    match data_type {
        data_type::FLOAT => proto.float_data = floats.map(|float| float as f32).collect(),
        data_type::DOUBLE => proto.double_data = floats.collect(),
        data_type::INT64 => proto.int64_data = numbers,
        data_type::INT32 => proto.int32_data = numbers.iter().map(|&number| number as i32).collect(),
        data_type::BOOL => proto.int32_data = numbers.iter().map(|number| i32::from(number % 2 != 0)).collect(),
        _ => proto.string_data = numbers.iter().map(|number| number.to_string().into()).collect(),
    }
    proto
}

/// Attributes by what their names call for, some of them left out.
fn with_attributes(mut node: NodeProto, operator: &Operator, choices: &mut Choices) -> NodeProto {
    for name in operator.attributes {
        if choices.below(2) == 0 {
            continue;
        }
        let count = choices.below(4);
        node = match *name {
            "axes" | "perm" | "starts" | "ends" | "split" | "shape" => node.with(name, Ints(&choices.numbers(count))),
            "alpha" | "beta" | "min" | "max" => node.with(name, Float([0.5, -1.0, f32::NAN, 2.0][choices.below(4)])),
            "reduction" => node.with(name, Text(["add", "mul", "none", "max"][choices.below(4)])),
            "metric" => node.with(name, Text("euclidean")),
            "to" => node.with(name, Int(TYPES[choices.below(6)].into())),
            _ => node.with(name, Int(choices.number())),
        };
    }
    node
}

/// A model of one operator, and a request for it.
fn model(operator: &Operator, choices: &mut Choices) -> (ModelBuilder, Vec<Tensor>) {
    let version = [18, 13, 7, 1, 21, 10][choices.below(6)];
    let mut model = ModelBuilder::new().opset("", version).opset("com.microsoft", 1);
    let count = operator.inputs.0 + choices.below(operator.inputs.1.min(5) - operator.inputs.0 + 1);
    let (mut request, mut names) = (Vec::new(), Vec::new());
    for input in inputs(count, choices) {
        names.push(if choices.below(16) == 0 { String::new() } else { input.name_str().to_owned() });
        if choices.below(2) == 0 {
            model = model.initializer(input);
        } else {
            request.push(input.to_tensor().unwrap());
            model = model.input(declared(&input, choices));
        }
    }
    let outputs = if operator.name == "Split" { 1 + choices.below(3) } else { 1 };
    let node = NodeProto {
        input: names,
        output: (0..outputs).map(|index| format!("o{index}")).collect(),
        op_type: Some(operator.name.to_owned()),
        domain: Some(if operator.domain == "ai.onnx" { "" } else { operator.domain }.to_owned()),
        ..NodeProto::default()
    };
    let model = model.node(with_attributes(node, operator, choices));
    ((0..outputs).fold(model, |model, index| model.output(untyped(&format!("o{index}")))), request)
}

/// Inputs that are often of one type and shape, or few operators would take them.
fn inputs(count: usize, choices: &mut Choices) -> Vec<TensorProto> {
    let (usual_type, usual_shape) = (TYPES[choices.below(6)], choices.shape());
    let mut input = |index: usize| {
        let data_type = if choices.below(3) == 0 { TYPES[choices.below(6)] } else { usual_type };
        let shape = if choices.below(2) == 0 { usual_shape.clone() } else { choices.shape() };
        TensorProto { name: Some(format!("i{index}")), ..tensor(data_type, &shape, choices) }
    };
    (0..count).map(&mut input).collect()
}

/// An input as a graph lists it, with its lengths or with free axes.
fn declared(input: &TensorProto, choices: &mut Choices) -> ValueInfoProto {
    let free = choices.below(2) == 0;
    let lengths = input.dims.iter().map(|length| if free { String::new() } else { length.to_string() });
    let lengths: Vec<String> = lengths.collect();
    let lengths: Vec<&str> = lengths.iter().map(String::as_str).collect();
    tensor_info(input.name_str(), input.data_type.unwrap(), &lengths)
}

/// Whether the model loaded, and whether it answered.
fn attempt(operator: &Operator, choices: Vec<u8>) -> (bool, bool) {
    let (model, request) = model(operator, &mut Choices(choices.into_iter()));
    let Ok(plan) = compile(&model) else { return (false, false) };
    let signature = plan.signature().clone();
    let mut session = TabularSession::new(plan.into());
    let batch = Batch::new(request);
    let Ok(answer) = session.run(&batch) else { return (true, false) };
    // What was said of the outputs before the run must hold, for requests of as many rows in each input.
    let rows: Vec<_> = batch.inputs().iter().map(|input| input.shape().first()).collect();
    if rows.iter().all(|each| *each == rows[0]) {
        signature.check_outputs(&batch, &answer).unwrap_or_else(|error| panic!("{}: {error}", operator.name));
        if signature.is_batchable() {
            check_rows_apart(operator, &mut session, &batch, &answer);
        }
    }
    (true, true)
}

/// Each row alone is answered as among the others.
fn check_rows_apart(operator: &Operator, session: &mut TabularSession, batch: &Batch, answer: &[Tensor]) {
    for row in 0..batch.row_count().unwrap() {
        let alone = batch.inputs().iter().map(|input| input.rows(row..row + 1)).collect();
        let expected: Vec<_> = answer.iter().map(|output| output.rows(row..row + 1)).collect();
        let got = session.run(&Batch::new(alone)).unwrap_or_else(|error| panic!("{}: {error}", operator.name));
        assert_eq!(got, expected, "{}: row {row} alone", operator.name);
    }
}

fn plain_operators() -> Vec<&'static Operator> {
    operators().filter(|operator| operator.domain != "ai.onnx.ml" && operator.name != "Scan").collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_operator_panics_or_breaks_its_word(
        operator in 0..plain_operators().len(),
        choices in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        attempt(plain_operators()[operator], choices);
    }
}

/// A fuzz test that never gets through to an operator would prove nothing.
#[test]
fn every_operator_answers_some_of_it() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let mut silent = Vec::new();
    for operator in plain_operators() {
        let answered = (0..3000).any(|_| attempt(operator, (0..120).map(|_| random()).collect()).1);
        if !answered {
            silent.push(operator.name);
        }
    }
    assert!(silent.is_empty(), "{silent:?}");
}
