use loadonce_core::{LoadErrorKind, Tensor};

use crate::onnx::proto::{NodeProto, TensorProto};
use crate::onnx::testing::{
    Value::{self, Floats, Int, Ints, Text, Texts},
    double_tensor, ml_node,
};
use crate::tabular::testing::{Case, assert_floats, floats, load_error, numbers, plan, run, run_error};

/// One tree: `x0 <= 0.5` leads to node 1, anything else to node 2; votes are node, class, weight.
fn tree(operator: &str, votes: &[(i64, i64, f32)]) -> NodeProto {
    let (prefix, outputs): (_, &[&str]) =
        if operator.ends_with("Regressor") { ("target", &["y"]) } else { ("class", &["label", "y"]) };
    let column = |part: fn(&(i64, i64, f32)) -> i64| votes.iter().map(part).collect::<Vec<_>>();
    ml_node(operator, &["x"], outputs)
        .with("nodes_treeids", Ints(&[0, 0, 0]))
        .with("nodes_nodeids", Ints(&[0, 1, 2]))
        .with("nodes_featureids", Ints(&[0, 0, 0]))
        .with("nodes_modes", Texts(&["BRANCH_LEQ", "LEAF", "LEAF"]))
        .with("nodes_values", Floats(&[0.5, 0.0, 0.0]))
        .with("nodes_truenodeids", Ints(&[1, 0, 0]))
        .with("nodes_falsenodeids", Ints(&[2, 0, 0]))
        .with(&format!("{prefix}_treeids"), Ints(&vec![0; votes.len()]))
        .with(&format!("{prefix}_nodeids"), Ints(&column(|vote| vote.0)))
        .with(&format!("{prefix}_ids"), Ints(&column(|vote| vote.1)))
        .with(&format!("{prefix}_weights"), Floats(&votes.iter().map(|vote| vote.2).collect::<Vec<_>>()))
}

fn regressor(targets: i64, votes: &[(i64, i64, f32)]) -> NodeProto {
    tree("TreeEnsembleRegressor", votes).with("n_targets", Int(targets))
}

fn classifier(labels: &[i64], votes: &[(i64, i64, f32)]) -> NodeProto {
    tree("TreeEnsembleClassifier", votes).with("classlabels_int64s", Ints(labels))
}

/// The node with another value for an attribute.
fn replaced(mut node: NodeProto, name: &str, value: Value<'_>) -> NodeProto {
    node.attribute.retain(|attribute| attribute.name_str() != name);
    node.with(name, value)
}

/// A row for each of the two leaves.
fn rows() -> Tensor {
    floats(&[2, 1], &[0.0, 1.0])
}

fn scores(node: NodeProto) -> Vec<f32> {
    run(node, rows()).last().unwrap().as_slice().unwrap().to_vec()
}

fn classes(node: NodeProto) -> Vec<i64> {
    run(node, rows())[0].as_slice().unwrap().to_vec()
}

#[test]
fn a_leaf_gives_its_weight_and_the_base_value() {
    let node = regressor(1, &[(1, 0, 0.25), (2, 0, 0.75)]);
    assert_eq!(run(node.clone(), rows())[0], floats(&[2, 1], &[0.25, 0.75]));
    assert_eq!(scores(node.with("base_values", Floats(&[10.0]))), [10.25, 10.75]);
}

#[test]
fn targets_without_votes_are_zero() {
    let node = regressor(2, &[(1, 0, 0.25), (2, 1, 1.0)]).with("base_values", Floats(&[10.0, 20.0]));
    assert_eq!(scores(node), [10.25, 0.0, 0.0, 21.0]);
}

#[test]
fn a_single_target_knows_no_transform_but_probit() {
    let node = |transform| regressor(1, &[(1, 0, 0.25), (2, 0, 0.75)]).with("post_transform", Text(transform));
    assert_eq!(scores(node("LOGISTIC")), [0.25, 0.75]);
    assert_floats(&scores(node("PROBIT")), &[-0.674_574_3, 0.674_574_3]);
    let node = regressor(2, &[(1, 0, 0.25), (1, 1, 0.5), (2, 0, 0.75)]).with("post_transform", Text("LOGISTIC"));
    assert_floats(&scores(node), &[0.562_176_5, 0.622_459_35, 0.679_178_7, 0.5]);
}

