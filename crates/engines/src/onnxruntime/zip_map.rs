//! `ZipMap` (ai.onnx.ml 1) at the end of a graph, taken out before the library sees it.
//!
//! The operator makes a list of maps from a tensor of scores and the names of its columns. No protocol has maps, so the
//! tensor itself is the answer and the names become the output's labels; the library is spared a map a row, too. The
//! node becomes an `Identity` and the output a tensor in the file's bytes, all else in which stays as it is.

use bytes::Bytes;
use loadonce_core::{DType, Dim, TensorSpec};
use prost::Message;

use crate::onnx::OnnxFile;
use crate::onnx::proto::{
    GraphProto, NodeProto, OperatorSetIdProto, TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use crate::onnx::wire::{map_fields, put};

/// An output that was a list of maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unzipped {
    /// The output's name.
    pub(super) output: String,
    /// Names of the scores' columns.
    pub(super) labels: Vec<String>,
}

// Fields of `ModelProto` and `GraphProto` (`onnx.proto`).
const MODEL_GRAPH: usize = 7;
const MODEL_OPSET_IMPORT: usize = 8;
const GRAPH_NODE: usize = 1;
const GRAPH_OUTPUT: usize = 12;

/// The outputs of the graph that are maps, and the file with tensors in their place.
pub(super) fn unzip(file: &OnnxFile, content: Bytes) -> (Vec<Unzipped>, Bytes) {
    let unzipped: Vec<_> = file.graph().node.iter().filter_map(|node| unzipped(file.graph(), node)).collect();
    if unzipped.is_empty() {
        return (unzipped, content);
    }
    let names: Vec<_> = unzipped.iter().map(|unzipped| unzipped.output.as_str()).collect();
    let mut model = map_fields(&content, &mut |field, message| {
        (field == MODEL_GRAPH).then(|| map_fields(message, &mut |field, message| rewritten(field, message, &names)))
    });
    if file.summary().opset("ai.onnx").is_none() {
        let import = OperatorSetIdProto { domain: None, version: Some(IDENTITY_VERSION) };
        put(&mut model, MODEL_OPSET_IMPORT, &import.encode_to_vec());
    }
    (unzipped, model.into())
}

/// A version of the default operator set that has `Identity`.
const IDENTITY_VERSION: i64 = 13;

impl Unzipped {
    /// A row of scores for each row of the input (`ai.onnx.ml.ZipMap`: "X: tensor(float)").
    pub(super) fn spec(&self) -> TensorSpec {
        let dims = [Dim::ANY, Dim::Fixed(self.labels.len())];
        TensorSpec { labels: self.labels.clone(), ..TensorSpec::new(&self.output, DType::Fp32, dims) }
    }
}

fn unzipped(graph: &GraphProto, node: &NodeProto) -> Option<Unzipped> {
    let is_zip_map = node.operator() == "ZipMap" && node.domain_name() == "ai.onnx.ml";
    let output = node.output.first().filter(|_| is_zip_map)?;
    graph.output.iter().any(|value| value.name_str() == output).then_some(())?;
    let labels = node.attribute.iter().flat_map(|attribute| {
        let texts = attribute.strings.iter().map(|text| String::from_utf8_lossy(text).into_owned());
        texts.chain(attribute.ints.iter().map(ToString::to_string))
    });
    Some(Unzipped { output: output.clone(), labels: labels.collect() })
}

/// A node or output of the graph in its new form, if it has one.
fn rewritten(field: usize, message: &[u8], names: &[&str]) -> Option<Vec<u8>> {
    match field {
        GRAPH_NODE => {
            let node = NodeProto::decode(message).ok()?;
            let makes = |name: &String| names.contains(&name.as_str());
            let is_one = node.operator() == "ZipMap" && node.output.iter().any(makes);
            let identity = Some("Identity".to_owned());
            is_one.then(|| NodeProto { op_type: identity, domain: None, attribute: Vec::new(), ..node }.encode_to_vec())
        }
        GRAPH_OUTPUT => {
            let value = ValueInfoProto::decode(message).ok()?;
            let scores = TensorTypeProto { elem_type: Some(data_type::FLOAT), shape: None };
            let scores = TypeProto { tensor_type: Some(scores), ..TypeProto::default() };
            names.contains(&value.name_str()).then(|| ValueInfoProto { r#type: Some(scores), ..value }.encode_to_vec())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::onnx::proto::ModelProto;
    use crate::onnx::testing::{ModelBuilder, Value::Texts, ml_node, node, tensor_info};

    fn unzip_file(content: Vec<u8>) -> (Vec<Unzipped>, ModelProto) {
        let content = Bytes::from(content);
        let file = OnnxFile::parse(content.clone(), Path::new("model.onnx")).unwrap();
        let (unzipped, content) = unzip(&file, content);
        (unzipped, ModelProto::decode(content).unwrap())
    }

    fn zipped() -> ModelBuilder {
        let maps = ValueInfoProto { name: Some("z".to_owned()), r#type: None };
        ModelBuilder::new()
            .opset("ai.onnx.ml", 1)
            .input(tensor_info("x", data_type::FLOAT, &["", "2"]))
            .node(ml_node("Scaler", &["x"], &["s"]))
            .node(ml_node("ZipMap", &["s"], &["z"]).with("classlabels_strings", Texts(&["no", "yes"])))
            .output(maps)
    }

    #[test]
    fn a_map_at_the_end_becomes_its_tensor() {
        let (unzipped, model) = unzip_file(zipped().encode());
        assert_eq!(unzipped, [Unzipped { output: "z".to_owned(), labels: vec!["no".to_owned(), "yes".to_owned()] }]);
        let graph = model.graph.unwrap();
        assert_eq!(graph.node[0].operator(), "Scaler");
        assert_eq!((graph.node[1].operator(), graph.node[1].domain_name()), ("Identity", "ai.onnx"));
        assert_eq!(
            (&graph.node[1].input[..], &graph.node[1].output[..]),
            (&["s".to_owned()][..], &["z".to_owned()][..])
        );
        let elements = graph.output[0].r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
        assert_eq!(elements.elem_type, Some(data_type::FLOAT));
        assert_eq!(model.opset_import.len(), 2);
    }

    #[test]
    fn all_else_stays_byte_for_byte() {
        let mut content = zipped().encode();
        // A field that our subset of the format does not know: `ModelProto.doc_string`.
        put(&mut content, 6, b"kept");
        let file = OnnxFile::parse(content.clone().into(), Path::new("model.onnx")).unwrap();
        let (_, unzipped) = unzip(&file, content.into());
        assert!(unzipped.windows(4).any(|window| window == b"kept"));

        let plain = ModelBuilder::new()
            .opset("", 17)
            .input(tensor_info("x", data_type::FLOAT, &["2"]))
            .node(node("Relu", &["x"], &["y"]))
            .output(tensor_info("y", data_type::FLOAT, &["2"]))
            .encode();
        let file = OnnxFile::parse(plain.clone().into(), Path::new("model.onnx")).unwrap();
        assert_eq!(unzip(&file, plain.clone().into()), (Vec::new(), Bytes::from(plain)));
    }
}
