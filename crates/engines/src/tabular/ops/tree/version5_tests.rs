//! Tests of `TreeEnsemble`, whose attributes have another form than those of the older operators.

use loadonce_core::{Shape, Tensor};

use crate::onnx::proto::{NodeProto, TensorProto, data_type};
use crate::onnx::testing::{
    Value::{self, Int, Ints},
    double_tensor, float_tensor, ml_node,
};
use crate::tabular::testing::{Case, assert_floats, floats, numbers};

fn bytes_tensor(name: &str, elements: &[u8]) -> TensorProto {
    TensorProto {
        dims: vec![i64::try_from(elements.len()).unwrap()],
        data_type: Some(data_type::UINT8),
        name: Some(name.to_owned()),
        int32_data: elements.iter().map(|&element| element.into()).collect(),
        ..TensorProto::default()
    }
}

fn list(elements: &[f32]) -> Value<'static> {
    Value::Tensor(Box::new(float_tensor("", &[i64::try_from(elements.len()).unwrap()], elements)))
}

/// One node of that mode, `x0` against 0.5, with the leaves 1 and 2.
fn single(mode: u8) -> NodeProto {
    ml_node("TreeEnsemble", &["x"], &["y"])
        .with("nodes_modes", Value::Tensor(Box::new(bytes_tensor("", &[mode]))))
        .with("nodes_featureids", Ints(&[0]))
        .with("nodes_splits", list(&[0.5]))
        .with("nodes_truenodeids", Ints(&[0]))
        .with("nodes_trueleafs", Ints(&[1]))
        .with("nodes_falsenodeids", Ints(&[1]))
        .with("nodes_falseleafs", Ints(&[1]))
        .with("tree_roots", Ints(&[0]))
        .with("leaf_targetids", Ints(&[0, 0]))
        .with("leaf_weights", list(&[1.0, 2.0]))
        .with("n_targets", Int(1))
}

/// The node with another value for an attribute.
fn replaced(mut node: NodeProto, name: &str, value: Value<'_>) -> NodeProto {
    node.attribute.retain(|attribute| attribute.name_str() != name);
    node.with(name, value)
}

fn case(node: NodeProto) -> Case {
    Case::new(node, &["", "1"]).ml_version(5)
}

fn answers(node: NodeProto, column: &[f32]) -> Vec<f32> {
    let input = floats(&[column.len(), 1], column);
    case(node).run(input)[0].as_slice().unwrap().to_vec()
}

#[test]
fn every_mode_compares_in_its_way() {
    let column = [0.25, 0.5, 1.0, f32::NAN];
    let expected: [(u8, [f32; 4]); 6] = [
        (0, [1.0, 1.0, 2.0, 2.0]),
        (1, [1.0, 2.0, 2.0, 2.0]),
        (2, [2.0, 1.0, 1.0, 2.0]),
        (3, [2.0, 2.0, 1.0, 2.0]),
        (4, [2.0, 1.0, 2.0, 2.0]),
        (5, [1.0, 2.0, 1.0, 1.0]),
    ];
    for (mode, expected) in expected {
        assert_eq!(answers(single(mode), &column), expected, "mode {mode}");
    }
}

