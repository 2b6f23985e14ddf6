//! Reading ONNX files: a format that several engines share, not an engine.
//!
//! [`OnnxFile::parse`] refuses what is no ONNX and says what it looks like instead; [`OnnxFile::summary`] says what a
//! file holds, which is enough to choose an engine; [`proto`] is the file's content for the engine that loads it.
//! Weights in other files are found, checked and read in [`external`], and brought there by [`layout`].

pub mod advice;
pub mod external;
pub mod layout;
pub mod proto;
pub mod summary;
pub mod types;

mod constants;
mod sniff;
mod tensor;
pub(crate) mod wire;
#[cfg(test)]
#[cfg_attr(not(feature = "tabular"), expect(dead_code, reason = "the tests of operators use most of it"))]
pub(crate) mod testing;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use loadonce_core::{LoadError, LoadErrorKind};
use prost::Message as _;

use self::proto::{GraphProto, ModelProto, TensorProto};

pub use self::external::{DataFile, ExternalData, ExternalTensor};
pub use self::layout::Layout;
pub use self::summary::{OperatorUse, Summary, Weights};
pub use self::types::Port;

/// A parsed ONNX file. Its tensors share the buffer that it was parsed from.
#[derive(Clone, Debug)]
pub struct OnnxFile {
    path: PathBuf,
    model: ModelProto,
    graph: GraphProto,
}

impl OnnxFile {
    /// Parses a file's content; `path` is for messages.
    ///
    /// Anything but a model with a graph and operator sets is [`LoadErrorKind::Corrupt`], with what it looks like
    /// where that can be told: a pickle, a web page, a Git LFS pointer, a file cut short.
    pub fn parse(content: Bytes, path: &Path) -> Result<Self, LoadError> {
        let kept = content.clone();
        let model = ModelProto::decode(content).map_err(|error| {
            corrupt("expected an ONNX file, but it is no protocol buffer".to_owned()).caused_by(error)
        });
        let file = model.and_then(|model| Self::check(model, path.to_owned()));
        file.map_err(|error| sniff::explain(&kept).unwrap_or(error).at(path))
    }

    /// What the file holds.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.model, &self.graph)
    }

    /// The computation.
    pub fn graph(&self) -> &GraphProto {
        &self.graph
    }

    /// Refuses sparse constants ([`LoadErrorKind::Unsupported`]), for engines that do not have them.
    pub fn check_dense(&self) -> Result<(), LoadError> {
        let Some(sparse) = self.graph.sparse_initializer.first() else { return Ok(()) };
        let name = sparse.values.as_ref().map_or("", TensorProto::name_str);
        let detail = format!("constant '{name}' is a sparse tensor, which this engine does not have");
        Err(LoadError::new(LoadErrorKind::Unsupported, detail).advise("export the model with dense tensors"))
    }

    /// Writes the file anew. What [`proto`] does not have, such as documentation, is lost.
    pub fn encode(mut self) -> Vec<u8> {
        self.model.graph = Some(self.graph);
        self.model.encode_to_vec()
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn check(mut model: ModelProto, path: PathBuf) -> Result<Self, LoadError> {
        let graph = model.graph.take();
        let graph = graph.ok_or_else(|| corrupt("expected an ONNX file, but it has no graph".to_owned()))?;
        if model.opset_import.is_empty() {
            return Err(corrupt("the ONNX file imports no operator set".to_owned()));
        }
        if graph.output.is_empty() {
            return Err(corrupt("the ONNX graph has no outputs".to_owned()));
        }
        if let Some(node) = graph.node.iter().find(|node| node.operator().is_empty()) {
            let name = node.name.as_deref().unwrap_or_default();
            return Err(corrupt(format!("node '{name}' of the ONNX graph names no operator")));
        }
        Ok(Self { path, model, graph })
    }
}

