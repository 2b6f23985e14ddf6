//! Files as LightGBM writes them, and files that nobody should write. The conformance suite compares whole models with
//! LightGBM's own answers.

use loadonce_core::{Batch, LoadErrorKind, Shape, Tensor};

use super::*;

/// A regression with a numerical split, and a split by the categories 1 and 33.
const MODEL: &str = "tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=regression
feature_names=size kind
feature_infos=[0:1] 0:1:33
tree_sizes=1 1

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
threshold=0.5 0
decision_type=8 1
left_child=-1 -2
right_child=1 -3
leaf_value=10 20 40
cat_boundaries=0 2
cat_threshold=2 2
is_linear=0
shrinkage=1

Tree=1
num_leaves=1
num_cat=0
split_feature=
leaf_value=1
is_linear=0

end of trees

parameters:
";

fn predictions(text: &str, rows: &[[f64; 2]]) -> Vec<f64> {
    let model = parse(text.as_bytes()).unwrap();
    let input = Tensor::from_vec(Shape::new([rows.len(), 2]), rows.as_flattened().to_vec()).unwrap();
    let outputs = model.open_session().unwrap().run(&Batch::new(vec![input])).unwrap();
    outputs[0].as_slice::<f64>().unwrap().to_vec()
}

fn refusal(text: &str) -> (LoadErrorKind, String) {
    let error = parse(text.as_bytes()).err().expect("the file is refused");
    (error.kind(), error.detail().to_owned())
}

#[test]
fn numbers_categories_and_missing_values_find_their_leaves() {
    let nan = f64::NAN;
    let rows = [[0.5, 0.0], [0.6, 1.0], [nan, 33.9], [0.6, 2.0], [0.6, nan], [0.6, -1.0], [0.6, 1e300]];
    assert_eq!(predictions(MODEL, &rows), [11.0, 21.0, 21.0, 41.0, 41.0, 41.0, 41.0]);
    let model = parse(MODEL.as_bytes()).unwrap();
    assert_eq!(model.signature().inputs[0].columns, ["size", "kind"]);
    assert_eq!(model.signature().inputs[0].to_string(), "FP64 [?,2]");
    let made_up = parse(MODEL.replace("size kind", "Column_0 Column_1").as_bytes()).unwrap();
    assert!(made_up.signature().inputs[0].columns.is_empty());
}

#[test]
fn each_missing_type_has_its_way() {
    let nan = f64::NAN;
    let rows = [[nan, 2.0], [0.0, 2.0], [-1.0, 2.0], [1.0, 2.0], [-1e-36, 2.0]];
    let with = |decision: &str, threshold: &str| {
        let text = MODEL.replace("decision_type=8", &format!("decision_type={decision}"));
        predictions(&text.replace("threshold=0.5", &format!("threshold={threshold}")), &rows)
    };
    let (left, right) = (11.0, 41.0);
    assert_eq!(with("0", "0.5"), [left, left, left, right, left], "nothing is missing, NaN is zero");
    assert_eq!(with("0", "-0.5"), [right, right, left, right, right], "nothing is missing, NaN is zero");
    assert_eq!(with("4", "0.5"), [right, right, left, right, right], "zero is missing");
    assert_eq!(with("6", "-2"), [left, left, right, right, left], "zero is missing, and goes left");
    assert_eq!(with("10", "-2"), [left, right, right, right, right], "NaN is missing, and goes left");
    assert_eq!(with("8", "-1e-36"), [right, right, left, right, right], "what is nearly zero is zero");
    assert_eq!(with("8", "1e-40"), [right, left, left, right, left], "what is nearly zero is zero");
}

#[test]
fn a_random_forest_answers_with_the_mean() {
    let forest = MODEL.replace("\nfeature_infos", "\naverage_output\nfeature_infos");
    assert_eq!(predictions(&forest, &[[0.0, 0.0]]), [5.5]);
}

#[test]
fn what_the_engine_has_not_is_said() {
    let cases = [
        ("objective=regression", "objective=mine", "the model: objective 'mine'; the engine has binary, cross_entropy"),
        ("version=v4", "version=v9", "the model: version 'v9' of the format; the engine has v2, v3, v4"),
        ("is_linear=0", "is_linear=1", "tree 0: a tree with linear models in its leaves"),
    ];
    for (found, put, expected) in cases {
        let (kind, detail) = refusal(&MODEL.replacen(found, put, 1));
        assert_eq!(kind, LoadErrorKind::Unsupported);
        assert!(detail.starts_with(expected), "{detail}");
    }
}

#[test]
fn a_file_that_contradicts_itself_is_corrupt() {
    let cases = [
        ("left_child=-1 -2", "left_child=0 -2", "tree 0: split 0 is reached twice"),
        ("right_child=1 -3", "right_child=7 -3", "tree 0: no split 7"),
        ("right_child=1 -3", "right_child=-2 -3", "tree 0: 1 of 2 splits are reached"),
        ("right_child=1 -3", "right_child=1 -9", "tree 0: no leaf 8"),
        ("split_feature=0 1", "split_feature=0 2", "tree 0: split 1 looks at column 2 of 2"),
        ("num_leaves=3", "num_leaves=4", "tree 0: 3 entries in 'leaf_value', expected 4"),
        ("num_leaves=3", "num_leaves=0", "tree 0: a tree without leaves"),
        ("decision_type=8 1", "decision_type=12 1", "tree 0: split 0 has missing type 3"),
        ("threshold=0.5 0", "threshold=0.5 1", "tree 0: split 1 has set 1 of categories, which is not there"),
        ("cat_boundaries=0 2", "cat_boundaries=2 0", "tree 0: 2 entries in 'cat_threshold', expected 0"),
        ("tree_sizes=1 1", "tree_sizes=1", "the model: 2 trees, 1 in 'tree_sizes'"),
        ("Tree=1", "Tree=2", "tree 1: its number is '2'"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0", "the model: 'num_tree_per_iteration' is 0"),
        ("objective=regression", "objective=multiclass", "the model: 1 trees an iteration for its objective"),
        ("objective=regression", "objective=binary", "the model: 'objective' is 'binary'"),
        ("max_feature_idx=1", "max_feature_idx=2", "the model: 2 names for 3 columns"),
        ("max_feature_idx=1", "max_feature_idx=-1", "the model: 'max_feature_idx' is '-1', expected a number"),
        ("shrinkage=1", "num_cat=1", "tree 0: 'num_cat' comes twice"),
        ("split_feature=0 1", "split=0 1", "tree 0: 'split_feature' is missing"),
    ];
    for (found, put, expected) in cases {
        assert!(MODEL.contains(found), "{found}");
        assert_eq!(refusal(&MODEL.replacen(found, put, 1)), (LoadErrorKind::Corrupt, expected.to_owned()));
    }
}

#[test]
fn a_file_cut_short_before_its_last_tree_ends_is_corrupt() {
    let end = MODEL.find("end of trees").unwrap() + "end of trees".len();
    for end in 0..end {
        assert_eq!(refusal(&MODEL[..end]).0, LoadErrorKind::Corrupt, "{end}");
    }
}

#[test]
fn another_file_is_no_model() {
    for text in ["", "\u{feff}tree\n", "just a note\n"] {
        let (kind, detail) = refusal(text);
        assert_eq!(kind, LoadErrorKind::Corrupt);
        assert_eq!(detail, "not a text model of LightGBM: the first line is not 'tree'");
    }
    assert_eq!(parse(b"\xff\xfe").err().unwrap().kind(), LoadErrorKind::Corrupt);
}
