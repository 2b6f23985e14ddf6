//! Inputs that are maps, which no protocol has: a map that goes into a `DictVectorizer` is asked for as a table, with a
//! column for each entry of the operator's vocabulary.
//!
//! The operator gives zero, or an empty text, for what is in the vocabulary and not in the map, and passes over what is
//! in the map only. So a row of the table says the same as a map, if it has zero where the map has nothing.

use loadonce_core::{DType, Dim, LoadError, LoadErrorKind, TensorSpec};

use crate::onnx::proto::{GraphProto, NodeProto, TypeProto, data_type};
use crate::onnx::{Port, types};

/// Dtypes of a map's values.
pub(super) const MAPPED: [DType; 4] = [DType::Fp32, DType::Fp64, DType::Int64, DType::Bytes];

/// What a request gives for an input: the tensor itself, or a table for a map. Anything else is refused.
pub(super) fn tensor_for(input: &Port, graph: &GraphProto) -> Result<TensorSpec, LoadError> {
    if let Some(spec) = input.tensor() {
        return Ok(spec.clone());
    }
    let (name, type_text) = (input.name(), input.type_text());
    let refused = |expected: &str| {
        let detail = format!("input '{name}' is {type_text}, expected {expected}");
        LoadError::new(LoadErrorKind::Unsupported, detail)
    };
    let dtype = values_of(name, graph).ok_or_else(|| refused("a tensor"))?;
    let takers: Vec<_> = graph.node.iter().filter(|node| node.input.iter().any(|input| input == name)).collect();
    let vocabularies: Option<Vec<_>> = takers.into_iter().map(vocabulary).collect();
    match vocabularies.as_deref() {
        Some([first, others @ ..]) if others.iter().all(|other| other == first) => {
            let dims = [Dim::ANY, Dim::Fixed(first.len())];
            Ok(TensorSpec { columns: distinct(first), ..TensorSpec::new(name, dtype, dims) })
        }
        _ => Err(refused("a tensor, or a map for DictVectorizer with one vocabulary")),
    }
}

/// The dtype of a map's values, if the input is a map that a `DictVectorizer` may take.
fn values_of(name: &str, graph: &GraphProto) -> Option<DType> {
    let value = graph.input.iter().find(|value| value.name_str() == name)?;
    let map = value.r#type.as_ref()?.map_type.as_ref()?;
    let inner: &TypeProto = map.value_type.as_ref()?;
    let dtype = types::dtype(inner.tensor_type.as_ref()?.elem_type?)?;
    let has_keys = matches!(map.key_type, Some(data_type::STRING | data_type::INT64));
    (has_keys && MAPPED.contains(&dtype)).then_some(dtype)
}

/// The words of a `DictVectorizer`; `None` for any other node.
fn vocabulary(node: &NodeProto) -> Option<Vec<String>> {
    if (node.domain_name(), node.operator()) != ("ai.onnx.ml", "DictVectorizer") {
        return None;
    }
    let mut words = Vec::new();
    for attribute in &node.attribute {
        match attribute.name_str() {
            "string_vocabulary" => {
                words.extend(attribute.strings.iter().map(|word| String::from_utf8_lossy(word).into_owned()));
            }
            "int64_vocabulary" => words.extend(attribute.ints.iter().map(i64::to_string)),
            _ => {}
        }
    }
    Some(words)
}

/// Names for columns, unless one would stand for two.
fn distinct(words: &[String]) -> Vec<String> {
    let mut sorted: Vec<_> = words.iter().collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) { Vec::new() } else { words.to_vec() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loadonce_core::{Batch, Session, Tensor};

    use super::*;
    use crate::onnx::proto::{MapTypeProto, TensorTypeProto, ValueInfoProto};
    use crate::onnx::testing::{
        ModelBuilder,
        Value::{Ints, Texts},
        ml_node, node, untyped,
    };
    use crate::tabular::session::TabularSession;
    use crate::tabular::testing::{compile, floats, numbers};

    fn map_input(key_type: i32, elem_type: i32) -> ValueInfoProto {
        let tensor = TensorTypeProto { elem_type: Some(elem_type), shape: None };
        let values = TypeProto { tensor_type: Some(tensor), ..TypeProto::default() };
        let map = MapTypeProto { key_type: Some(key_type), value_type: Some(Box::new(values)) };
        let map = TypeProto { map_type: Some(Box::new(map)), ..TypeProto::default() };
        ValueInfoProto { name: Some("x".to_owned()), r#type: Some(map) }
    }

    fn model(key_type: i32, elem_type: i32, nodes: &[NodeProto]) -> ModelBuilder {
        let model = ModelBuilder::new().opset("", 17).opset("ai.onnx.ml", 1).input(map_input(key_type, elem_type));
        nodes.iter().cloned().fold(model, ModelBuilder::node).output(untyped("y"))
    }

    fn vectorizer(words: &[&str], output: &str) -> NodeProto {
        ml_node("DictVectorizer", &["x"], &[output]).with("string_vocabulary", Texts(words))
    }

    fn run(model: &ModelBuilder, input: Tensor) -> Tensor {
        let plan = Arc::new(compile(model).unwrap());
        TabularSession::new(plan).run(&Batch::new(vec![input])).unwrap().remove(0)
    }

    #[test]
    fn a_map_is_asked_for_as_a_table_of_its_vocabulary() {
        let model = model(data_type::STRING, data_type::FLOAT, &[vectorizer(&["a", "ü"], "y")]);
        let plan = compile(&model).unwrap();
        let input = &plan.signature().inputs[0];
        assert_eq!(
            (input.to_string(), &input.columns[..]),
            ("FP32 [?,2]".to_owned(), &["a", "ü"].map(str::to_owned)[..])
        );
        assert!(plan.signature().is_batchable());
        let rows = floats(&[2, 2], &[1.0, 0.0, 0.0, 2.5]);
        assert_eq!(run(&model, rows.clone()), rows);
    }

    #[test]
    fn keys_may_be_numbers_and_values_of_another_dtype() {
        let node = ml_node("DictVectorizer", &["x"], &["y"]).with("int64_vocabulary", Ints(&[7, -1]));
        let model = model(data_type::INT64, data_type::DOUBLE, &[node]);
        assert_eq!(compile(&model).unwrap().signature().inputs[0].columns, ["7", "-1"]);
        let rows = numbers::<f64>(&[1, 2], &[0.1, 0.0]);
        assert_eq!(run(&model, rows.clone()), rows);
    }

    #[test]
    fn a_word_that_comes_twice_leaves_the_columns_without_names() {
        let model = model(data_type::STRING, data_type::INT64, &[vectorizer(&["a", "b", "a"], "y")]);
        let plan = compile(&model).unwrap();
        assert_eq!(plan.signature().inputs[0].to_string(), "INT64 [?,3]");
        assert!(plan.signature().inputs[0].columns.is_empty());
    }

    #[test]
    fn maps_for_anything_else_are_refused() {
        let two = [vectorizer(&["a"], "z"), vectorizer(&["b"], "y")];
        let identity = [node("Identity", &["x"], &["y"])];
        for nodes in [&two[..], &identity[..], &[]] {
            let error = compile(&model(data_type::STRING, data_type::FLOAT, nodes)).unwrap_err();
            let expected = "input 'x' is map(string, tensor(float)), expected a tensor, or a map for DictVectorizer with \
                            one vocabulary";
            assert_eq!(error.detail(), expected);
        }
        let error = compile(&model(data_type::FLOAT, data_type::FLOAT, &two[..1])).unwrap_err();
        assert_eq!(error.detail(), "input 'x' is map(float, tensor(float)), expected a tensor");
    }
}
