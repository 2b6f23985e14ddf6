use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::proto::{
    AttributeProto, FunctionProto, GraphProto, NodeProto, SparseTensorProto, TensorProto, attribute_type, data_type,
};
use super::super::testing::{ModelBuilder, float_tensor, int64_tensor, node, outside, tensor_info};
use super::*;

/// A folder with a model, whose constants are these, and a data file of 16 bytes, `model.data`.
fn folder(constants: &[TensorProto]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.data"), [0_u8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]).unwrap();
    fs::write(folder.path().join("model.onnx"), model(constants).encode()).unwrap();
    folder
}

fn model(constants: &[TensorProto]) -> ModelBuilder {
    let empty = ModelBuilder::new().opset("", 17).output(tensor_info("y", data_type::FLOAT, &[]));
    constants.iter().cloned().fold(empty, ModelBuilder::initializer)
}

fn open(model: &Path) -> OnnxFile {
    OnnxFile::parse(fs::read(model).unwrap().into(), model).unwrap()
}

fn check(model: &Path) -> Result<ExternalData, LoadError> {
    open(model).external_data()
}

fn floats(entries: &[(&str, &str)]) -> TensorProto {
    outside(float_tensor("w", &[2], &[]), entries)
}

/// The error's text without the model's path, which it must name.
fn error_of(constants: &[TensorProto]) -> String {
    let folder = folder(constants);
    let path = folder.path().join("model.onnx");
    let error = check(&path).unwrap_err();
    assert_eq!((error.kind(), error.path()), (LoadErrorKind::Corrupt, Some(&*path)), "{error}");
    error.to_string().replace(&*folder.path().to_string_lossy(), "FOLDER")
}

#[test]
fn a_tensor_takes_its_bytes_of_its_file() {
    let whole = outside(int64_tensor("v", &[2], &[]), &[("location", "./model.data")]);
    let folder = folder(&[floats(&[("location", "model.data"), ("offset", "8"), ("length", "8")]), whole]);
    let data = check(&folder.path().join("model.onnx")).unwrap();
    let tensors =
        data.tensors().iter().map(|tensor| (&*tensor.name, &*tensor.file.location, tensor.offset, tensor.length));
    assert_eq!(tensors.collect::<Vec<_>>(), [("w", "model.data", 8, 8), ("v", "./model.data", 0, 16)]);
    let path = folder.path().canonicalize().unwrap().join("model.data");
    assert!(data.files().all(|file| (&file.path, file.length) == (&path, 16)), "{data:?}");
    assert_eq!((data.files().count(), data.file_bytes(), data.is_empty()), (2, 16, false));
}

#[test]
fn a_model_in_one_file_has_no_external_data() {
    let folder = folder(&[float_tensor("w", &[1], &[1.0])]);
    let data = check(&folder.path().join("model.onnx")).unwrap();
    assert!(data.is_empty() && data.tensors().is_empty() && data.file_bytes() == 0);
}

