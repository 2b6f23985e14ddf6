//! What only the library itself can show. `make onnxruntime` names one in `LOADONCE_ONNXRUNTIME` and runs these; other
//! engines' behaviour on whole models is compared in the conformance suite.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use loadonce_core::{Batch, DType, Engine as _, Model, ModelSpec, Outputs, Progress, RunError, Shape, Tensor};

use super::{Library, LibraryError, OnnxRuntime};
use crate::onnx::proto::data_type;
use crate::onnx::testing::{ModelBuilder, Value, float_tensor, ml_node, node, outside, tensor_info, untyped};
use crate::onnx::{Layout, OnnxFile};

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn engine() -> OnnxRuntime {
    let path = variable("LOADONCE_ONNXRUNTIME").expect("LOADONCE_ONNXRUNTIME names the library, see make onnxruntime");
    OnnxRuntime::new(Library::open(Path::new(&path)).unwrap())
}

/// A model in a folder of its own.
struct OnDisk {
    /// Removed with this.
    _folder: tempfile::TempDir,
    spec: ModelSpec,
}

impl OnDisk {
    fn new(content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        fs::write(&path, content).unwrap();
        let spec = ModelSpec::new("test", path);
        Self { _folder: folder, spec }
    }

    fn with_option(mut self, key: &str, value: &str) -> Self {
        self.spec.options.insert(key.to_owned(), value.to_owned());
        self
    }

    fn load(&self) -> Result<Arc<dyn Model>, String> {
        let loaded = engine().load(&self.spec, &Progress::default());
        loaded.map_err(|error| format!("{}: {error}", error.kind().as_str()))
    }
}

fn load(model: &ModelBuilder) -> Arc<dyn Model> {
    OnDisk::new(&model.encode()).load().unwrap()
}

fn run(model: &dyn Model, inputs: Vec<Tensor>) -> Result<Outputs, RunError> {
    model.open_session().unwrap().run(&Batch::new(inputs))
}

/// `y = x` for a type, without an axis that is fixed.
fn identity(data_type: i32, axes: &[&str]) -> ModelBuilder {
    ModelBuilder::new()
        .opset("", 16)
        .input(tensor_info("x", data_type, axes))
        .node(node("Identity", &["x"], &["y"]))
        .output(tensor_info("y", data_type, axes))
}

/// `y = softmax(x · w)` over as many rows as come.
fn classifier() -> ModelBuilder {
    let weights: Vec<f32> = (0_u8..32).map(|index| f32::from(index % 7) - 3.0).collect();
    ModelBuilder::new()
        .opset("", 13)
        .input(tensor_info("x", data_type::FLOAT, &["rows", "8"]))
        .initializer(float_tensor("w", &[8, 4], &weights))
        .node(node("MatMul", &["x", "w"], &["m"]))
        .node(node("Softmax", &["m"], &["y"]))
        .output(tensor_info("y", data_type::FLOAT, &["rows", "4"]))
}

