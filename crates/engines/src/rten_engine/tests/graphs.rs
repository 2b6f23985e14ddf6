//! Graphs as exporters write them: axes by formula, branches, scalars, names of any kind.

use loadonce_core::{LoadErrorKind, RunError};

use super::{error_of, load, passed, run, tensor};
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, attribute_type, data_type};
use crate::onnx::testing::{
    ModelBuilder,
    Value::{Int, Tensor},
    float_tensor, int64_tensor, node, tensor_info, untyped,
};

#[test]
fn axes_by_formula_or_without_a_name_take_any_length() {
    let axes = ["batch*2", "2*N+1", ""];
    let model = load(&passed(data_type::FLOAT, &axes)).unwrap();
    assert_eq!(model.signature().inputs[0].to_string(), "FP32 [?,?,?]");
    assert_eq!(model.signature().outputs[0].to_string(), "FP32 [?,?,?]");
    for shape in [[1, 1, 1], [3, 4, 2], [0, 2, 1]] {
        let input = tensor(&shape, &vec![1.5_f32; shape.iter().product()]);
        assert_eq!(run(&*model, vec![input.clone()]).unwrap(), [input]);
    }
}

#[test]
fn two_inputs_may_have_different_lengths_where_both_axes_have_no_name() {
    let model = ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("a", data_type::FLOAT, &[""]))
        .input(tensor_info("b", data_type::FLOAT, &[""]))
        .node(node("Concat", &["a", "b"], &["y"]).with("axis", Int(0)))
        .output(tensor_info("y", data_type::FLOAT, &["n+m"]));
    let model = load(&model).unwrap();
    let answers = run(&*model, vec![tensor(&[1], &[1.0_f32]), tensor(&[2], &[2.0_f32, 3.0])]).unwrap();
    assert_eq!(answers, [tensor(&[3], &[1.0_f32, 2.0, 3.0])]);
}

/// rten would make the tensor while it loads, and a process that gets no memory for it ends.
#[test]
fn a_constant_shape_beyond_reason_is_refused() {
    let shape = |lengths: &[i64]| int64_tensor("shape", &[lengths.len().try_into().unwrap()], lengths);
    let filled = |lengths| {
        ModelBuilder::new()
            .opset("", 17)
            .input(tensor_info("x", data_type::FLOAT, &["n"]))
            .initializer(shape(lengths))
            .node(node("ConstantOfShape", &["shape"], &["zeros"]))
            .node(node("Add", &["x", "zeros"], &["y"]))
            .output(tensor_info("y", data_type::FLOAT, &["m"]))
    };
    assert!(load(&filled(&[2])).is_ok());
    let error = error_of(&filled(&[1 << 30, 1 << 30]));
    let expected = "node 'zeros' (ai.onnx.ConstantOfShape): a tensor of shape [1073741824, 1073741824] is too large, at most \
                    1073741824 elements are allowed";
    assert_eq!((error.kind(), error.detail()), (LoadErrorKind::Unsupported, expected));
    let constant = node("Constant", &[], &["large"]).with("value", Tensor(Box::new(shape(&[2, 1 << 30]))));
    let body = GraphProto {
        node: vec![node("Expand", &["x", "large"], &["chosen"])],
        output: vec![untyped("chosen")],
        ..GraphProto::default()
    };
    let model = filled(&[2]).node(constant).input(tensor_info("c", data_type::BOOL, &[]));
    let error = error_of(&model.node(choice("c", body, scaled(1.0), "z")));
    assert!(error.detail().starts_with("node 'chosen' (ai.onnx.Expand): a tensor of shape [2, 1073741824]"), "{error}");
}

