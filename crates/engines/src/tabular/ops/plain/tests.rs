//! What the cases with the answers of ONNX Runtime cannot show: old operator sets, refusals, and which rows stay apart.

use loadonce_core::{LoadErrorKind, Tensor};

use crate::onnx::proto::{GraphProto, NodeProto, data_type};
use crate::onnx::testing::{
    ModelBuilder,
    Value::{Float, Graph, Int, Ints},
    float_tensor, int64_tensor, node, tensor_info, untyped,
};
use crate::tabular::testing::{Case, compile, floats, load_error, numbers, run, run_error};

fn with_constant(node: NodeProto, axes: &[&str], dims: &[i64], elements: &[f32]) -> Case {
    Case::new(node, axes).initializer(float_tensor("c", dims, elements))
}

fn with_lengths(node: NodeProto, axes: &[&str], elements: &[i64]) -> Case {
    let count = i64::try_from(elements.len()).unwrap();
    Case::new(node, axes).initializer(int64_tensor("c", &[count], elements))
}

fn add() -> NodeProto {
    node("Add", &["x", "c"], &["y"])
}

fn table() -> Tensor {
    floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
}

#[test]
fn before_operator_set_7_an_attribute_says_what_is_broadcast() {
    let columns = add().with("broadcast", Int(1));
    let output = with_constant(columns, &["", "3"], &[3], &[10.0, 20.0, 30.0]).onnx_version(6).run(table());
    assert_eq!(output[0], floats(&[2, 3], &[11.0, 22.0, 33.0, 14.0, 25.0, 36.0]));
    let rows = add().with("broadcast", Int(1)).with("axis", Int(0));
    let output = with_constant(rows, &["", "3"], &[2], &[10.0, 20.0]).onnx_version(1).run(table());
    assert_eq!(output[0], floats(&[2, 3], &[11.0, 12.0, 13.0, 24.0, 25.0, 26.0]));
    let error = with_constant(add(), &["", "3"], &[3], &[0.0; 3]).onnx_version(6).run_error(table()).to_string();
    assert!(error.ends_with("shape [3] cannot be broadcast to [2,3]"), "{error}");
    let far = add().with("broadcast", Int(1)).with("axis", Int(i64::MAX));
    let error = with_constant(far, &["", "3"], &[3], &[0.0; 3]).onnx_version(6).run_error(table()).to_string();
    assert!(error.ends_with("cannot be broadcast to [2,3]"), "{error}");
}

#[test]
fn the_first_operator_sets_have_attributes_for_inputs() {
    let old = |node: NodeProto, version: i64| Case::new(node, &["", "3"]).onnx_version(version).run(table());
    let reshape = node("Reshape", &["x"], &["y"]).with("shape", Ints(&[3, -1]));
    assert_eq!(old(reshape, 1)[0].shape()[..], [3, 2]);
    assert_eq!(old(node("Concat", &["x", "x"], &["y"]), 3)[0].shape()[..], [2, 6]);
    let clip = node("Clip", &["x"], &["y"]).with("max", Float(2.5));
    assert_eq!(old(clip, 6)[0], floats(&[2, 3], &[1.0, 2.0, 2.5, 2.5, 2.5, 2.5]));
    let split = node("Split", &["x"], &["y", "z"]).with("axis", Int(1)).with("split", Ints(&[1, 2]));
    assert_eq!(old(split, 2)[1], floats(&[2, 2], &[2.0, 3.0, 5.0, 6.0]));
}

#[test]
fn an_optional_input_may_be_left_out() {
    let clip = node("Clip", &["x", "", "c"], &["y"]);
    let output = with_constant(clip, &["", "3"], &[], &[2.5]).run(table());
    assert_eq!(output[0], floats(&[2, 3], &[1.0, 2.0, 2.5, 2.5, 2.5, 2.5]));
    let error = load_error(node("Add", &["x", ""], &["y"]), &["2"]);
    assert!(error.detail().ends_with("1 inputs, expected 2 or more"), "{error}");
    let error = load_error(node("Where", &["", "x", "x"], &["y"]), &["2"]);
    assert!(error.detail().ends_with("input '' is given by no input, constant or earlier node"), "{error}");
    let error = load_error(node("Sum", &["x", "", "x"], &["y"]), &["2"]);
    assert!(error.detail().ends_with("input '' is given by no input, constant or earlier node"), "{error}");
}

