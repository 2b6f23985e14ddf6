use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use loadonce_core::{Batch, Contract, DType, Engine, LoadErrorKind, Model, ModelSpec, Progress, RunError, Tensor};
use proptest::prelude::*;

use super::testing::{compile, floats};
use super::{Tabular, supports};
use crate::onnx::OnnxFile;
use crate::onnx::proto::{NodeProto, TensorProto, data_type};
use crate::onnx::testing::{
    ModelBuilder,
    Value::{Floats, Int, Ints, Tensor as Tensors, Text, Texts},
    float_tensor, int64_tensor, ml_node, node, outside, tensor_info, untyped,
};

/// A scaled forest of two trees with a map behind it, as skl2onnx writes one.
fn forest() -> ModelBuilder {
    let scaler =
        ml_node("Scaler", &["x"], &["scaled"]).with("offset", Floats(&[1.0, 2.0])).with("scale", Floats(&[0.5, 0.25]));
    let trees = ml_node("TreeEnsembleClassifier", &["scaled"], &["label", "scores"])
        .with("nodes_treeids", Ints(&[0, 0, 0, 1, 1, 1]))
        .with("nodes_nodeids", Ints(&[0, 1, 2, 0, 1, 2]))
        .with("nodes_featureids", Ints(&[0, 0, 0, 1, 0, 0]))
        .with("nodes_modes", Texts(&["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"]))
        .with("nodes_values", Floats(&[0.0, 0.0, 0.0, 0.5, 0.0, 0.0]))
        .with("nodes_truenodeids", Ints(&[1, 0, 0, 1, 0, 0]))
        .with("nodes_falsenodeids", Ints(&[2, 0, 0, 2, 0, 0]))
        .with("class_treeids", Ints(&[0, 0, 1, 1]))
        .with("class_nodeids", Ints(&[1, 2, 1, 2]))
        .with("class_ids", Ints(&[0, 1, 2, 0]))
        .with("class_weights", Floats(&[0.5, 0.5, 0.25, 0.75]))
        .with("classlabels_strings", Texts(&["a", "b", "c"]))
        .with("post_transform", Text("NONE"));
    let cast = node("Cast", &["label"], &["label_text"]).with("to", Int(data_type::STRING.into()));
    let reshape = node("Reshape", &["label_text", "shape"], &["output_label"]);
    let zip =
        ml_node("ZipMap", &["scores"], &["output_probability"]).with("classlabels_strings", Texts(&["a", "b", "c"]));
    let model = ModelBuilder::new()
        .opset("", 17)
        .opset("ai.onnx.ml", 3)
        .input(tensor_info("x", data_type::FLOAT, &["batch", "2"]))
        .initializer(int64_tensor("shape", &[1], &[-1]));
    let model = [scaler, trees, cast, reshape, zip].into_iter().fold(model, ModelBuilder::node);
    model.output(untyped("output_label")).output(untyped("output_probability"))
}