fn row(seed: usize) -> Tensor {
    let elements = (0..8).map(|column| f32::from(u8::try_from((seed * 8 + column) % 101).unwrap()) / 50.0 - 1.0);
    Tensor::from_vec(Shape::new([1, 8]), elements.collect()).unwrap()
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn one_session_answers_many_threads() {
    const THREADS: usize = 8;
    let runs = variable("LOADONCE_STRESS_RUNS").and_then(|runs| runs.to_str()?.parse().ok()).unwrap_or(80_000_usize);
    let model = load(&classifier());
    let expected: Vec<_> = (0..101).map(|seed| run(&*model, vec![row(seed)]).unwrap()).collect();
    let work = |first: usize| {
        let mut session = model.open_session().unwrap();
        for turn in (first..runs).step_by(THREADS) {
            let seed = turn % expected.len();
            assert_eq!(session.run(&Batch::new(vec![row(seed)])).unwrap(), expected[seed], "run {turn}");
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|first| drop(scope.spawn(move || work(first)))));
}

/// Runs a model of one input and one output again and again in one session, more often than it takes to keep tensors.
fn run_often(model: &ModelBuilder, input: impl Fn(usize) -> Tensor, expected: impl Fn(usize) -> Tensor) {
    let mut session = load(model).open_session().unwrap();
    for turn in 0..60 {
        let outputs = session.run(&Batch::new(vec![input(turn)])).unwrap();
        assert_eq!(outputs, [expected(turn)], "run {turn}");
    }
}

fn floats(elements: impl IntoIterator<Item = u8>) -> Tensor {
    let elements: Vec<_> = elements.into_iter().map(f32::from).collect();
    Tensor::from_vec(Shape::new([elements.len()]), elements).unwrap()
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn tensors_that_are_kept_hold_the_answer_of_each_run() {
    let doubled = ModelBuilder::new()
        .opset("", 16)
        .input(tensor_info("x", data_type::FLOAT, &["n"]))
        .node(node("Add", &["x", "x"], &["y"]))
        .output(tensor_info("y", data_type::FLOAT, &["n"]));
    let turn = |turn: usize| u8::try_from(turn).unwrap();
    run_often(&doubled, |n| floats([turn(n), 1]), |n| floats([2 * turn(n), 2]));
    // Of other shapes in between.
    let some = |n: usize| 0..turn(if n % 20 == 19 { 3 } else { 2 });
    run_often(&doubled, |n| floats(some(n)), |n| floats(some(n).map(|x| 2 * x)));
    run_often(&identity(data_type::FLOAT, &["n"]), |n| floats([turn(n)]), |n| floats([turn(n)]));
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn outputs_of_any_shape_and_those_that_no_node_writes_are_right_in_every_run() {
    let turn = |turn: usize| u8::try_from(turn).unwrap();
    // As many elements as are not 0: a shape that no input's shape tells.
    let non_zero = ModelBuilder::new()
        .opset("", 16)
        .input(tensor_info("x", data_type::FLOAT, &["n"]))
        .node(node("NonZero", &["x"], &["y"]))
        .output(untyped("y"));
    let input = |n: usize| floats([turn(n % 2), turn(usize::from(n > 40)), 1]);
    run_often(&non_zero, input, |n| {
        let places: Vec<_> =
            [n % 2 == 1, n > 40, true].into_iter().zip(0_i64..).filter_map(|(is, place)| is.then_some(place)).collect();
        Tensor::from_vec(Shape::new([1, places.len()]), places).unwrap()
    });
    // An output that is the input itself.
    let passed = ModelBuilder::new()
        .opset("", 16)
        .input(tensor_info("x", data_type::FLOAT, &["n"]))
        .output(tensor_info("x", data_type::FLOAT, &["n"]));
    run_often(&passed, |n| floats([turn(n)]), |n| floats([turn(n)]));
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn every_dtype_passes_unchanged() {
    let types = [
        (DType::Bool, data_type::BOOL),
        (DType::Uint8, data_type::UINT8),
        (DType::Uint16, data_type::UINT16),
        (DType::Uint32, data_type::UINT32),
        (DType::Uint64, data_type::UINT64),
        (DType::Int8, data_type::INT8),
        (DType::Int16, data_type::INT16),
        (DType::Int32, data_type::INT32),
        (DType::Int64, data_type::INT64),
        (DType::Fp16, data_type::FLOAT16),
        (DType::Bf16, data_type::BFLOAT16),
        (DType::Fp32, data_type::FLOAT),
        (DType::Fp64, data_type::DOUBLE),
    ];
    for (dtype, code) in types {
        let bytes: Vec<u8> = (0..6 * dtype.size().unwrap()).map(|index| u8::from(index % 3 == 0)).collect();
        for shape in [Shape::new([2, 3]), Shape::new([6])] {
            let axes = &["", ""][..shape.len()];
            let model = load(&identity(code, axes));
            let tensor = Tensor::from_bytes(dtype, shape.clone(), bytes.clone().into()).unwrap();
            assert_eq!(run(&*model, vec![tensor.clone()]).unwrap(), [tensor], "{dtype}");
            let empty = Tensor::zeros(dtype, shape.with_first(0)).unwrap();
            assert_eq!(run(&*model, vec![empty.clone()]).unwrap(), [empty], "{dtype}");
        }
    }
    let model = load(&identity(data_type::FLOAT, &[]));
    let scalar = Tensor::from_vec(Shape::scalar(), vec![0.5_f32]).unwrap();
    assert_eq!(run(&*model, vec![scalar.clone()]).unwrap(), [scalar]);
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn strings_of_any_length_pass_and_a_zero_byte_is_refused() {
    let model = load(&identity(data_type::STRING, &["", ""]));
    let texts = ["", "a", "grüße", "日本"].map(str::to_owned).to_vec();
    let tensor = Tensor::from_strings(Shape::new([2, 2]), texts).unwrap();
    assert_eq!(run(&*model, vec![tensor.clone()]).unwrap(), [tensor]);
    let empty = Tensor::zeros(DType::Bytes, Shape::new([0, 2])).unwrap();
    assert_eq!(run(&*model, vec![empty.clone()]).unwrap(), [empty]);
    let cut = Tensor::from_strings(Shape::new([1, 1]), vec!["a\0b".to_owned()]).unwrap();
    assert!(matches!(run(&*model, vec![cut]), Err(RunError::InvalidInput(reason)) if reason.contains("zero byte")));
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn an_output_is_a_copy_and_outlives_all() {
    let model = load(&identity(data_type::FLOAT, &["", ""]));
    let input = Tensor::from_vec(Shape::new([1, 2]), vec![1.0_f32, 2.0]).unwrap();
    let outputs = run(&*model, vec![input.clone()]).unwrap();
    drop((model, input));
    assert_eq!(outputs[0].as_slice::<f32>().unwrap(), [1.0, 2.0]);
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn maps_are_answered_as_scores_with_labels() {
    let model = ModelBuilder::new()
        .opset("ai.onnx.ml", 1)
        .input(tensor_info("x", data_type::FLOAT, &["", "2"]))
        .node(
            ml_node("Scaler", &["x"], &["s"])
                .with("offset", Value::Floats(&[1.0]))
                .with("scale", Value::Floats(&[2.0])),
        )
        .node(ml_node("ZipMap", &["s"], &["z"]).with("classlabels_strings", Value::Texts(&["no", "yes"])))
        .output(untyped("z"));
    let model = load(&model);
    let output = &model.signature().outputs[0];
    assert_eq!(
        (output.name.as_str(), output.dtype, &output.labels[..]),
        ("z", DType::Fp32, &["no".to_owned(), "yes".to_owned()][..])
    );
    assert_eq!(output.to_string(), "FP32 [?,2]");
    let input = Tensor::from_vec(Shape::new([1, 2]), vec![2.0_f32, 3.0]).unwrap();
    assert_eq!(run(&*model, vec![input]).unwrap()[0].as_slice::<f32>().unwrap(), [2.0, 4.0]);
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn an_untyped_output_has_the_type_that_the_library_infers() {
    let model = ModelBuilder::new()
        .opset("", 13)
        .input(tensor_info("x", data_type::FLOAT, &["rows", "8"]))
        .node(node("Shape", &["x"], &["y"]))
        .output(untyped("y"));
    assert_eq!(load(&model).signature().outputs[0].to_string(), "INT64 [2]");
    let of_any_shape = ModelBuilder::new()
        .opset("", 13)
        .input(tensor_info("x", data_type::FLOAT, &["8"]))
        .input(tensor_info("s", data_type::INT64, &["axes"]))
        .node(node("Reshape", &["x", "s"], &["y"]))
        .output(untyped("y"));
    assert_eq!(load(&of_any_shape).signature().outputs[0].to_string(), "FP32 [...]");
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn weights_beside_the_model_are_read_through_the_links_of_a_cache() {
    let model = ModelBuilder::new()
        .opset("", 13)
        .input(tensor_info("x", data_type::FLOAT, &["rows", "2"]))
        .initializer(outside(float_tensor("w", &[2], &[]), &[("location", "model.onnx.data")]))
        .node(node("Mul", &["x", "w"], &["y"]))
        .output(tensor_info("y", data_type::FLOAT, &["rows", "2"]));
    let weights = [3.0_f32, 5.0].map(f32::to_le_bytes).concat();
    let folder = tempfile::tempdir().unwrap();
    let (blobs, snapshot) = (folder.path().join("blobs"), folder.path().join("snapshots/main"));
    fs::create_dir_all(&blobs).unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    for (blob, name, content) in [("1", "model.onnx", model.encode()), ("2", "model.onnx.data", weights)] {
        fs::write(blobs.join(blob), content).unwrap();
        symlink(blobs.join(blob), snapshot.join(name)).unwrap();
    }
    let spec = ModelSpec::new("test", snapshot.join("model.onnx"));
    let model = engine().load(&spec, &Progress::default()).unwrap();
    assert_eq!(model.memory().weight_bytes, Some(8));
    let input = Tensor::from_vec(Shape::new([1, 2]), vec![1.0_f32, 2.0]).unwrap();
    assert_eq!(run(&*model, vec![input]).unwrap()[0].as_slice::<f32>().unwrap(), [3.0, 10.0]);
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn what_a_node_cannot_use_is_the_callers_fault() {
    let model = ModelBuilder::new()
        .opset("", 13)
        .input(tensor_info("x", data_type::INT64, &["rows"]))
        .initializer(float_tensor("table", &[2], &[0.5, 1.5]))
        .node(node("Gather", &["table", "x"], &["y"]))
        .output(tensor_info("y", data_type::FLOAT, &["rows"]));
    let model = load(&model);
    let index = |index: i64| vec![Tensor::from_vec(Shape::new([1]), vec![index]).unwrap()];
    assert_eq!(run(&*model, index(1)).unwrap()[0].as_slice::<f32>().unwrap(), [1.5]);
    let refused = run(&*model, index(7));
    assert!(matches!(&refused, Err(RunError::InvalidInput(reason)) if reason.contains("Gather")), "{refused:?}");
    assert!(matches!(run(&*model, Vec::new()), Err(RunError::InvalidInput(_))));
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn options_are_shown_as_the_library_stored_them() {
    let on_disk = OnDisk::new(&classifier().encode())
        .with_option("session.disable_prepacking", "1")
        .with_option("optimization", "basic");
    let options = on_disk.load().unwrap().options();
    let value = |key: &str| options.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    assert_eq!(value("session.disable_prepacking"), Some("1"));
    assert_eq!((value("optimization"), value("intra_op_threads")), (Some("basic"), Some("1")));
    assert_eq!(value("session.intra_op.allow_spinning"), Some("0"));
    let too_long = OnDisk::new(&classifier().encode()).with_option(&format!("session.{}", "x".repeat(5000)), "1");
    assert!(too_long.load().err().unwrap().starts_with("configuration: "), "a key that the library refuses");
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn a_model_that_the_library_refuses_is_told_apart() {
    let unknown = ModelBuilder::new()
        .opset("", 13)
        .input(tensor_info("x", data_type::FLOAT, &["1"]))
        .node(node("Frobnicate", &["x"], &["y"]))
        .output(tensor_info("y", data_type::FLOAT, &["1"]));
    let error = OnDisk::new(&unknown.encode()).load().err().unwrap();
    assert!(error.starts_with("unsupported: ") && error.contains("Frobnicate"), "{error}");
    let newer = ModelBuilder::new()
        .opset("", 13)
        .input(tensor_info("x", data_type::FLOAT, &["1"]))
        .node(node("Relu", &["x"], &["y"]).with("colour", Value::Int(1)))
        .output(tensor_info("y", data_type::FLOAT, &["1"]));
    let error = OnDisk::new(&newer.encode()).load().err().unwrap();
    assert!(error.starts_with("unsupported: ") && error.contains("colour"), "{error}");
    let broken = ModelBuilder::new()
        .opset("", 13)
        .input(tensor_info("x", data_type::FLOAT, &["1"]))
        .node(node("Relu", &["nowhere"], &["y"]))
        .output(tensor_info("y", data_type::FLOAT, &["1"]));
    let error = OnDisk::new(&broken.encode()).load().err().unwrap();
    assert!(error.starts_with("corrupt: ") && error.contains("nowhere"), "{error}");
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn what_is_not_the_library_is_refused_and_the_library_opens_still() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("libonnxruntime.so");
    fs::write(&page, "<html>not found, but long enough for a header</html>").unwrap();
    assert!(matches!(Library::open(&folder.path().join("none.so")), Err(LibraryError::Unreadable { .. })));
    let engine = engine();
    let same = Library::open(engine.library().path()).unwrap();
    assert_eq!(same.version(), engine.library().version());
    assert!(same.version().starts_with("1."), "{}", same.version());
    assert!(matches!(Library::open(&page), Err(LibraryError::AnotherIsOpen { .. })));
}

#[test]
#[ignore = "needs the library: make onnxruntime"]
fn a_rewritten_graph_is_fused_and_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let model = OnDisk::new(&gelu().encode());
    let rewritten = engine().rewrite(&model.spec, folder.path()).unwrap();
    let content: bytes::Bytes = fs::read(&rewritten).unwrap().into();
    let summary = OnnxFile::parse(content.clone(), &rewritten).unwrap().summary();
    let operators: Vec<_> = summary.operators.iter().map(|used| (&*used.domain, &*used.name)).collect();
    assert!(operators.contains(&("com.microsoft", "Gelu")), "{operators:?}");
    // Laid out beside the model that it came from.
    let layout = Layout::of(content, &rewritten).unwrap();
    assert_eq!(layout.parts().iter().map(|part| (part.offset, part.length)).collect::<Vec<_>>(), [(0, 4096)]);
    let target = tempfile::tempdir().unwrap();
    let sha1 = layout.write_data(&mut fs::File::create(target.path().join("w.data")).unwrap()).unwrap();
    let path = target.path().join("model.onnx");
    fs::write(&path, layout.model("w.data", Some(&sha1)).unwrap()).unwrap();
    let laid_out = engine().load(&ModelSpec::new("test", path), &Progress::default()).unwrap();
    let input = || Tensor::from_vec(Shape::new([1, 32]), (0_u8..32).map(f32::from).collect()).unwrap();
    let answers = [&*model.load().unwrap(), &*laid_out].map(|model| run(model, vec![input()]).unwrap());
    assert_eq!(answers[0], answers[1]);
    assert_eq!(laid_out.signature(), model.load().unwrap().signature());
}

/// `y = gelu(x · w)`, the latter in the operators that exporters write for it.
fn gelu() -> ModelBuilder {
    let weights: Vec<f32> = (0_u16..1024).map(|index| f32::from(index % 7) / 8.0 - 0.375).collect();
    let constants = [("root", 2_f32.sqrt()), ("one", 1.0), ("half", 0.5)];
    let constants = constants.map(|(name, value)| float_tensor(name, &[], &[value]));
    let model = ModelBuilder::new()
        .opset("", 17)
        .input(tensor_info("x", data_type::FLOAT, &["rows", "32"]))
        .initializer(float_tensor("w", &[32, 32], &weights))
        .node(node("MatMul", &["x", "w"], &["m"]))
        .node(node("Div", &["m", "root"], &["d"]))
        .node(node("Erf", &["d"], &["e"]))
        .node(node("Add", &["e", "one"], &["a"]))
        .node(node("Mul", &["m", "a"], &["p"]))
        .node(node("Mul", &["p", "half"], &["y"]))
        .output(tensor_info("y", data_type::FLOAT, &["rows", "32"]));
    constants.into_iter().fold(model, ModelBuilder::initializer)
}