/// Two copies of the tree, the second with other weights.
fn two_trees(aggregate: &str) -> NodeProto {
    let mut node = regressor(1, &[]);
    for (name, values) in [
        ("nodes_treeids", vec![0, 0, 0, 1, 1, 1]),
        ("nodes_nodeids", vec![0, 1, 2, 0, 1, 2]),
        ("nodes_featureids", vec![0; 6]),
        ("nodes_truenodeids", vec![1, 0, 0, 1, 0, 0]),
        ("nodes_falsenodeids", vec![2, 0, 0, 2, 0, 0]),
        ("target_treeids", vec![0, 0, 1, 1]),
        ("target_nodeids", vec![1, 2, 1, 2]),
        ("target_ids", vec![0; 4]),
    ] {
        node = replaced(node, name, Ints(&values));
    }
    node = replaced(node, "nodes_modes", Texts(&["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"]));
    node = replaced(node, "nodes_values", Floats(&[0.5, 0.0, 0.0, 0.5, 0.0, 0.0]));
    node = replaced(node, "target_weights", Floats(&[1.0, 2.0, 3.0, -4.0]));
    node.with("aggregate_function", Text(aggregate))
}

#[test]
fn votes_of_several_trees_are_aggregated() {
    for (aggregate, expected) in
        [("SUM", [4.0, -2.0]), ("AVERAGE", [2.0, -1.0]), ("MIN", [1.0, -4.0]), ("MAX", [3.0, 2.0])]
    {
        assert_eq!(scores(two_trees(aggregate)), expected, "{aggregate}");
    }
    assert!(load_error(two_trees("MEDIAN"), &["", "1"]).detail().ends_with("unknown aggregate_function 'MEDIAN'"));
}

#[test]
fn every_comparison_leads_where_it_says() {
    let input = floats(&[4, 1], &[0.0, 0.5, 1.0, f32::NAN]);
    let cases = [
        ("BRANCH_LEQ", [1.0, 1.0, 0.0, 0.0]),
        ("BRANCH_LT", [1.0, 0.0, 0.0, 0.0]),
        ("BRANCH_GTE", [0.0, 1.0, 1.0, 0.0]),
        ("BRANCH_GT", [0.0, 0.0, 1.0, 0.0]),
        ("BRANCH_EQ", [0.0, 1.0, 0.0, 0.0]),
        ("BRANCH_NEQ", [1.0, 0.0, 1.0, 1.0]),
    ];
    for (mode, expected) in cases {
        let node = replaced(regressor(1, &[(1, 0, 1.0), (2, 0, 0.0)]), "nodes_modes", Texts(&[mode, "LEAF", "LEAF"]));
        assert_eq!(run(node.clone(), input.clone())[0].as_slice::<f32>().unwrap(), expected, "{mode}");
        let mut missing = expected;
        missing[3] = 1.0;
        let node = node.with("nodes_missing_value_tracks_true", Ints(&[1, 0, 0]));
        assert_eq!(run(node, input.clone())[0].as_slice::<f32>().unwrap(), missing, "{mode}");
    }
}

#[test]
fn the_greatest_of_several_classes_wins() {
    let node = classifier(&[3, 7, 9], &[(1, 0, 0.25), (1, 1, 0.5), (2, 2, -1.0)]);
    assert_eq!(classes(node.clone()), [7, 9]);
    assert_eq!(scores(node.clone()), [0.25, 0.5, 0.0, 0.0, 0.0, -1.0]);
    let node = node.with("base_values", Floats(&[1.0, 0.0, 0.0]));
    assert_eq!(classes(node), [3, 3]);
}

#[test]
fn two_classes_with_one_score_split_it() {
    let positive = classifier(&[3, 7], &[(1, 0, 0.25), (2, 0, 0.75)]);
    assert_eq!((classes(positive.clone()), scores(positive.clone())), (vec![3, 7], vec![0.75, 0.25, 0.25, 0.75]));
    let mixed = classifier(&[3, 7], &[(1, 0, -0.25), (2, 0, 0.25)]);
    assert_eq!((classes(mixed.clone()), scores(mixed.clone())), (vec![3, 7], vec![0.25, -0.25, -0.25, 0.25]));
    let logistic = mixed.with("post_transform", Text("LOGISTIC"));
    assert_floats(&scores(logistic), &[0.562_176_5, 0.437_823_5, 0.437_823_5, 0.562_176_5]);
    let shifted = positive.with("base_values", Floats(&[0.125]));
    assert_eq!(scores(shifted), [0.625, 0.375, 0.125, 0.875]);
    let second = classifier(&[3, 7], &[(1, 1, 0.25), (2, 1, 0.75)]);
    assert_eq!((classes(second.clone()), scores(second)), (vec![3, 7], vec![0.0, 0.25, 0.0, 0.75]));
}

