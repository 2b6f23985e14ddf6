use std::fs;

use proptest::prelude::*;

use super::*;
use crate::onnx::proto::{FunctionProto, GraphProto, SparseTensorProto};
use crate::onnx::testing::{ModelBuilder, Value, float_tensor, int64_tensor, node, outside, tensor_info};

const DATA: &str = "model.onnx.data";

/// A folder with the model as it is laid out anew.
fn laid_out(content: &[u8], path: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::of(Bytes::copy_from_slice(content), path).unwrap();
    let mut data = Vec::new();
    let sha1 = layout.write_data(&mut data).unwrap();
    assert_eq!(layout.data_bytes(), data.len() as u64);
    fs::write(folder.path().join(DATA), data).unwrap();
    fs::write(folder.path().join("model.onnx"), layout.model(DATA, Some(&sha1)).unwrap()).unwrap();
    folder
}

/// The model in a folder, after its data files were checked, checksums too.
fn read(folder: &Path) -> (OnnxFile, ExternalData) {
    let path = folder.join("model.onnx");
    let file = OnnxFile::parse(fs::read(&path).unwrap().into(), &path).unwrap();
    let data = file.external_data().unwrap();
    (file, data)
}

/// The initializers with their elements, wherever those are.
fn tensors(file: OnnxFile) -> Vec<(String, loadonce_core::Tensor)> {
    let file = file.with_external_data(&Progress::default()).unwrap();
    let named = file.graph().initializer.iter();
    named.map(|tensor| (tensor.name_str().to_owned(), tensor.to_tensor().unwrap())).collect()
}

fn model(constants: impl IntoIterator<Item = TensorProto>) -> ModelBuilder {
    let empty = ModelBuilder::new().opset("", 17).output(tensor_info("y", data_type::FLOAT, &[]));
    constants.into_iter().fold(empty, ModelBuilder::initializer)
}

/// So many floats, each another one.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn floats(name: &str, count: usize) -> TensorProto {
    let elements: Vec<_> = (0..count).map(|index| index as f32 + 0.5).collect();
    float_tensor(name, &[i64::try_from(count).unwrap()], &elements)
}

/// The same elements as raw bytes.
fn raw(tensor: TensorProto) -> TensorProto {
    let bytes = tensor.to_tensor().unwrap().as_bytes().unwrap().clone();
    TensorProto { float_data: vec![], int64_data: vec![], raw_data: Some(bytes), ..tensor }
}

proptest! {
    #[test]
    fn any_model_has_the_same_tensors_at_aligned_offsets(
        lengths in proptest::collection::vec((0_usize..3000, 0..3), 0..12),
    ) {
        let constants = lengths.iter().enumerate().map(|(index, &(length, form))| {
            let (name, count) = (format!("t{index}"), i64::try_from(length).unwrap());
            match form {
                0 => raw(floats(&name, length)),
                1 => floats(&name, length),
                _ => int64_tensor(&name, &[count], &(0..count).collect::<Vec<_>>()),
            }
        });
        let content = model(constants).encode();
        let path = Path::new("model.onnx");
        let expected = tensors(OnnxFile::parse(content.clone().into(), path).unwrap());
        let folder = laid_out(&content, path);
        let (file, data) = read(folder.path());
        for tensor in data.tensors() {
            prop_assert_eq!(tensor.offset % ALIGNMENT, 0);
            prop_assert!(tensor.length >= THRESHOLD);
        }
        let large = expected.iter().filter(|(_, tensor)| tensor.byte_len() as u64 >= THRESHOLD).count();
        prop_assert_eq!(data.tensors().len(), large);
        prop_assert_eq!(tensors(file), expected);
    }

    #[test]
    fn a_model_with_a_changed_byte_is_laid_out_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut content = everywhere(&raw(floats("w", 300))).initializer(floats("v", 300)).encode();
        let at = at.index(content.len());
        content[at] = byte;
        if let Ok(layout) = Layout::of(content.into(), Path::new("model.onnx")) {
            layout.write_data(&mut std::io::sink()).unwrap();
            layout.model(DATA, None).unwrap();
        }
    }
}

#[test]
fn a_model_that_is_laid_out_already_stays_as_it_is() {
    let first = laid_out(&model([raw(floats("a", 300)), floats("b", 2000)]).encode(), Path::new("model.onnx"));
    let path = first.path().join("model.onnx");
    let second = laid_out(&fs::read(&path).unwrap(), &path);
    for name in ["model.onnx", DATA] {
        assert_eq!(fs::read(first.path().join(name)).unwrap(), fs::read(second.path().join(name)).unwrap(), "{name}");
    }
}

#[test]
fn small_tensors_come_in_and_large_ones_are_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (small, large) = (raw(floats("small", 2)), raw(floats("large", 300)));
    let elements = [large.raw_data.as_ref().unwrap().clone(), small.raw_data.as_ref().unwrap().clone()].concat();
    fs::write(folder.path().join("weights.bin"), elements).unwrap();
    let path = folder.path().join("model.onnx");
    let place = |offset: &'static str| [("location", "weights.bin"), ("offset", offset)];
    let constants = [outside(small.clone(), &place("1200")), outside(large.clone(), &place("0"))];
    fs::write(&path, "").unwrap();
    let laid = laid_out(&model(constants).encode(), &path);
    let (file, data) = read(laid.path());
    let found: Vec<_> = data.tensors().iter().map(|tensor| (&*tensor.name, tensor.offset, tensor.length)).collect();
    assert_eq!(found, [("large", 0, 1200)]);
    let expected = [small, large].map(|tensor| (tensor.name_str().to_owned(), tensor.to_tensor().unwrap()));
    assert_eq!(tensors(file), expected);
}

