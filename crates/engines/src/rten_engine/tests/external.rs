//! Weights in files beside the model.

use std::fs;
use std::path::Path;

use loadonce_core::LoadErrorKind;

use super::{load_in, network, run, tensor};
use crate::onnx::proto::{TensorProto, data_type};
use crate::onnx::testing::{ModelBuilder, float_tensor, int64_tensor, node, outside, tensor_info};

/// The network with its weights in a data file, from that byte on.
fn split(location: &str, offset: usize) -> ModelBuilder {
    let mut model = network(13);
    let weight = &mut model.graph().initializer[0];
    *weight = outside(weight.clone(), &[("location", location), ("offset", &offset.to_string())]);
    model
}

/// The network's weights after that many other bytes.
fn weights(offset: usize) -> Vec<u8> {
    let weights = [1.0_f32, -1.0, 0.0, 2.0].into_iter().flat_map(f32::to_le_bytes);
    std::iter::repeat_n(0xff, offset).chain(weights).collect()
}

fn is_mapped(path: &Path) -> bool {
    let path = path.canonicalize().unwrap();
    fs::read_to_string("/proc/self/maps").unwrap().lines().any(|map| map.ends_with(path.to_str().unwrap()))
}

#[track_caller]
fn answers_rightly(folder: &Path, model: &ModelBuilder) {
    let model = load_in(folder, model).unwrap();
    let answers = run(&*model, vec![tensor(&[1, 2], &[1.0_f32, 1.0])]).unwrap();
    assert_eq!(answers[0].as_slice::<f32>().unwrap(), [0.5, 0.5]);
}

#[test]
fn the_data_file_is_mapped_as_long_as_the_model_lives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx.data");
    fs::write(&path, weights(4096)).unwrap();
    let model = load_in(folder.path(), &split("model.onnx.data", 4096)).unwrap();
    assert!(is_mapped(&path));
    assert_eq!(model.memory().weight_bytes, Some(32), "four weights, and their packed form");
    let session = model.open_session().unwrap();
    drop(model);
    assert!(is_mapped(&path), "the session runs on the map");
    drop(session);
    assert!(!is_mapped(&path));
}

#[test]
fn a_data_file_may_be_replaced_while_the_model_serves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.data");
    fs::write(&path, weights(0)).unwrap();
    let model = load_in(folder.path(), &split("model.data", 0)).unwrap();
    fs::write(folder.path().join("new"), "").unwrap();
    fs::rename(folder.path().join("new"), &path).unwrap();
    let answers = run(&*model, vec![tensor(&[1, 2], &[1.0_f32, 1.0])]).unwrap();
    assert_eq!(answers[0].as_slice::<f32>().unwrap(), [0.5, 0.5]);
}

/// rten by itself takes `*.data` beside the model only, at offsets that are multiples of the elements' size.
#[test]
fn a_data_file_may_have_any_name_and_offset() {
    for (location, offset) in [("weights.bin", 0), ("weights", 8), ("sub/model.data", 64), ("model.data", 7)] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join(location), weights(offset)).unwrap();
        answers_rightly(folder.path(), &split(location, offset));
    }
}

#[test]
fn tensors_inside_and_outside_live_in_one_model() {
    let shape = outside(int64_tensor("shape", &[2], &[]), &[("location", "a.data"), ("offset", "16")]);
    let half = TensorProto { data_type: Some(data_type::FLOAT16), ..float_tensor("half", &[1], &[]) };
    let half = outside(half, &[("location", "b.data")]);
    let model = split("a.data", 0)
        .initializer(shape)
        .initializer(half)
        .initializer(float_tensor("two", &[1], &[2.0]))
        .node(node("Reshape", &["17", "shape"], &["reshaped"]))
        .node(node("Cast", &["half"], &["single"]).with("to", crate::onnx::testing::Value::Int(1)))
        .node(node("Mul", &["reshaped", "single"], &["halved"]))
        .node(node("Mul", &["halved", "two"], &["scaled"]))
        .output(tensor_info("scaled", data_type::FLOAT, &["2", "n"]));
    let folder = tempfile::tempdir().unwrap();
    let shape = [2_i64, -1].into_iter().flat_map(i64::to_le_bytes);
    fs::write(folder.path().join("a.data"), weights(0).into_iter().chain(shape).collect::<Vec<_>>()).unwrap();
    // One half.
    fs::write(folder.path().join("b.data"), [0x00, 0x38]).unwrap();
    let model = load_in(folder.path(), &model).unwrap();
    let answers = run(&*model, vec![tensor(&[1, 2], &[1.0_f32, 1.0])]).unwrap();
    assert_eq!(answers[1], tensor(&[2, 1], &[0.5_f32, 0.5]));
}

#[test]
fn a_whole_number_in_a_data_file_is_refused_as_one_in_the_model_is() {
    let large = outside(int64_tensor("c", &[1], &[]), &[("location", "c.data")]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.data"), (1_i64 << 40).to_le_bytes()).unwrap();
    let error = load_in(folder.path(), &network(13).initializer(large)).map(drop).unwrap_err();
    assert_eq!(error.detail(), "constant 'c' holds 1099511627776, but rten computes with whole numbers of 32 bits");
}

#[test]
fn a_data_file_that_is_not_there_too_short_or_elsewhere_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("short.data"), &weights(0)[..12]).unwrap();
    for location in ["none.data", "short.data", "../none.data"] {
        let error = load_in(folder.path(), &split(location, 0)).map(drop).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Corrupt, "{error}");
        assert!(error.detail().contains("tensor 'w'") && error.detail().contains(location), "{error}");
    }
}
