use std::path::Path;
use std::sync::Arc;

use loadonce_core::{
    Batch, Contract, Engine, LoadError, LoadErrorKind, Model, ModelSpec, Progress, RunError, Shape, Tensor,
};

use super::Rten;
use crate::onnx::proto::{NodeProto, TensorProto, data_type};
use crate::onnx::testing::{ModelBuilder, Value::Int, float_tensor, int64_tensor, ml_node, node, tensor_info, untyped};

mod external;
mod graphs;

/// `softmax(relu(x * w))`, with names as exporters write them.
pub(super) fn network(opset: i64) -> ModelBuilder {
    ModelBuilder::new()
        .opset("", opset)
        .input(tensor_info("/in:0", data_type::FLOAT, &["batch", "2"]))
        .initializer(float_tensor("w", &[2, 2], &[1.0, -1.0, 0.0, 2.0]))
        .node(node("MatMul", &["/in:0", "w"], &["/m"]))
        .node(node("Relu", &["/m"], &["/r"]))
        .node(node("Softmax", &["/r"], &["17"]).with("axis", Int(-1)))
        .output(tensor_info("17", data_type::FLOAT, &["batch", "2"]))
}

pub(super) fn load(model: &ModelBuilder) -> Result<Arc<dyn Model>, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    load_in(folder.path(), model)
}

pub(super) fn load_in(folder: &Path, model: &ModelBuilder) -> Result<Arc<dyn Model>, LoadError> {
    let path = folder.join("model.onnx");
    std::fs::write(&path, model.encode()).unwrap();
    Rten.load(&ModelSpec::new("m", path), &Progress::default())
}

pub(super) fn error_of(model: &ModelBuilder) -> LoadError {
    load(model).map(drop).unwrap_err()
}

pub(super) fn tensor<T: loadonce_core::Element>(shape: &[usize], elements: &[T]) -> Tensor {
    Tensor::from_vec(Shape::from(shape), elements.to_vec()).unwrap()
}

pub(super) fn run(model: &dyn Model, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
    model.open_session().unwrap().run(&Batch::new(inputs))
}

#[test]
fn a_network_answers_in_its_files_names_and_axes() {
    let model = load(&network(13)).unwrap();
    let signature = model.signature();
    assert_eq!((signature.inputs[0].name.as_str(), signature.outputs[0].name.as_str()), ("/in:0", "17"));
    assert_eq!(signature.outputs[0].to_string(), "FP32 [batch,2]");
    assert_eq!(model.contract(), Contract::Shared);
    // Four weights, and their packed form.
    assert_eq!((model.memory().copies(), model.memory().weight_bytes), (1, Some(32)));
    // [1, 1] * w = [1, 1]; [1, 0] * w = [1, -1], whose softmax after relu is e / (e + 1).
    let answers = run(&*model, vec![tensor(&[2, 2], &[1.0_f32, 1.0, 1.0, 0.0])]).unwrap();
    let got = answers[0].as_slice::<f32>().unwrap();
    for (got, expected) in got.iter().zip([0.5, 0.5, 0.731_058_6, 0.268_941_4]) {
        assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
    }
}

#[test]
fn an_old_operator_set_is_refused() {
    let error = error_of(&network(12));
    assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    assert_eq!(error.detail(), "operator set 12 of ai.onnx is too old, expected 13 or later");
    assert_eq!(error.advice(), Some("export the model with opset 13 or later"));
}

#[test]
fn an_operator_that_rten_does_not_have_is_named() {
    let model = network(13).node(node("LRN", &["17"], &["z"]));
    let error = error_of(&model);
    assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    assert_eq!(error.detail(), "node 'z' (ai.onnx.LRN), operator set 13: rten does not have this operator");
    let advice = "install ONNX Runtime, which runs it: pip install onnxruntime";
    assert_eq!(error.advice(), Some(advice));
    let named = NodeProto {
        name: Some("g".to_owned()),
        domain: Some("com.microsoft".to_owned()),
        ..node("Gelu", &["17"], &["z"])
    };
    let error = error_of(&network(13).opset("com.microsoft", 1).node(named));
    assert_eq!(error.detail(), "node 'g' (com.microsoft.Gelu), operator set 1: rten does not have this operator");
    assert_eq!(error.advice(), Some(advice));
    let custom = NodeProto { domain: Some("com.acme".to_owned()), ..node("Foo", &["17"], &["z"]) };
    let error = error_of(&network(13).opset("com.acme", 2).node(custom));
    assert_eq!(error.detail(), "node 'z' (com.acme.Foo), operator set 2: rten does not have this operator");
    let advice = "export the model without operators of the domain 'com.acme', which no engine has";
    assert_eq!(error.advice(), Some(advice));
    let error = error_of(&network(13).opset("ai.onnx.ml", 1).node(ml_node("Scaler", &["17"], &["z"])));
    assert_eq!(error.detail(), "node 'z' (ai.onnx.ml.Scaler), operator set 1: rten has neural networks only");
}

#[test]
fn a_graph_that_does_not_hold_together_is_corrupt() {
    for input in ["nowhere", "z"] {
        let broken = network(13).node(node("Relu", &[input], &["z"])).output(tensor_info("z", data_type::FLOAT, &[]));
        let error = error_of(&broken);
        assert_eq!((error.kind(), error.detail()), (LoadErrorKind::Corrupt, "the graph does not hold together"));
        assert!(error.to_string().contains(&format!("\"{input}\"")), "{error}");
    }
}