#[test]
fn a_shape_beyond_all_bounds_is_refused_and_named() {
    let huge = 1_i64 << 40;
    let filled = with_lengths(node("ConstantOfShape", &["x"], &["y"]), &["1"], &[]).of_type(data_type::INT64);
    let error = filled.run_error(numbers(&[1], &[huge])).to_string();
    assert!(error.contains("(ai.onnx.ConstantOfShape): a tensor of FP32 [1099511627776] is too large"), "{error}");
    let negative = filled.run_error(numbers(&[1], &[-1_i64])).to_string();
    assert!(negative.ends_with("[-1] is no shape"), "{negative}");
    let input = floats(&[1, 1], &[1.0]);
    for operator in ["Expand", "Tile"] {
        let case = with_lengths(node(operator, &["x", "c"], &["y"]), &["", "1"], &[huge, huge]);
        let error = case.run_error(input.clone()).to_string();
        assert!(error.contains("is too large"), "{error}");
    }
    let product = node("MatMul", &["x", "z"], &["y"]);
    let model = ModelBuilder::new().opset("", 17).input(tensor_info("x", data_type::FLOAT, &["", "1"]));
    let turn = node("Transpose", &["x"], &["z"]);
    let plan = compile(&model.node(turn).node(product).output(untyped("y"))).unwrap();
    let tall = floats(&[1 << 20, 1], &vec![0.0; 1 << 20]);
    let mut session = crate::tabular::session::TabularSession::new(plan.into());
    let error = loadonce_core::Session::run(&mut session, &loadonce_core::Batch::new(vec![tall])).unwrap_err();
    assert!(error.to_string().contains("(ai.onnx.MatMul): a tensor of FP32 [1048576,1048576] is too large"), "{error}");
}

#[test]
fn an_integer_is_not_divided_by_zero() {
    for operator in ["Div", "Mod"] {
        let error = run_error(node(operator, &["x", "x"], &["y"]), numbers(&[2], &[1_i64, 0])).to_string();
        assert!(error.ends_with("an integer cannot be divided by zero"), "{error}");
    }
    let lowest = node("Div", &["x", "c"], &["y"]);
    let case = with_lengths(lowest, &["1"], &[-1]).of_type(data_type::INT64);
    assert_eq!(case.run(numbers(&[1], &[i64::MIN]))[0], numbers(&[1], &[i64::MIN]));
}

#[test]
fn positions_outside_are_refused() {
    let gather = node("Gather", &["x", "c"], &["y"]);
    let error = with_lengths(gather, &["", "3"], &[2]).run_error(table()).to_string();
    assert!(error.ends_with("position 2 is not among 2"), "{error}");
    let top = node("TopK", &["x", "c"], &["y", "z"]);
    let error = with_lengths(top, &["", "3"], &[4]).run_error(table()).to_string();
    assert!(error.ends_with("4 elements are asked for along an axis of 3"), "{error}");
    let error = load_error(node("Softmax", &["x"], &["y"]).with("axis", Int(2)), &["", "3"]);
    assert!(error.detail().ends_with("there is no axis 2 among 2"), "{error}");
}

/// The output of a graph of these nodes, from `x` to `y`, with a free first axis.
fn signature(nodes: Vec<NodeProto>) -> String {
    let model = ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("x", data_type::FLOAT, &["n", "3"]))
        .initializer(int64_tensor("zero", &[1], &[0]))
        .initializer(int64_tensor("one", &[1], &[1]))
        .initializer(float_tensor("weights", &[3, 2], &[1.0; 6]));
    let model = nodes.into_iter().fold(model, ModelBuilder::node).output(untyped("y"));
    compile(&model).unwrap().signature().outputs[0].to_string()
}