#[test]
fn two_classes_with_votes_for_both_are_0_and_1_or_their_names() {
    let votes = [(1, 0, 0.25), (1, 1, 0.75), (2, 0, 0.5), (2, 1, -0.5)];
    let node = classifier(&[3, 7], &votes);
    assert_eq!((classes(node.clone()), scores(node)), (vec![1, 0], vec![0.25, 0.75, 0.5, -0.5]));
    let named = tree("TreeEnsembleClassifier", &votes).with("classlabels_strings", Texts(&["no", "yes"]));
    assert_eq!(run(named.clone(), rows())[0].as_strings().unwrap(), ["yes", "no"]);
    let signature = plan(named, &["batch", "1"]).unwrap().signature().clone();
    assert_eq!(signature.outputs[0].to_string(), "BYTES [batch]");
    assert_eq!(
        (signature.outputs[1].to_string(), &*signature.outputs[1].labels),
        ("FP32 [batch,2]".to_owned(), &["no".to_owned(), "yes".to_owned()][..])
    );
}

#[test]
fn double_input_is_compared_and_summed_in_double() {
    // 0.1 in single precision is greater than 0.1 in double precision.
    let node = replaced(regressor(1, &[(1, 0, 1.0), (2, 0, 2.0)]), "nodes_values", Floats(&[0.1, 0.0, 0.0]));
    let above = f64::from(0.1_f32) + 1e-12;
    assert_eq!(run(node.clone(), numbers(&[2, 1], &[0.1_f64, above]))[0], floats(&[2, 1], &[1.0, 2.0]));
    assert_eq!(run(node.clone(), numbers::<i64>(&[2, 1], &[0, 1]))[0], floats(&[2, 1], &[1.0, 2.0]));
    let exact = replaced(node, "nodes_values", Floats(&[]))
        .with("nodes_values_as_tensor", Value::Tensor(double_tensor("", &[3], &[0.1, 0.0, 0.0]).into()));
    assert_eq!(run(exact, numbers(&[2, 1], &[0.1_f64, 0.1 + 1e-12]))[0], floats(&[2, 1], &[1.0, 2.0]));
}

#[test]
fn many_rows_go_through_block_by_block() {
    let node = two_trees("SUM");
    let values: Vec<f32> = (0..1000).map(|row| if row % 3 == 0 { 0.0 } else { 1.0 }).collect();
    let expected: Vec<f32> = (0..1000).map(|row| if row % 3 == 0 { 4.0 } else { -2.0 }).collect();
    assert_eq!(run(node.clone(), floats(&[1000, 1], &values))[0], floats(&[1000, 1], &expected));
    assert_eq!(run(node.clone(), floats(&[0, 1], &[]))[0], floats(&[0, 1], &[]));
    assert_eq!(run(node, floats(&[0, 1 << 60], &[]))[0], floats(&[0, 1], &[]));
}

#[test]
fn nodes_may_be_shared_and_in_any_order_after_the_root() {
    // Node 0 and node 3 both lead to node 1: x0 == 0.5 or x0 == 1.
    let mut node = regressor(1, &[(1, 0, 1.0), (2, 0, 2.0)]);
    node = replaced(node, "nodes_treeids", Ints(&[5, 5, 5, 5]));
    node = replaced(node, "target_treeids", Ints(&[5, 5]));
    node = replaced(node, "nodes_nodeids", Ints(&[0, 2, 1, 3]));
    node = replaced(node, "nodes_featureids", Ints(&[0; 4]));
    node = replaced(node, "nodes_modes", Texts(&["BRANCH_EQ", "LEAF", "LEAF", "BRANCH_EQ"]));
    node = replaced(node, "nodes_values", Floats(&[0.5, 0.0, 0.0, 1.0]));
    node = replaced(node, "nodes_truenodeids", Ints(&[1, 0, 0, 1]));
    node = replaced(node, "nodes_falsenodeids", Ints(&[3, 0, 0, 2]));
    assert_eq!(run(node, floats(&[3, 1], &[0.5, 1.0, 2.0]))[0], floats(&[3, 1], &[1.0, 1.0, 2.0]));
}