/// A node each of the operators whose attributes refer to each other, over numbers and texts.
fn zoo() -> ModelBuilder {
    let list = |data_type: i32, raw: &'static [u8], count| {
        let raw_data = Some(Bytes::from_static(raw));
        let (dims, data_type) = (vec![count], Some(data_type));
        Tensors(Box::new(TensorProto { dims, data_type, raw_data, ..TensorProto::default() }))
    };
    let machine = ml_node("SVMClassifier", &["x"], &["winner", "shares"])
        .with("kernel_type", Text("RBF"))
        .with("kernel_params", Floats(&[0.5, 0.0, 3.0]))
        .with("support_vectors", Floats(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
        .with("vectors_per_class", Ints(&[1, 1, 1]))
        .with("coefficients", Floats(&[1.0, -1.0, -1.0, 0.5, 0.5, -0.5]))
        .with("rho", Floats(&[0.25, 0.0, -0.25]))
        .with("prob_a", Floats(&[-1.0, -1.0, -1.0]))
        .with("prob_b", Floats(&[0.0, 0.0, 0.0]))
        .with("classlabels_strings", Texts(&["a", "ä", "b"]));
    let trees = ml_node("TreeEnsemble", &["shares"], &["votes"])
        .with("nodes_modes", list(data_type::UINT8, &[0, 6], 2))
        .with("nodes_featureids", Ints(&[0, 2]))
        .with("nodes_splits", list(data_type::FLOAT, &[0, 0, 0, 63, 0, 0, 0, 63], 2))
        .with("membership_values", list(data_type::FLOAT, &[0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 192, 127], 3))
        .with("nodes_truenodeids", Ints(&[1, 0]))
        .with("nodes_trueleafs", Ints(&[0, 1]))
        .with("nodes_falsenodeids", Ints(&[0, 1]))
        .with("nodes_falseleafs", Ints(&[1, 1]))
        .with("tree_roots", Ints(&[0, 1]))
        .with("leaf_targetids", Ints(&[0, 1]))
        .with("leaf_weights", list(data_type::FLOAT, &[0, 0, 0, 63, 0, 0, 128, 63], 2))
        .with("n_targets", Int(2));
    let encoder = ml_node("LabelEncoder", &["winner"], &["number"])
        .with("keys_strings", Texts(&["a", "ä", "b"]))
        .with("values_int64s", Ints(&[0, 1, 2]));
    let one_hot = ml_node("OneHotEncoder", &["number"], &["ones"]).with("cats_int64s", Ints(&[2, 1, 0]));
    let model = ModelBuilder::new().opset("", 17).opset("ai.onnx.ml", 5).input(tensor_info(
        "x",
        data_type::FLOAT,
        &["batch", "2"],
    ));
    let model = [machine, trees, encoder, one_hot].into_iter().fold(model, ModelBuilder::node);
    ["winner", "shares", "votes", "ones"].into_iter().fold(model, |model, name| model.output(untyped(name)))
}

fn load(model: &ModelBuilder) -> Result<Arc<dyn Model>, loadonce_core::LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.encode()).unwrap();
    Tabular.load(&ModelSpec::new("m", path), &Progress::default())
}

fn batch(rows: &[[f32; 2]]) -> Batch {
    Batch::new(vec![floats(&[rows.len(), 2], rows.as_flattened())])
}

#[test]
fn a_pipeline_answers_with_labels_and_scores() {
    let model = load(&forest()).unwrap();
    let signature = model.signature();
    assert_eq!(signature.inputs[0].to_string(), "FP32 [batch,2]");
    let outputs: Vec<_> = signature.outputs.iter().map(|spec| (spec.name.as_str(), spec.to_string())).collect();
    let expected = [("output_label", "BYTES [batch]"), ("output_probability", "FP32 [batch,3]")];
    assert_eq!(outputs, expected.map(|(name, form)| (name, form.to_owned())));
    assert_eq!(signature.outputs[1].labels, ["a", "b", "c"]);
    assert!(signature.is_batchable());

    let mut session = model.open_session().unwrap();
    // Scaled to [0, 0] and [1, 1].
    let answers = session.run(&batch(&[[1.0, 2.0], [3.0, 6.0]])).unwrap();
    assert_eq!(answers[0].as_strings().unwrap(), ["a", "a"]);
    assert_eq!(answers[1], floats(&[2, 3], &[0.5, 0.0, 0.25, 0.75, 0.5, 0.0]));
    signature.check_outputs(&batch(&[[1.0, 2.0], [3.0, 6.0]]), &answers).unwrap();
}

#[test]
fn a_model_is_shared_and_counts_its_weights() {
    let model = load(&forest()).unwrap();
    assert_eq!(model.contract(), Contract::Shared);
    let memory = model.memory();
    assert_eq!(memory.copies(), 1);
    assert!((100..2000).contains(&memory.weight_bytes.unwrap()), "{memory:?}");
}

