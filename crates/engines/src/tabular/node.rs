//! One node of the graph as an operator sees it while it is prepared: attributes by type, and errors that name the node.

use std::collections::BTreeMap;

use bytes::Bytes;
use loadonce_core::{LoadError, LoadErrorKind, Tensor};

use super::kernel::Value;
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, attribute_type};

/// A node with the version of its operator set, and what a graph within it may need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    proto: &'a NodeProto,
    version: i64,
    scope: Scope<'a>,
}

/// What a graph within a node sees of the graph around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    /// Versions of the operator sets by domain.
    pub(super) opsets: &'a BTreeMap<String, i64>,
    /// The values that graphs within the node name; the node takes them behind its own inputs.
    pub(super) captured: &'a [(&'a str, Value)],
}

impl<'a> Node<'a> {
    pub(super) fn new(proto: &'a NodeProto, version: i64, scope: Scope<'a>) -> Self {
        Self { proto, version, scope }
    }

    /// Version of the operator set that the node's operator is from.
    pub(super) fn version(&self) -> i64 {
        self.version
    }

    /// What graphs within the node see.
    pub(super) fn scope(&self) -> Scope<'a> {
        self.scope
    }

    /// How many outputs the node names, those that nobody takes included.
    pub(super) fn output_count(&self) -> usize {
        self.proto.output.len()
    }

    /// For messages: `node 'clf' (ai.onnx.ml.LinearClassifier)`.
    pub(super) fn label(&self) -> String {
        format!("node '{}' ({}.{})", self.proto.label(), self.proto.domain_name(), self.proto.operator())
    }

    /// The file contradicts itself or the operator's specification.
    pub(super) fn corrupt(&self, detail: impl AsRef<str>) -> LoadError {
        let detail = format!("{}: {}", self.label(), detail.as_ref());
        LoadError::new(LoadErrorKind::Corrupt, detail).advise("export the model again")
    }

    /// The operator is there, this use of it is not.
    pub(super) fn unsupported(&self, detail: impl AsRef<str>) -> LoadError {
        let label = self.label();
        let detail = format!("{label}, operator set {}: {}", self.version, detail.as_ref());
        LoadError::new(LoadErrorKind::Unsupported, detail)
    }

    /// A float; `None` if the node does not have it.
    pub(super) fn float(&self, name: &str) -> Result<Option<f32>, LoadError> {
        Ok(self.attribute(name, attribute_type::FLOAT)?.map(|attribute| attribute.f.unwrap_or(0.0)))
    }

    /// An integer; `None` if the node does not have it.
    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, LoadError> {
        Ok(self.attribute(name, attribute_type::INT)?.map(|attribute| attribute.i.unwrap_or(0)))
    }

    /// Text; `None` if the node does not have it.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, LoadError> {
        let Some(attribute) = self.attribute(name, attribute_type::STRING)? else { return Ok(None) };
        let text = attribute.s.as_deref().unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| self.corrupt(format!("attribute '{name}' is not UTF-8")))?;
        Ok(Some(text))
    }

    /// Floats; empty if the node does not have them.
    pub(super) fn floats(&self, name: &str) -> Result<&'a [f32], LoadError> {
        let attribute = self.attribute(name, attribute_type::FLOATS)?;
        Ok(attribute.map_or(&[], |attribute| &attribute.floats))
    }

    /// An integer that stands for yes or no.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, LoadError> {
        Ok(self.int(name)?.map_or(default, |value| value != 0))
    }

    /// Integers; empty if the node does not have them.
    pub(super) fn ints(&self, name: &str) -> Result<&'a [i64], LoadError> {
        let attribute = self.attribute(name, attribute_type::INTS)?;
        Ok(attribute.map_or(&[], |attribute| &attribute.ints))
    }

    /// Integers; `None` if the node does not have them.
    pub(super) fn optional_ints(&self, name: &str) -> Result<Option<&'a [i64]>, LoadError> {
        Ok(self.attribute(name, attribute_type::INTS)?.map(|attribute| &*attribute.ints))
    }

    /// Strings; empty if the node does not have them.
    pub(super) fn strings(&self, name: &str) -> Result<&'a [Bytes], LoadError> {
        let attribute = self.attribute(name, attribute_type::STRINGS)?;
        Ok(attribute.map_or(&[], |attribute| &attribute.strings))
    }

    /// A tensor; `None` if the node does not have it.
    pub(super) fn tensor(&self, name: &str) -> Result<Option<Tensor>, LoadError> {
        let attribute = self.attribute(name, attribute_type::TENSOR)?;
        let Some(proto) = attribute.and_then(|attribute| attribute.t.as_ref()) else { return Ok(None) };
        let tensor = proto.to_tensor().map_err(|detail| self.corrupt(format!("attribute '{name}': {detail}")))?;
        Ok(Some(tensor))
    }

    /// A graph, which the node must have.
    pub(super) fn graph(&self, name: &str) -> Result<&'a GraphProto, LoadError> {
        let attribute = self.attribute(name, attribute_type::GRAPH)?;
        let graph = attribute.and_then(|attribute| attribute.g.as_deref());
        graph.ok_or_else(|| self.corrupt(format!("no attribute '{name}'")))
    }

    /// An operator that ignores an attribute it does not know would answer wrongly without a word.
    pub(super) fn check_attributes(&self, known: &[&str]) -> Result<(), LoadError> {
        let mut names = self.proto.attribute.iter().map(AttributeProto::name_str);
        match names.find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => Err(self.unsupported(format!("attribute '{name}' is not supported"))),
        }
    }

    fn attribute(&self, name: &str, expected: i32) -> Result<Option<&'a AttributeProto>, LoadError> {
        let found = self.proto.attribute.iter().find(|attribute| attribute.name_str() == name);
        match found.map(|attribute| (attribute, attribute.r#type.unwrap_or(0))) {
            None => Ok(None),
            Some((attribute, kind)) if kind == expected || kind == 0 => Ok(Some(attribute)),
            Some((_, kind)) => {
                Err(self.corrupt(format!("attribute '{name}' is of type {kind}, expected type {expected}")))
            }
        }
    }
}