fn corrupt(detail: String) -> LoadError {
    LoadError::new(LoadErrorKind::Corrupt, detail).advise("export the model again, or fetch the file again")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::proto::{SparseTensorProto, StringStringEntryProto, TensorProto, ValueInfoProto, data_type};
    use super::testing::{ModelBuilder, node, tensor_info};
    use super::*;

    fn parse(content: &[u8]) -> Result<OnnxFile, LoadError> {
        OnnxFile::parse(Bytes::copy_from_slice(content), Path::new("model.onnx"))
    }

    fn small() -> ModelBuilder {
        let weight = TensorProto {
            name: Some("w".to_owned()),
            dims: vec![2, 2],
            data_type: Some(data_type::FLOAT),
            raw_data: Some(Bytes::from(vec![0; 16])),
            ..TensorProto::default()
        };
        let mut model = ModelBuilder::new()
            .opset("", 17)
            .opset("ai.onnx.ml", 3)
            .input(tensor_info("x", data_type::FLOAT, &["batch", "2"]))
            .input(ValueInfoProto { name: Some("w".to_owned()), r#type: None })
            .initializer(weight)
            .node(node("MatMul", &["x", "w"], &["m"]))
            .node(node("Relu", &["m"], &["r"]))
            .node(node("Relu", &["r"], &["y"]))
            .output(tensor_info("y", data_type::FLOAT, &["batch", "2"]));
        model.proto.producer_name = Some("hand".to_owned());
        model.proto.producer_version = Some("1.2".to_owned());
        model
    }

    #[test]
    fn a_summary_names_operators_ports_and_weights() {
        let summary = parse(&small().encode()).unwrap().summary();
        assert_eq!(summary.producer.as_deref(), Some("hand 1.2"));
        assert_eq!(
            (summary.opset("ai.onnx"), summary.opset("ai.onnx.ml"), summary.opset("x")),
            (Some(17), Some(3), None)
        );
        let operators: Vec<_> = summary.operators.iter().map(|used| (used.name.as_str(), used.count)).collect();
        assert_eq!(operators, [("MatMul", 1), ("Relu", 2)]);
        assert_eq!(summary.operators[1].to_string(), "ai.onnx.Relu (operator set 17), 2 nodes");
        let inputs: Vec<_> = summary.inputs.iter().map(|port| (port.name(), port.type_text())).collect();
        assert_eq!(inputs, [("x", "FP32 [batch,2]".to_owned())]);
        assert_eq!(summary.weights, Weights { tensors: 1, bytes: 16 });
        assert!(summary.external_files.is_empty());
    }

    #[test]
    fn raw_weights_share_the_files_buffer() {
        let content = Bytes::from(small().encode());
        let range = content.as_ptr_range();
        let file = OnnxFile::parse(content, Path::new("model.onnx")).unwrap();
        let raw = file.graph().initializer[0].raw_data.as_ref().unwrap();
        assert!(range.contains(&raw.as_ptr()));
    }

    #[test]
    fn weights_in_other_files_are_named() {
        let mut model = small();
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        let weight = &mut model.graph().initializer[0];
        weight.raw_data = None;
        weight.data_location = Some(proto::EXTERNAL);
        weight.external_data = vec![entry("location", "model.onnx.data"), entry("offset", "0")];
        let summary = parse(&model.encode()).unwrap().summary();
        assert_eq!(summary.external_files.into_iter().collect::<Vec<_>>(), ["model.onnx.data"]);
        assert_eq!(summary.weights.bytes, 16);
    }

    #[test]
    fn a_sparse_constant_is_no_input_and_refused_by_name() {
        let mut model = small();
        let values = TensorProto { name: Some("s".to_owned()), ..TensorProto::default() };
        let sparse = SparseTensorProto { values: Some(values), ..SparseTensorProto::default() };
        model.graph().sparse_initializer.push(sparse);
        let file = parse(&model.input(tensor_info("s", data_type::FLOAT, &["2"])).encode()).unwrap();
        assert_eq!(file.summary().inputs.iter().map(Port::name).collect::<Vec<_>>(), ["x"]);
        let error = file.check_dense().unwrap_err();
        let expected = "constant 's' is a sparse tensor, which this engine does not have";
        assert_eq!((error.kind(), error.detail()), (LoadErrorKind::Unsupported, expected));
    }

    #[test]
    fn what_is_no_model_is_corrupt_and_says_so() {
        let no_opset = ModelBuilder::new().output(tensor_info("y", data_type::FLOAT, &[])).encode();
        let no_output = ModelBuilder::new().opset("", 17).encode();
        let no_graph = ModelProto { ir_version: Some(8), ..ModelProto::default() }.encode_to_vec();
        let cases: [(&[u8], &str); 6] = [
            (b"", "expected an ONNX file, but it is empty"),
            (b"\x80\x04\x95", "expected an ONNX file, but it is a Python pickle"),
            (&no_graph, "expected an ONNX file, but it has no graph"),
            (&no_opset, "the ONNX file imports no operator set"),
            (&no_output, "the ONNX graph has no outputs"),
            (b"\xff\xff\xff", "expected an ONNX file, but it is no protocol buffer"),
        ];
        for (content, expected) in cases {
            let error = parse(content).unwrap_err();
            assert_eq!((error.kind(), error.detail()), (LoadErrorKind::Corrupt, expected));
            assert_eq!(error.path(), Some(Path::new("model.onnx")));
        }
    }

    #[test]
    fn a_graph_within_a_graph_within_a_graph_ends_somewhere() {
        let mut inner = node("If", &["c"], &["y"]);
        for _ in 0..200 {
            let graph = GraphProto { node: vec![inner], ..GraphProto::default() };
            let attribute = proto::AttributeProto { g: Some(Box::new(graph)), ..proto::AttributeProto::default() };
            inner = node("If", &["c"], &["y"]);
            inner.attribute.push(attribute);
        }
        let content = small().node(inner).encode();
        assert_eq!(parse(&content).unwrap_err().kind(), LoadErrorKind::Corrupt);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_summary_or_an_error(content in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(file) = parse(&content) {
                let _ = file.summary();
            }
        }

        #[test]
        fn a_model_with_a_changed_byte_gives_a_summary_or_an_error(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut content = small().encode();
            let at = at.index(content.len());
            content[at] = byte;
            if let Ok(file) = parse(&content) {
                let _ = file.summary();
                for tensor in &file.graph().initializer {
                    let _ = tensor.to_tensor();
                }
            }
        }
    }
}