#[test]
fn sessions_of_one_model_run_at_once_and_agree() {
    let model = load(&forest()).unwrap();
    let input = batch(&[[1.0, 2.0], [3.0, 6.0], [0.0, 9.0]]);
    let expected = model.open_session().unwrap().run(&input).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut session = model.open_session().unwrap();
                for _ in 0..500 {
                    assert_eq!(session.run(&input).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn a_refused_request_leaves_the_session_usable() {
    let mut open = forest();
    open.graph().input[0] = tensor_info("x", data_type::FLOAT, &["batch", ""]);
    let model = load(&open).unwrap();
    let mut session = model.open_session().unwrap();
    let error = session.run(&Batch::new(vec![floats(&[1, 3], &[0.0; 3])])).unwrap_err();
    assert_eq!(
        error,
        RunError::InvalidInput("node 'scaled' (ai.onnx.ml.Scaler): expected 2 columns, got 3".to_owned())
    );
    assert_eq!(session.run(&batch(&[[1.0, 2.0]])).unwrap()[0].len(), 1);
}

#[test]
fn operators_that_are_not_there_are_named() {
    let model = ModelBuilder::new()
        .opset("", 17)
        .opset("ai.onnx.ml", 1)
        .input(tensor_info("x", data_type::FLOAT, &["", "2"]))
        .node(ml_node("TfIdfVectorizer", &["x"], &["y"]))
        .node(node("Cast", &["y"], &["z"]).with("to", Int(1)))
        .output(untyped("z"));
    let file = OnnxFile::parse(Bytes::from(model.encode()), Path::new("m.onnx")).unwrap();
    let unsupported = supports(&file.summary()).unwrap_err();
    let texts: Vec<_> = unsupported.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["node 'y' (ai.onnx.ml.TfIdfVectorizer), operator set 1: the engine does not have it"]);
    let error = load(&model).map(drop).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    assert!(error.detail().starts_with("node 'y' (ai.onnx.ml.TfIdfVectorizer), operator set 1"), "{error}");
    assert!(error.advice().unwrap().contains("pip install onnxruntime"), "{error}");
    let file = OnnxFile::parse(Bytes::from(forest().encode()), Path::new("m.onnx")).unwrap();
    assert_eq!(supports(&file.summary()), Ok(()));
}

#[test]
fn an_old_operator_set_is_not_mistaken_for_a_newer_one() {
    let model = ModelBuilder::new()
        .opset("", 1)
        .input(tensor_info("x", data_type::FLOAT, &["", "2"]))
        .node(node("Cast", &["x"], &["y"]))
        .output(untyped("y"));
    let error = load(&model).map(drop).unwrap_err();
    assert!(error.detail().ends_with("operator set 1: the engine has it from operator set 6 on"), "{error}");
}

fn identity(input: &str, output: &str) -> NodeProto {
    node("Identity", &[input], &[output])
}

fn small() -> ModelBuilder {
    ModelBuilder::new().opset("", 17).input(tensor_info("x", data_type::FLOAT, &["", "2"]))
}

#[test]
fn graphs_that_do_not_hold_together_are_corrupt() {
    let cases = [
        (
            small().node(identity("z", "y")).output(untyped("y")),
            "node 'y' (ai.onnx.Identity): input 'z' is given by no input, constant or earlier node",
        ),
        (small().node(identity("x", "y")).output(untyped("z")), "output 'z' is given by no node"),
        (
            small().node(identity("x", "y")).node(identity("x", "y")).output(untyped("y")),
            "two values of the graph are called 'y'",
        ),
        (
            small().node(node("Identity", &[], &["y"])).output(untyped("y")),
            "node 'y' (ai.onnx.Identity): 0 inputs, expected 1 or more",
        ),
        (
            small().node(node("Identity", &["x"], &["y", "z"])).output(untyped("y")),
            "node 'y' (ai.onnx.Identity): 2 outputs, expected 1 at most",
        ),
        (
            small()
                .node(identity("x", "y").with("to", Text("x")))
                .node(node("Cast", &["y"], &["z"]).with("to", Text("1")))
                .output(untyped("z")),
            "node 'y' (ai.onnx.Identity), operator set 17: attribute 'to' is not supported",
        ),
        (
            small().node(node("Cast", &["x"], &["y"]).with("to", Text("FLOAT"))).output(untyped("y")),
            "node 'y' (ai.onnx.Cast): attribute 'to' is of type 3, expected type 2",
        ),
    ];
    for (model, expected) in cases {
        let error = compile(&model).unwrap_err();
        assert_eq!(error.detail(), expected);
    }
}

#[test]
fn an_input_may_be_an_output_and_a_constant_too() {
    let model = small()
        .initializer(int64_tensor("c", &[2], &[3, 4]))
        .node(identity("x", "y"))
        .output(untyped("x"))
        .output(untyped("c"))
        .output(untyped("y"));
    let model = load(&model).unwrap();
    let answers = model.open_session().unwrap().run(&batch(&[[1.0, 2.0]])).unwrap();
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[1], Tensor::from_vec(loadonce_core::Shape::new([2]), vec![3_i64, 4]).unwrap());
    assert_eq!(model.signature().outputs[1].dtype, DType::Int64);
}

/// Constants of any type, as initializers and in attributes.
#[test]
fn constants_may_lie_in_a_file_beside_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = [2_i64, 1].into_iter().flat_map(i64::to_le_bytes).chain(10.0_f32.to_le_bytes()).collect();
    std::fs::write(folder.path().join("model.data"), &content).unwrap();
    let shape = outside(int64_tensor("shape", &[2], &[]), &[("location", "model.data"), ("length", "16")]);
    let flags = TensorProto { data_type: Some(data_type::BOOL), ..int64_tensor("flags", &[1], &[]) };
    let flags = outside(flags, &[("location", "model.data"), ("offset", "8")]);
    let ten = outside(float_tensor("ten", &[1], &[]), &[("location", "model.data"), ("offset", "16")]);
    let mut model = small().initializer(shape).initializer(flags).initializer(ten);
    for (node, output) in [(node("Reshape", &["x", "shape"], &["y"]), "y"), (identity("flags", "f"), "f")] {
        model = model.node(node).output(untyped(output));
    }
    let model = model.output(untyped("ten"));
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.encode()).unwrap();
    let load = || Tabular.load(&ModelSpec::new("m", &path), &Progress::default());
    let answers = load().unwrap().open_session().unwrap().run(&batch(&[[1.0, 2.0]])).unwrap();
    assert_eq!(answers[0], floats(&[2, 1], &[1.0, 2.0]));
    assert_eq!(answers[1].as_slice::<bool>().unwrap(), [true]);
    assert_eq!(answers[2].as_slice::<f32>().unwrap(), [10.0]);
    std::fs::write(folder.path().join("model.data"), &content[..19]).unwrap();
    let error = load().map(drop).unwrap_err();
    assert_eq!((error.kind(), error.path()), (LoadErrorKind::Corrupt, Some(&*path)));
    assert!(error.detail().contains("expected 4 bytes from byte 16 on in 'model.data', which has 19"), "{error}");
}