#[test]
fn trees_that_are_none_are_corrupt() {
    let good = || regressor(1, &[(1, 0, 1.0), (2, 0, 2.0)]);
    let cases: [(&str, Value<'_>, &str); 12] = [
        ("nodes_truenodeids", Ints(&[0, 0, 0]), "node 0 of tree 0 leads back to node 0 of tree 0"),
        ("nodes_truenodeids", Ints(&[7, 0, 0]), "node 0 of tree 0 leads to node 7, which is not there"),
        ("nodes_truenodeids", Ints(&[2, 0, 0]), "node 1 of tree 0 cannot be reached from its tree's first node"),
        ("nodes_truenodeids", Ints(&[1, 0]), "2 entries in 'nodes_truenodeids', 3 in 'nodes_nodeids'"),
        ("nodes_nodeids", Ints(&[0, 1, 1]), "tree 0 has node 1 twice"),
        ("nodes_featureids", Ints(&[-1, 0, 0]), "node 0 of tree 0 looks at column -1"),
        ("nodes_featureids", Ints(&[4, 0, 0]), "the trees use 5 columns, the input has 1"),
        ("nodes_modes", Texts(&["BRANCH", "LEAF", "LEAF"]), "unknown node mode 'BRANCH'"),
        ("target_ids", Ints(&[0, 1]), "a vote for 1, expected less than 1"),
        ("target_nodeids", Ints(&[1, 9]), "a vote of tree 0, node 9, which is not there"),
        ("target_weights", Floats(&[1.0]), "1 entries in 'weights', 2 in 'ids'"),
        ("n_targets", Int(1 << 40), "1099511627776 targets"),
    ];
    for (name, value, expected) in cases {
        let error = load_error(replaced(good(), name, value), &["", "1"]);
        assert_eq!(error.kind(), LoadErrorKind::Corrupt, "{error}");
        assert!(error.detail().ends_with(expected), "{error}");
    }
    let error = load_error(good().with("base_values", Floats(&[1.0, 2.0])), &["", "1"]);
    assert!(error.detail().ends_with("2 base values for 1 targets"), "{error}");
}

#[test]
fn a_cycle_of_two_branches_is_found() {
    let mut node = replaced(regressor(1, &[(2, 0, 2.0)]), "nodes_modes", Texts(&["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"]));
    node = replaced(node, "nodes_truenodeids", Ints(&[1, 0, 0]));
    node = replaced(node, "nodes_falsenodeids", Ints(&[2, 2, 0]));
    let error = load_error(node, &["", "1"]);
    assert!(error.detail().ends_with("node 1 of tree 0 leads back to node 0 of tree 0"), "{error}");
}

#[test]
fn what_has_no_defined_answer_is_unsupported() {
    let cases =
        [classifier(&[3], &[(1, 0, 1.0)]), classifier(&[3, 7], &[(1, 0, 1.0)]).with("post_transform", Text("PROBIT"))];
    for node in cases {
        assert_eq!(load_error(node, &["", "1"]).kind(), LoadErrorKind::Unsupported);
    }
    let error = Case::new(regressor(1, &[(1, 0, 1.0)]), &["", "1"]).ml_version(5).load().unwrap_err();
    assert_eq!(
        error.detail(),
        "node 'y' (ai.onnx.ml.TreeEnsembleRegressor), operator set 5: the engine has operator sets 1 to 4 of it"
    );
}

#[test]
fn a_narrow_row_is_the_callers_fault() {
    let node = replaced(regressor(1, &[(1, 0, 1.0)]), "nodes_featureids", Ints(&[2, 0, 0]));
    let error = run_error(node, rows());
    assert!(error.to_string().ends_with("expected 3 columns or more, got 1"), "{error}");
}

#[test]
fn a_tensor_of_another_type_than_floats_is_corrupt() {
    let tensor = TensorProto { data_type: Some(7), ..double_tensor("", &[0], &[]) };
    let empty = regressor(1, &[(1, 0, 1.0)]).with("base_values_as_tensor", Value::Tensor(tensor.into()));
    assert_eq!(scores(empty), [1.0, 0.0]);
    let both = regressor(1, &[(1, 0, 1.0)])
        .with("nodes_values_as_tensor", Value::Tensor(double_tensor("", &[3], &[0.0; 3]).into()));
    let error = load_error(both, &["", "1"]);
    assert!(error.detail().ends_with("both 'nodes_values' and 'nodes_values_as_tensor' have entries"), "{error}");
}