#[test]
fn requests_share_a_run_only_where_their_rows_stay_apart() {
    let apart = [
        (vec![node("Softmax", &["x"], &["y"])], "FP32 [n,3]"),
        (vec![node("MatMul", &["x", "weights"], &["y"])], "FP32 [n,2]"),
        (vec![node("ReduceSum", &["x", "one"], &["y"]).with("keepdims", Int(0))], "FP32 [n]"),
        (vec![node("Transpose", &["x"], &["z"]), node("Transpose", &["z"], &["y"])], "FP32 [n,3]"),
        (vec![node("Shape", &["x"], &["z"]), node("ConstantOfShape", &["z"], &["y"])], "FP32 [n,3]"),
        (vec![node("Unsqueeze", &["x", "zero"], &["z"]), node("Squeeze", &["z", "zero"], &["y"])], "FP32 [n,3]"),
    ];
    for (nodes, expected) in apart {
        assert_eq!(signature(nodes), expected);
    }
    let mixed = [
        vec![node("Softmax", &["x"], &["y"]).with("axis", Int(0))],
        vec![node("CumSum", &["x", "zero"], &["y"])],
        vec![node("Concat", &["x", "x"], &["y"]).with("axis", Int(0))],
        vec![node("Transpose", &["x"], &["z"]), node("MatMul", &["x", "z"], &["y"])],
        vec![node("ReduceMax", &["x"], &["z"]).with("axes", Ints(&[0])), node("Sub", &["x", "z"], &["y"])],
        vec![node("Flatten", &["x"], &["y"]).with("axis", Int(2))],
        vec![node("NonZero", &["x"], &["z"]), node("Transpose", &["z"], &["y"])],
        vec![
            node("ArgMax", &["x"], &["z"]).with("axis", Int(1)).with("keepdims", Int(0)),
            node("Gather", &["x", "z"], &["y"]),
        ],
    ];
    for nodes in mixed {
        let operators: Vec<_> = nodes.iter().map(|node| node.operator().to_owned()).collect();
        assert!(signature(nodes).ends_with("[...]"), "{operators:?}");
    }
}

/// Sums of what came so far: each entry depends on those before it.
fn running_sum(output: &str) -> NodeProto {
    let body = GraphProto {
        input: vec![untyped("state"), untyped("entry")],
        node: vec![node("Add", &["state", "entry"], &["next"]), node("Mul", &["next", "outer"], &["scaled"])],
        output: vec![untyped("next"), untyped(output)],
        ..GraphProto::default()
    };
    node("Scan", &["start", "x"], &["last", "y"]).with("body", Graph(Box::new(body))).with("num_scan_inputs", Int(1))
}

fn scan(node: NodeProto) -> ModelBuilder {
    ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("x", data_type::FLOAT, &["n", "3"]))
        .initializer(float_tensor("start", &[3], &[0.0; 3]))
        .initializer(float_tensor("outer", &[], &[2.0]))
        .node(node)
        .output(untyped("y"))
}

#[test]
fn a_scan_carries_states_and_sees_what_is_around_it() {
    let plan = compile(&scan(running_sum("scaled"))).unwrap();
    assert_eq!(plan.signature().outputs[0].to_string(), "FP32 [...]");
    let mut session = crate::tabular::session::TabularSession::new(plan.into());
    let answer = loadonce_core::Session::run(&mut session, &loadonce_core::Batch::new(vec![table()])).unwrap();
    assert_eq!(answer[0], floats(&[2, 3], &[2.0, 4.0, 6.0, 10.0, 14.0, 18.0]));
    let empty = loadonce_core::Batch::new(vec![floats(&[0, 3], &[])]);
    let error = loadonce_core::Session::run(&mut session, &empty).unwrap_err().to_string();
    assert!(error.ends_with("a scan over no entries gives nothing to gather"), "{error}");
}

/// Squared distances of `x` to `points`: as converters write them, or the other way round.
fn distances(difference: &[&str]) -> ModelBuilder {
    let square = node("ReduceSumSquare", &["apart"], &["square"]).with("axes", Ints(&[1])).with("keepdims", Int(0));
    let body = GraphProto {
        input: vec![untyped("state"), untyped("entry")],
        node: vec![
            node("Identity", &["state"], &["kept"]),
            node("Sub", difference, &["apart"]),
            square,
            node("Identity", &["square"], &["given"]),
        ],
        output: vec![untyped("kept"), untyped("given")],
        ..GraphProto::default()
    };
    let scan = node("Scan", &["x", "points"], &["z", "y"]).with("body", Graph(Box::new(body)));
    ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("x", data_type::FLOAT, &["n", "2"]))
        .initializer(float_tensor("points", &[3, 2], &[0.0, 0.0, 3.0, 4.0, -1.0, 1.0]))
        .node(scan.with("num_scan_inputs", Int(1)))
        .node(node("Transpose", &["y"], &["squares"]))
        .output(untyped("squares"))
}