#[test]
fn the_elements_come_into_the_model() {
    let late = outside(int64_tensor("v", &[1], &[]), &[("location", "model.data"), ("offset", "4")]);
    let inner = GraphProto {
        initializer: vec![floats(&[("location", "model.data"), ("offset", "8")])],
        ..GraphProto::default()
    };
    let attribute =
        AttributeProto { g: Some(Box::new(inner)), r#type: Some(attribute_type::GRAPH), ..AttributeProto::default() };
    let branch = NodeProto { attribute: vec![attribute], ..node("If", &["c"], &["y"]) };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.data"), (0..16).collect::<Vec<u8>>()).unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, model(&[late, float_tensor("inside", &[1], &[1.5])]).node(branch).encode()).unwrap();
    let progress = Progress::default();
    let file = open(&path).with_external_data(&progress).unwrap();
    assert_eq!(file.graph().initializer[0].to_tensor().unwrap().as_bytes().unwrap()[..], [4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(file.graph().initializer[1].to_tensor().unwrap().as_slice::<f32>().unwrap(), [1.5]);
    let inner = &file.graph().node[0].attribute[0].g.as_ref().unwrap().initializer[0];
    assert_eq!(inner.to_tensor().unwrap().as_bytes().unwrap()[..], [8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!((progress.read(), progress.total()), (12, 12), "bytes 4 to 16 once, though two tensors share some");
    assert!(file.summary().external_files.is_empty());
    progress.cancel();
    assert_eq!(open(&path).with_external_data(&progress).unwrap_err().kind(), LoadErrorKind::Internal);
}

#[test]
fn tensors_of_attributes_graphs_functions_and_sparse_ones_are_checked_too() {
    let far = || floats(&[("location", "model.data"), ("offset", "9")]);
    let sparse = || SparseTensorProto { indices: Some(far()), ..SparseTensorProto::default() };
    let empty = AttributeProto { name: Some("value".to_owned()), ..AttributeProto::default() };
    let inner = GraphProto { initializer: vec![far()], ..GraphProto::default() };
    let attributes = [
        AttributeProto { t: Some(far()), ..empty.clone() },
        AttributeProto { tensors: vec![far()], ..empty.clone() },
        AttributeProto { sparse_tensor: Some(sparse()), ..empty.clone() },
        AttributeProto { sparse_tensors: vec![sparse()], ..empty.clone() },
        AttributeProto { g: Some(Box::new(inner.clone())), ..empty.clone() },
        AttributeProto { graphs: vec![inner], ..empty },
    ];
    let nodes = attributes.map(|attribute| NodeProto {
        name: Some("n".to_owned()),
        attribute: vec![attribute],
        ..node("Constant", &[], &["y"])
    });
    let mut models: Vec<_> = nodes.iter().map(|node| model(&[]).node(node.clone())).collect();
    let function = FunctionProto { node: vec![nodes[0].clone()], ..FunctionProto::default() };
    let mut with_function = model(&[]);
    with_function.proto.functions.push(function);
    let mut with_sparse = model(&[]);
    with_sparse.graph().sparse_initializer.push(sparse());
    models.extend([with_function, with_sparse]);
    let folder = folder(&[]);
    let path = folder.path().join("model.onnx");
    for model in models {
        fs::write(&path, model.encode()).unwrap();
        let error = check(&path).map(drop).unwrap_err();
        assert!(error.detail().ends_with("expected 8 bytes from byte 9 on in 'model.data', which has 16"), "{error}");
    }
    fs::write(&path, model(&[]).node(nodes[0].clone()).encode()).unwrap();
    let error = check(&path).unwrap_err();
    assert!(error.detail().starts_with("attribute 'value' of node 'n' (Constant): expected"), "{error}");
}

#[test]
fn locations_outside_of_the_models_folder_are_refused() {
    let outside_folder =
        ["/etc/passwd", "../model.data", "a/../../model.data", "a/../model.data", "..", "*/_ORT_MEM_ADDR_/*"];
    for location in outside_folder {
        let expected = format!(
            "FOLDER/model.onnx: tensor 'w' is in '{location}', expected a file in the model's folder; \
             do not serve this model before you know where it comes from"
        );
        assert_eq!(error_of(&[floats(&[("location", location)])]), expected);
    }
    let error = error_of(&[floats(&[("location", "model.data\0.png")])]);
    assert!(error.contains(r"is in 'model.data\0.png', expected a file in the model's folder"), "{error}");
    let error = error_of(&[floats(&[])]);
    assert!(error.ends_with("tensor 'w' is in another file, but the model does not say in which"), "{error}");
}

#[test]
fn a_data_file_must_be_there_and_long_enough() {
    let error = error_of(&[floats(&[("location", "weights/other.data")])]);
    let expected = "tensor 'w' is in the data file 'weights/other.data', which cannot be opened: \
                    No such file or directory (os error 2); put the data file at FOLDER/weights/other.data";
    assert!(error.ends_with(expected), "{error}");
    let error = error_of(&[floats(&[("location", "model.data"), ("offset", "12")])]);
    let expected = "tensor 'w': expected 8 bytes from byte 12 on in 'model.data', which has 16; \
                    fetch the data file again: it is cut short, or of another model";
    assert!(error.ends_with(expected), "{error}");
    let error = error_of(&[floats(&[("location", "model.data"), ("offset", &u64::MAX.to_string())])]);
    assert!(error.contains("from byte 18446744073709551615 on"), "{error}");
}

#[test]
fn a_data_file_must_be_a_regular_file() {
    let folder = folder(&[floats(&[("location", "weights.data")])]);
    fs::create_dir(folder.path().join("weights.data")).unwrap();
    let error = check(&folder.path().join("model.onnx")).unwrap_err();
    assert_eq!(error.detail(), "tensor 'w' is in 'weights.data', which is no regular file");
}

#[test]
fn entries_must_agree_with_the_tensor_and_with_themselves() {
    let at = ("location", "model.data");
    let cases = [
        (floats(&[at, ("length", "12")]), "its shape and type take 8 bytes, but it claims 12 of its data file"),
        (floats(&[at, ("offset", "-1")]), "the offset of its data is '-1', expected a number of bytes"),
        (floats(&[at, at]), "its data has two entries 'location'"),
        (TensorProto { dims: vec![-1], ..floats(&[at]) }, "the shape [-1] has a negative axis"),
        (
            TensorProto { dims: vec![1 << 62, 2], ..floats(&[at]) },
            "shape [4611686018427387904,2] is too large to address",
        ),
        (TensorProto { dims: vec![1 << 60], ..floats(&[at]) }, "shape [1152921504606846976] is too large to address"),
        (
            TensorProto { data_type: Some(data_type::STRING), ..floats(&[at]) },
            "elements of string cannot be in another file",
        ),
        (TensorProto { data_type: None, ..floats(&[at]) }, "elements of undefined cannot be in another file"),
    ];
    for (tensor, expected) in cases {
        assert_eq!(error_of(&[tensor]), format!("FOLDER/model.onnx: tensor 'w': {expected}"));
    }
}

#[test]
fn elements_of_less_than_a_byte_are_packed() {
    let cases = [
        (data_type::INT4, 3, 2),
        (data_type::UINT2, 5, 2),
        (data_type::FLOAT8E4M3FN, 3, 3),
        (data_type::COMPLEX128, 1, 16),
        (data_type::FLOAT, 0, 0),
    ];
    for (data_type, count, bytes) in cases {
        let tensor = TensorProto {
            dims: vec![count],
            data_type: Some(data_type),
            ..floats(&[("location", "model.data"), ("length", &bytes.to_string())])
        };
        let folder = folder(&[tensor]);
        assert_eq!(check(&folder.path().join("model.onnx")).unwrap().tensors()[0].length, bytes);
    }
}

#[test]
fn a_checksum_is_that_of_the_whole_file() {
    // $ python3 -c 'import hashlib; print(hashlib.sha1(bytes(range(16))).hexdigest())'
    let checksum = "56178b86a57fac22899a9964185c2cc96e7da589";
    let with = |checksum: &str| floats(&[("location", "model.data"), ("checksum", checksum)]);
    let folder = folder(&[with(checksum), with(&checksum.to_uppercase())]);
    assert_eq!(check(&folder.path().join("model.onnx")).unwrap().tensors().len(), 2);
    let error = error_of(&[with("00")]);
    assert!(error.contains(&format!("expected sha1:00 of 'model.data', got sha1:{checksum}")), "{error}");
}

/// The layout of the Hugging Face cache: a snapshot's files are links into one folder of blobs.
#[test]
fn a_model_and_its_data_may_be_links_into_one_folder() {
    let cache = tempfile::tempdir().unwrap();
    let (blobs, snapshot) = (cache.path().join("blobs"), cache.path().join("snapshots/1/onnx"));
    fs::create_dir_all(&blobs).unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    let content = model(&[floats(&[("location", "model.onnx_data")])]).encode();
    fs::write(blobs.join("aa"), content).unwrap();
    fs::write(blobs.join("bb"), [0; 8]).unwrap();
    symlink("../../../blobs/aa", snapshot.join("model.onnx")).unwrap();
    symlink("../../../blobs/bb", snapshot.join("model.onnx_data")).unwrap();
    assert_eq!(check(&snapshot.join("model.onnx")).unwrap().tensors().len(), 1);
    fs::remove_file(snapshot.join("model.onnx_data")).unwrap();
    symlink("/etc/passwd", snapshot.join("model.onnx_data")).unwrap();
    let error = check(&snapshot.join("model.onnx")).unwrap_err();
    let expected = "tensor 'w' is in 'model.onnx_data', a link that leads out of the model's folder";
    assert_eq!((error.kind(), error.detail()), (LoadErrorKind::Corrupt, expected));
}

/// The layout of a Kubernetes volume: files are links through `..data`, a link to a folder beside it.
#[test]
fn links_may_lead_through_the_models_own_folder() {
    let volume = tempfile::tempdir().unwrap();
    let version = volume.path().join("..2026_01_01");
    fs::create_dir(&version).unwrap();
    fs::write(version.join("model.onnx"), model(&[floats(&[("location", "model.data")])]).encode()).unwrap();
    fs::write(version.join("model.data"), [0; 8]).unwrap();
    symlink("..2026_01_01", volume.path().join("..data")).unwrap();
    for name in ["model.onnx", "model.data"] {
        symlink(format!("..data/{name}"), volume.path().join(name)).unwrap();
    }
    assert_eq!(check(&volume.path().join("model.onnx")).unwrap().tensors().len(), 1);
}