#[test]
fn sessions_of_one_model_run_at_once_and_agree() {
    let model = load(&network(13)).unwrap();
    let input = vec![tensor(&[2, 2], &[1.0_f32, 1.0, 1.0, 0.0])];
    let expected = run(&*model, input.clone()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut session = model.open_session().unwrap();
                for _ in 0..50 {
                    assert_eq!(session.run(&Batch::new(input.clone())).unwrap(), expected);
                }
            });
        }
    });
}

pub(super) fn passed(elem_type: i32, axes: &[&str]) -> ModelBuilder {
    ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("x", elem_type, axes))
        .node(node("Identity", &["x"], &["y"]))
        .output(tensor_info("y", elem_type, axes))
}

#[test]
fn integers_and_truth_values_come_back_as_they_went_in() {
    let model = load(&passed(data_type::INT64, &["n"])).unwrap();
    let input = tensor(&[3], &[i64::from(i32::MIN), 0, i64::from(i32::MAX)]);
    assert_eq!(run(&*model, vec![input.clone()]).unwrap(), [input]);
    let model = load(&passed(data_type::BOOL, &["n"])).unwrap();
    let input = tensor(&[2], &[true, false]);
    assert_eq!(run(&*model, vec![input.clone()]).unwrap(), [input]);
    let model = load(&passed(data_type::UINT8, &[])).unwrap();
    let input = tensor(&[], &[200_u8]);
    assert_eq!(run(&*model, vec![input.clone()]).unwrap(), [input]);
}

#[test]
fn a_whole_number_beyond_32_bits_is_refused_not_cut() {
    let model = load(&passed(data_type::INT64, &["n"])).unwrap();
    let error = run(&*model, vec![tensor(&[2], &[1, 1_i64 << 31])]).unwrap_err();
    let expected = "input 'x' holds 2147483648, but this engine computes with 32 bits";
    assert_eq!(error, RunError::InvalidInput(expected.to_owned()));
    let with = |value: i64| passed(data_type::FLOAT, &["n"]).initializer(int64_tensor("c", &[1], &[value]));
    assert!(load(&with(i64::MAX)).is_ok());
    let error = error_of(&with(1 << 40));
    assert_eq!(error.detail(), "constant 'c' holds 1099511627776, but rten computes with whole numbers of 32 bits");
}

#[test]
fn precisions_that_rten_does_not_have_are_refused() {
    let error = error_of(&passed(data_type::DOUBLE, &["n"]));
    assert_eq!(error.detail(), "input 'x' is FP64 [n], but rten computes in single precision");
    let weights = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![1],
        data_type: Some(data_type::BFLOAT16),
        int32_data: vec![0],
        ..TensorProto::default()
    };
    let error = error_of(&passed(data_type::FLOAT, &["n"]).initializer(weights));
    assert_eq!(error.detail(), "constant 'w' is of bfloat16, which rten does not have");
}

#[test]
fn an_untyped_output_gets_its_type_from_rten() {
    let mut model = network(13);
    model.graph().output[0] = untyped("17");
    let model = load(&model).unwrap();
    assert_eq!(model.signature().outputs[0].to_string(), "FP32 [...]");
    assert_eq!(run(&*model, vec![tensor(&[1, 2], &[1.0_f32, 1.0])]).unwrap()[0].shape(), &Shape::new([1, 2]));
}

#[test]
fn a_request_that_the_network_cannot_take_is_an_error_and_the_session_goes_on() {
    let model = load(&network(13)).unwrap();
    let mut session = model.open_session().unwrap();
    let error = session.run(&Batch::new(vec![tensor(&[1, 3], &[0.0_f32; 3])])).unwrap_err();
    assert!(matches!(error, RunError::InvalidInput(_)), "{error}");
    assert!(session.run(&Batch::new(vec![tensor(&[1, 2], &[0.0_f32; 2])])).is_ok());
}

#[test]
fn a_network_cut_short_or_changed_is_an_error_and_never_ends_the_process() {
    let content = network(13).encode();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let try_content = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let _ = Rten.load(&ModelSpec::new("m", &path), &Progress::default()).map(drop);
    };
    for length in 0..content.len() {
        try_content(&content[..length]);
    }
    for at in 0..content.len() {
        let mut changed = content.clone();
        changed[at] ^= 0x55;
        try_content(&changed);
    }
}

#[test]
fn names_of_a_node_and_a_value_may_be_the_same() {
    let mut model = network(13);
    model.graph().node[2].name = Some("17".to_owned());
    model.graph().node[0].name = Some("/in:0".to_owned());
    let model = load(&model).unwrap();
    assert!(run(&*model, vec![tensor(&[1, 2], &[1.0_f32, 1.0])]).is_ok());
}

#[test]
fn a_panic_while_running_is_that_runs_error_and_the_session_goes_on() {
    let model = ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("lengths", data_type::INT64, &["axes"]))
        .node(node("ConstantOfShape", &["lengths"], &["zeros"]))
        .output(tensor_info("zeros", data_type::FLOAT, &["a", "b"]));
    let model = load(&model).unwrap();
    let mut session = model.open_session().unwrap();
    let endless = tensor(&[2], &[i64::from(i32::MAX); 2]);
    let error = session.run(&Batch::new(vec![endless])).unwrap_err();
    assert_eq!(error, RunError::Failed("rten panicked: capacity overflow".to_owned()));
    let answers = session.run(&Batch::new(vec![tensor(&[2], &[1_i64, 2])])).unwrap();
    assert_eq!(answers, [tensor(&[1, 2], &[0.0_f32, 0.0])]);
}

#[test]
fn a_panic_while_loading_is_an_error() {
    let error = super::guarded::<()>(|| panic!("index out of bounds"), &crate::onnx::Summary::default()).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    assert_eq!(error.detail(), "rten panicked while loading the model: index out of bounds");
}