#[test]
fn a_model_cut_short_anywhere_is_an_error() {
    for model in [forest(), zoo()] {
        let content = Bytes::from(model.encode());
        assert!(try_content(content.clone()));
        for length in 0..content.len() {
            assert!(!try_content(content.slice(..length)), "cut to {length} of {} bytes", content.len());
        }
    }
}

/// Loads and runs whatever the content is; says whether it loaded.
fn try_content(content: Bytes) -> bool {
    let Ok(file) = OnnxFile::parse(content, Path::new("m.onnx")) else { return false };
    let _ = supports(&file.summary());
    let Ok(plan) = super::Plan::compile(&file) else { return false };
    let inputs = plan.signature().inputs.iter().map(|spec| {
        let lengths = spec.dims.iter().flatten().map(|dim| match dim {
            loadonce_core::Dim::Fixed(length) => (*length).min(64),
            loadonce_core::Dim::Dynamic(_) => 2,
        });
        Tensor::zeros(spec.dtype, loadonce_core::Shape::new(lengths)).unwrap()
    });
    let batch = Batch::new(inputs.collect());
    let mut session = super::TabularSession::new(Arc::new(plan));
    let _ = loadonce_core::Session::run(&mut session, &batch);
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_model_with_changed_bytes_never_panics(
        is_zoo in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut content = if is_zoo { zoo() } else { forest() }.encode();
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        try_content(content.into());
    }
}

#[test]
fn the_values_of_a_run_have_a_bound_together() {
    let model = ModelBuilder::new().opset("", 17).input(tensor_info("lengths", data_type::INT64, &["2"]));
    let model = (0..5).fold(model, |model, index| {
        let name = format!("zeros{index}");
        model.node(node("ConstantOfShape", &["lengths"], &[&name])).output(untyped(&name))
    });
    let model = load(&model).unwrap();
    let mut session = model.open_session().unwrap();
    let mut run = |lengths: [i64; 2]| {
        session.run(&Batch::new(vec![Tensor::from_vec(loadonce_core::Shape::new([2]), lengths.to_vec()).unwrap()]))
    };
    // Four of 32 MiB are as many as there may be here.
    let error = run([2048, 4096]).unwrap_err();
    let expected = "node 'zeros4' (ai.onnx.ConstantOfShape): the values of a run take more than 134217728 bytes";
    assert_eq!(error, RunError::Failed(expected.to_owned()));
    assert_eq!(run([2, 3]).unwrap().len(), 5, "the next run begins anew");
}