#[test]
fn members_are_equal_numbers_of_any_size() {
    let node = single(6).with("membership_values", list(&[1.0, 2.5, 1e9, f32::NAN]));
    let column = [1.0, 2.5, 1e9, 2.0, 0.5, f32::NAN];
    assert_eq!(answers(node.clone(), &column), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    let node = node.with("nodes_missing_value_tracks_true", Ints(&[1]));
    assert_eq!(answers(node, &column), [1.0, 1.0, 1.0, 2.0, 2.0, 1.0]);
}

#[test]
fn each_test_for_membership_has_members_of_its_own() {
    let node = replaced(single(6), "nodes_modes", Value::Tensor(Box::new(bytes_tensor("", &[6, 6]))));
    let node = replaced(node, "nodes_featureids", Ints(&[0, 0]));
    let node = replaced(node, "nodes_splits", list(&[0.0, 0.0]));
    let node = replaced(node, "nodes_truenodeids", Ints(&[0, 1]));
    let node = replaced(node, "nodes_trueleafs", Ints(&[1, 1]));
    let node = replaced(node, "nodes_falsenodeids", Ints(&[1, 2]));
    let node = replaced(node, "nodes_falseleafs", Ints(&[0, 1]));
    let node = replaced(node, "leaf_targetids", Ints(&[0, 0, 0]));
    let node = replaced(node, "leaf_weights", list(&[1.0, 2.0, 3.0]));
    let node = node.with("membership_values", list(&[1.0, 2.0, f32::NAN, 3.0, 4.0, f32::NAN]));
    assert_eq!(answers(node, &[1.0, 2.0, 3.0, 4.0, 5.0]), [1.0, 1.0, 2.0, 2.0, 3.0]);
}

#[test]
fn trees_may_share_nodes_and_are_summed_or_averaged() {
    let twice = replaced(single(0), "tree_roots", Ints(&[0, 0]));
    assert_eq!(answers(twice.clone(), &[0.0, 1.0]), [2.0, 4.0]);
    for (function, expected) in [(0, [1.0, 2.0]), (1, [2.0, 4.0]), (2, [1.0, 2.0]), (3, [1.0, 2.0])] {
        assert_eq!(answers(twice.clone().with("aggregate_function", Int(function)), &[0.0, 1.0]), expected);
    }
}

#[test]
fn the_transforms_are_numbered_as_the_runtime_numbers_them() {
    let two = replaced(replaced(single(0), "leaf_targetids", Ints(&[0, 1])), "n_targets", Int(2));
    let logistic = answers(two.clone().with("post_transform", Int(1)), &[0.0]);
    assert_floats(&logistic, &[0.731_058_6, 0.5]);
    assert_floats(&answers(two.with("post_transform", Int(2)), &[0.0]), &[0.731_058_6, 0.268_941_43]);
}

#[test]
fn double_precision_is_kept_to_the_end() {
    let doubles = |elements: &[f64]| {
        Value::Tensor(Box::new(double_tensor("", &[i64::try_from(elements.len()).unwrap()], elements)))
    };
    let node = replaced(single(0), "nodes_splits", doubles(&[0.1]));
    let node = replaced(node, "leaf_weights", doubles(&[0.1, 1e300]));
    let output = case(node.clone()).of_type(data_type::DOUBLE).run(numbers::<f64>(&[2, 1], &[0.1, 0.1 + 1e-16]));
    assert_eq!(output[0], numbers::<f64>(&[2, 1], &[0.1, 1e300]));
    let error = case(node).load().unwrap_err();
    assert!(error.detail().ends_with("'nodes_splits' holds FP64, the input FP32"), "{error}");
}

#[test]
fn what_does_not_hold_together_is_corrupt() {
    let cycle = replaced(replaced(single(0), "nodes_truenodeids", Ints(&[0])), "nodes_trueleafs", Ints(&[0]));
    let cases = [
        (replaced(single(0), "nodes_featureids", Ints(&[])), "0 entries in 'nodes_featureids', expected 1"),
        (replaced(single(0), "nodes_truenodeids", Ints(&[2])), "node 0 leads to leaf 2 of 2"),
        (replaced(single(0), "nodes_falsenodeids", Ints(&[-1])), "node 0 leads to leaf -1 of 2"),
        (replaced(single(0), "tree_roots", Ints(&[1])), "a root is none of the nodes"),
        (replaced(single(0), "tree_roots", Ints(&[])), "an ensemble without trees"),
        (replaced(single(0), "leaf_targetids", Ints(&[0, 1])), "a vote for 1, expected less than 1"),
        (replaced(single(0), "n_targets", Int(0)), "0 targets"),
        (single(6), "node 0 has no members to test for"),
        (single(7), "node 0 has unknown mode 7"),
        (single(0).with("aggregate_function", Int(4)), "unknown aggregate_function 4"),
        (single(0).with("post_transform", Int(5)), "unknown post_transform 5"),
        (replaced(single(0), "nodes_featureids", Ints(&[1])), "the trees use 2 columns, the input has 1"),
        (cycle, "node 0 of tree 0 leads back to node 0 of tree 0"),
    ];
    for (node, expected) in cases {
        let error = case(node).load().unwrap_err();
        assert!(error.detail().ends_with(expected), "{error}");
    }
}

#[test]
fn an_empty_batch_gives_empty_answers() {
    let output = case(single(0)).run(Tensor::from_vec::<f32>(Shape::new([0, 1]), vec![]).unwrap());
    assert_eq!(output[0].shape(), &Shape::new([0, 1]));
}