#[test]
fn distances_to_points_are_not_scanned_one_by_one() {
    let batch = loadonce_core::Batch::new(vec![floats(&[2, 2], &[0.0, 0.0, 1.0, 1.0])]);
    let forms = [(["state", "entry"], true), (["entry", "state"], false)];
    for (difference, at_once) in forms {
        let plan = compile(&distances(&difference)).unwrap();
        assert_eq!(plan.signature().outputs[0].to_string(), if at_once { "FP32 [n,3]" } else { "FP32 [?,?]" });
        assert_eq!(format!("{:?}", plan.program().steps[0].kernel).starts_with("SquaredDistances"), at_once);
        let mut session = crate::tabular::session::TabularSession::new(plan.into());
        let answer = loadonce_core::Session::run(&mut session, &batch).unwrap();
        assert_eq!(answer[0], floats(&[2, 3], &[0.0, 25.0, 2.0, 2.0, 13.0, 4.0]));
    }
}

#[test]
fn what_a_scan_gathers_has_a_bound() {
    let body = GraphProto {
        input: vec![untyped("entry")],
        initializer: vec![int64_tensor("lengths", &[2], &[64, 64])],
        node: vec![node("Expand", &["entry", "lengths"], &["wide"])],
        output: vec![untyped("wide")],
        ..GraphProto::default()
    };
    let wide = node("Scan", &["x"], &["y"]).with("body", Graph(Box::new(body))).with("num_scan_inputs", Int(1));
    let case = Case::new(wide, &["", "1"]);
    let error = case.run_error(floats(&[80, 1], &[0.0; 80])).to_string();
    assert!(error.ends_with("what is gathered takes more than 1048576 bytes"), "{error}");
}

#[test]
fn a_body_that_does_not_hold_together_is_corrupt() {
    let error = compile(&scan(running_sum("nothing"))).unwrap_err();
    assert_eq!((error.kind(), error.detail()), (LoadErrorKind::Corrupt, "output 'nothing' is given by no node"));
    let mut two = running_sum("scaled");
    two.input.push("x".to_owned());
    let error = compile(&scan(two)).unwrap_err();
    assert!(error.detail().ends_with("graph 'body' has 2 inputs, expected 3"), "{error}");
    let none = node("Scan", &["x"], &["y"]).with("num_scan_inputs", Int(2));
    assert!(compile(&scan(none)).unwrap_err().detail().ends_with("'num_scan_inputs' is no number of inputs"));
}

#[test]
fn what_depends_on_constants_alone_is_computed_once() {
    let model = |position: i64| {
        let model = ModelBuilder::new().opset("", 17).input(tensor_info("x", data_type::FLOAT, &["n", "3"]));
        model
            .initializer(int64_tensor("lengths", &[2], &[-1, 1]))
            .initializer(int64_tensor("at", &[1], &[position]))
            .node(node("Gather", &["lengths", "at"], &["shape"]))
            .node(node("Reshape", &["x", "shape"], &["y"]))
            .output(untyped("y"))
    };
    let plan = compile(&model(0)).unwrap();
    let operators: Vec<_> = plan.program().steps.iter().map(|step| step.label.as_str()).collect();
    assert_eq!(operators, ["node 'y' (ai.onnx.Reshape)"]);
    let error = compile(&model(2)).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Corrupt);
    assert!(error.detail().contains("(ai.onnx.Gather): position 2 is not among 2, whatever the request"), "{error}");
}

#[test]
fn a_value_is_dropped_by_the_last_step_that_takes_it() {
    let model = ModelBuilder::new().opset("", 11).input(tensor_info("x", data_type::FLOAT, &["n", "3"]));
    let model = model
        .initializer(float_tensor("c", &[3], &[1.0; 3]))
        .node(node("Add", &["x", "c"], &["a"]))
        .node(node("Split", &["a"], &["b", "unused"]).with("axis", Int(1)).with("split", Ints(&[1, 2])))
        .node(node("Mul", &["a", "b"], &["y"]))
        .node(node("Sub", &["y", "c"], &["z"]));
    let plan = compile(&model.output(untyped("y")).output(untyped("z"))).unwrap();
    let steps = &plan.program().steps;
    let dropped: Vec<usize> = steps.iter().map(|step| step.last_uses.len()).collect();
    assert_eq!(dropped, [1, 0, 2, 0], "x after Add, a and b after Mul; c is a constant, y an output");
    assert_eq!(steps[1].outputs[1], None);
}

#[test]
fn one_element_broadcasts_in_every_order() {
    let output = run(node("Sub", &["x", "x"], &["y"]), floats(&[1], &[3.0]));
    assert_eq!(output[0], floats(&[1], &[0.0]));
    let empty = with_constant(add(), &["", "3"], &[1, 3], &[1.0; 3]).run(floats(&[0, 3], &[]));
    assert_eq!(empty[0].shape()[..], [0, 3]);
}