/// A model with `tensor` in an attribute, in the graph of a branch, in a function and in a sparse constant.
fn everywhere(tensor: &TensorProto) -> ModelBuilder {
    let branch = GraphProto { initializer: vec![tensor.clone()], ..GraphProto::default() };
    let constant = node("Constant", &[], &["c"]).with("value", Value::Tensor(Box::new(tensor.clone())));
    let mut model = model([])
        .node(constant.clone())
        .node(node("If", &["b"], &["y"]).with("then_branch", Value::Graph(Box::new(branch))));
    let sparse = SparseTensorProto { values: Some(tensor.clone()), ..SparseTensorProto::default() };
    model.graph().sparse_initializer.push(sparse);
    model.proto.functions.push(FunctionProto { node: vec![constant], ..FunctionProto::default() });
    model
}

#[test]
fn tensors_in_attributes_branches_and_functions_stay_where_they_are() {
    let content = everywhere(&raw(floats("w", 300))).encode();
    let layout = Layout::of(content.clone().into(), Path::new("model.onnx")).unwrap();
    assert_eq!((layout.parts().len(), layout.data_bytes()), (0, 0));
    assert_eq!(layout.model(DATA, None).unwrap(), content, "byte for byte");
}

#[test]
fn those_in_a_data_file_lie_in_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let elements: Vec<u8> = (0..2400_u32).map(|index| u8::try_from(index % 251).unwrap()).collect();
    fs::write(folder.path().join("old.bin"), &elements).unwrap();
    let tensor = outside(floats("w", 300), &[("location", "old.bin"), ("offset", "1200")]);
    let path = folder.path().join("model.onnx");
    fs::write(&path, "").unwrap();
    let laid = laid_out(&everywhere(&tensor).encode(), &path);
    let (_, data) = read(laid.path());
    let found: Vec<_> = data.tensors().iter().map(|tensor| (&*tensor.file.location, tensor.length)).collect();
    assert_eq!(found, [(DATA, 1200); 4]);
    let written = fs::read(laid.path().join(DATA)).unwrap();
    for tensor in data.tensors() {
        let start = usize::try_from(tensor.offset).unwrap();
        assert_eq!(written[start..start + 1200], elements[1200..]);
    }
}

#[test]
fn what_the_format_has_and_we_do_not_is_kept() {
    let mut content = model([raw(floats("w", 300))]).encode();
    // `ModelProto.doc_string`.
    wire::put(&mut content, 6, b"of the model");
    let mut tensor = raw(floats("v", 300)).encode_to_vec();
    // `TensorProto.doc_string`.
    wire::put(&mut tensor, 12, b"of the tensor");
    let mut graph = Vec::new();
    wire::put(&mut graph, 5, &tensor);
    wire::put(&mut content, 7, &graph);
    let layout = Layout::of(content.into(), Path::new("model.onnx")).unwrap();
    let written = layout.model(DATA, None).unwrap();
    let has = |words: &[u8]| written.windows(words.len()).any(|window| window == words);
    assert!(has(b"of the model") && has(b"of the tensor"));
    assert_eq!(layout.parts().len(), 2);
}

#[test]
fn strings_and_what_contradicts_itself_are_left_alone() {
    let strings = vec![Bytes::from(vec![b'a'; 2000])];
    let text = TensorProto { data_type: Some(data_type::STRING), string_data: strings, ..TensorProto::default() };
    let short = TensorProto { raw_data: Some(Bytes::from(vec![0; 8])), ..float_tensor("short", &[300], &[]) };
    let content = model([TensorProto { dims: vec![1], ..text }, short]).encode();
    let layout = Layout::of(content.clone().into(), Path::new("model.onnx")).unwrap();
    assert_eq!(layout.model(DATA, None).unwrap(), content);
}

#[test]
fn a_data_file_that_is_cut_short_meanwhile_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("old.bin");
    fs::write(&data, vec![0; 1200]).unwrap();
    let content = model([outside(floats("w", 300), &[("location", "old.bin")])]).encode();
    let path = folder.path().join("model.onnx");
    fs::write(&path, "").unwrap();
    let layout = Layout::of(content.into(), &path).unwrap();
    fs::write(&data, vec![0; 1000]).unwrap();
    let error = layout.write_data(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("old.bin: became shorter while it was read"), "{error}");
}

#[test]
fn offsets_go_beyond_four_gigabytes() {
    const LENGTH: u64 = 3 << 30;
    let folder = tempfile::tempdir().unwrap();
    // It has no blocks on the disk.
    fs::File::create(folder.path().join("old.bin")).unwrap().set_len(3 * LENGTH).unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, "").unwrap();
    let constants = ["a", "b", "c"].map(|name| {
        let large = float_tensor(name, &[i64::try_from(LENGTH / 4).unwrap()], &[]);
        outside(large, &[("location", "old.bin"), ("offset", "0")])
    });
    let layout = Layout::of(model(constants).encode().into(), &path).unwrap();
    let offsets: Vec<_> = layout.parts().iter().map(|part| part.offset).collect();
    assert_eq!((offsets, layout.data_bytes()), (vec![0, LENGTH, 2 * LENGTH], 3 * LENGTH));
    let written = OnnxFile::parse(layout.model("old.bin", None).unwrap().into(), &path).unwrap();
    assert_eq!(written.external_data().unwrap().tensors()[2].offset, 2 * LENGTH);
}