#[test]
fn a_scalar_goes_in_and_comes_out_without_axes() {
    let model = ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("x", data_type::FLOAT, &["n"]))
        .input(tensor_info("scale", data_type::FLOAT, &[]))
        .input(tensor_info("rate", data_type::INT64, &[]))
        .node(node("Mul", &["x", "scale"], &["scaled"]))
        .node(node("ReduceSum", &["scaled"], &["sum"]).with("keepdims", Int(0)))
        .node(node("Identity", &["rate"], &["same"]))
        .output(tensor_info("sum", data_type::FLOAT, &[]))
        .output(tensor_info("same", data_type::INT64, &[]));
    let model = load(&model).unwrap();
    assert_eq!(model.signature().inputs[1].to_string(), "FP32 []");
    let inputs = vec![tensor(&[3], &[1.0_f32, 2.0, 3.0]), tensor(&[], &[0.5_f32]), tensor(&[], &[16_000_i64])];
    assert_eq!(run(&*model, inputs).unwrap(), [tensor(&[], &[3.0_f32]), tensor(&[], &[16_000_i64])]);
}

#[test]
fn names_may_be_paths_tensors_of_other_tools_or_digits() {
    for name in ["/encoder/layer.0/in", "serving_default_x:0", "onnx::MatMul_7", "123", "0", "a b", "ü"] {
        let output = format!("{name}/out:0");
        let model = ModelBuilder::new()
            .opset("", 17)
            .input(tensor_info(name, data_type::FLOAT, &["n"]))
            .node(node("Relu", &[name], &[&output]))
            .output(tensor_info(&output, data_type::FLOAT, &["n"]));
        let model = load(&model).unwrap();
        assert_eq!((&*model.signature().inputs[0].name, &*model.signature().outputs[0].name), (name, &*output));
        let answers = run(&*model, vec![tensor(&[2], &[-1.0_f32, 1.0])]).unwrap();
        assert_eq!(answers, [tensor(&[2], &[0.0_f32, 1.0])], "{name}");
    }
}

fn branch(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        g: Some(Box::new(graph)),
        r#type: Some(attribute_type::GRAPH),
        ..AttributeProto::default()
    }
}

fn choice(condition: &str, then: GraphProto, otherwise: GraphProto, output: &str) -> NodeProto {
    let attribute = vec![branch("then_branch", then), branch("else_branch", otherwise)];
    NodeProto { attribute, ..node("If", &[condition], &[output]) }
}

/// A branch that scales `x`, a value of the graph around it, by a constant of its own.
fn scaled(by: f32) -> GraphProto {
    let output = format!("by{by}");
    GraphProto {
        initializer: vec![float_tensor("factor", &[1], &[by])],
        node: vec![node("Mul", &["x", "factor"], &[&output])],
        output: vec![untyped(&output)],
        ..GraphProto::default()
    }
}

/// As silero-vad has it: a network for each sampling rate, chosen by a scalar input, within a choice of another kind.
#[test]
fn a_branch_is_chosen_by_an_input_and_sees_the_values_around_it() {
    let rates = GraphProto {
        node: vec![
            node("Equal", &["rate", "sixteen"], &["is_sixteen"]),
            choice("is_sixteen", scaled(16.0), scaled(8.0), "chosen"),
        ],
        output: vec![untyped("chosen")],
        ..GraphProto::default()
    };
    let model = ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("x", data_type::FLOAT, &["n"]))
        .input(tensor_info("rate", data_type::INT64, &[]))
        .input(tensor_info("on", data_type::BOOL, &[]))
        .initializer(int64_tensor("sixteen", &[], &[16_000]))
        .node(choice("on", rates, scaled(0.0), "y"))
        .output(tensor_info("y", data_type::FLOAT, &["n"]));
    let model = load(&model).unwrap();
    let ask = |rate: i64, on: bool| -> Result<Vec<loadonce_core::Tensor>, RunError> {
        run(&*model, vec![tensor(&[2], &[1.0_f32, 2.0]), tensor(&[], &[rate]), tensor(&[], &[on])])
    };
    assert_eq!(ask(16_000, true).unwrap(), [tensor(&[2], &[16.0_f32, 32.0])]);
    assert_eq!(ask(8_000, true).unwrap(), [tensor(&[2], &[8.0_f32, 16.0])]);
    assert_eq!(ask(8_000, false).unwrap(), [tensor(&[2], &[0.0_f32, 0.0])]);
}
