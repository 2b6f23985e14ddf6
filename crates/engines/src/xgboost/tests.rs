//! Files as XGBoost writes them, and files that nobody should write. The conformance suite compares whole models with
//! XGBoost's own answers.

use loadonce_core::{Batch, LoadErrorKind, Shape, Tensor};

use super::*;

/// A regression with one split, at column 1.
const MODEL: &str = r#"{"learner":{"attributes":{},"feature_names":["a","b"],"feature_types":[],
"gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},
"iteration_indptr":[0,1],"tree_info":[0],"trees":[{"base_weights":[0,1,2],
"categories":[3,7],"categories_nodes":[1],"categories_segments":[0],"categories_sizes":[2],
"default_left":[1,0,0,0,0],"id":0,"left_children":[1,3,-1,-1,-1],"right_children":[2,4,-1,-1,-1],
"split_conditions":[5E-1,1E-45,1E1,2E1,4E1],"split_indices":[1,0,0,0,0],"split_type":[0,1,0,0,0],
"tree_param":{"num_deleted":"0","num_feature":"2","num_nodes":"5","size_leaf_vector":"1"}}]},"name":"gbtree"},
"learner_model_param":{"base_score":"[1E0]","boost_from_average":"1","num_class":"0","num_feature":"2",
"num_target":"1"},"objective":{"name":"reg:squarederror"}},"version":[3,2,0]}"#;

fn predictions(text: &str, rows: &[[f32; 2]]) -> Vec<f32> {
    let model = parse(text.as_bytes()).unwrap();
    let input = Tensor::from_vec(Shape::new([rows.len(), 2]), rows.as_flattened().to_vec()).unwrap();
    let outputs = model.open_session().unwrap().run(&Batch::new(vec![input])).unwrap();
    outputs[0].as_slice::<f32>().unwrap().to_vec()
}

fn refusal(text: &str) -> (LoadErrorKind, String) {
    let error = parse(text.as_bytes()).err().expect("the file is refused");
    (error.kind(), error.detail().to_owned())
}

#[test]
fn numbers_categories_and_missing_values_find_their_leaves() {
    let rows = [[0.0, 0.5], [0.0, 0.4], [3.0, 0.4], [7.9, f32::NAN], [f32::NAN, 0.0], [-1.0, 0.0], [1e9, 0.0]];
    assert_eq!(predictions(MODEL, &rows), [11.0, 21.0, 41.0, 41.0, 41.0, 21.0, 21.0]);
    let model = parse(MODEL.as_bytes()).unwrap();
    assert_eq!(model.signature().inputs[0].columns, ["a", "b"]);
    assert_eq!(model.signature().inputs[0].to_string(), "FP32 [?,2]");
}

#[test]
fn a_request_of_another_shape_is_refused() {
    let mut session = parse(MODEL.as_bytes()).unwrap().open_session().unwrap();
    let input = Tensor::from_vec(Shape::new([1, 3]), vec![0.0_f32; 3]).unwrap();
    let error = session.run(&Batch::new(vec![input])).unwrap_err();
    assert_eq!(error.to_string(), "the model refused the input: expected 2 columns, got 3");
}

#[test]
fn only_an_estimators_file_stops_at_the_best_iteration() {
    let best = MODEL.replace(r#""iteration_indptr":[0,1]"#, r#""iteration_indptr":[0,0,1]"#);
    let booster = best.replace(r#""attributes":{}"#, r#""attributes":{"best_iteration":"0"}"#);
    assert_eq!(predictions(&booster, &[[0.0, 1.0]]), [11.0]);
    let estimator = booster.replace(r#""attributes":{"#, r#""attributes":{"scikit_learn":"{}","#);
    assert_eq!(predictions(&estimator, &[[0.0, 1.0]]), [1.0]);
    let older = estimator.replace(r#""iteration_indptr":[0,0,1],"#, "");
    assert_eq!(predictions(&older, &[[0.0, 1.0]]), [11.0]);
}

#[test]
fn what_the_engine_has_not_is_said() {
    let (kind, detail) = refusal(&MODEL.replace("reg:squarederror", "reg:mine"));
    assert_eq!(kind, LoadErrorKind::Unsupported);
    assert!(detail.starts_with("objective 'reg:mine'; the engine has binary:hinge, binary:logistic, "), "{detail}");
    let (kind, detail) = refusal(&MODEL.replace(r#""name":"gbtree""#, r#""name":"gbforest""#));
    assert_eq!(kind, LoadErrorKind::Unsupported);
    assert_eq!(detail, "booster 'gbforest'; the engine has gbtree, dart, gblinear");
}

#[test]
fn a_file_that_contradicts_itself_is_corrupt() {
    let cases = [
        (r#""left_children":[1,3"#, r#""left_children":[0,3"#, "tree 0: split 0 is reached twice"),
        (
            r#""right_children":[2,"#,
            r#""right_children":[9,"#,
            "'learner.gradient_booster.model.trees[0]': node 0 leads to node 9 of 5",
        ),
        (r#""split_indices":[1"#, r#""split_indices":[2"#, "tree 0: split 0 looks at column 2 of 2"),
        (
            r#""num_nodes":"5""#,
            r#""num_nodes":"6""#,
            "'learner.gradient_booster.model.trees[0]': 5 entries in 'left_children', 6 nodes",
        ),
        (
            r#""categories_sizes":[2]"#,
            r#""categories_sizes":[3]"#,
            "'learner.gradient_booster.model.trees[0]': node 1 splits by categories that are not there",
        ),
        (r#""tree_info":[0]"#, r#""tree_info":[1]"#, "tree 0: leaf 2 votes for 1 of 1"),
        (
            r#""num_trees":"1""#,
            r#""num_trees":"2""#,
            "'learner.gradient_booster.model': 1 trees, 2 in 'num_trees', 1 in 'tree_info', 1 weights",
        ),
        (
            r#""default_left":[1"#,
            r#""default_left":[1.5"#,
            "'learner.gradient_booster.model.trees[0].default_left': 1.5 is not an integer that can stand here",
        ),
        (
            r#""base_score":"[1E0]""#,
            r#""base_score":"[1,2]""#,
            "'learner.learner_model_param.base_score': '[1,2]' is not a number or 1 of them",
        ),
        (
            r#""num_feature":"2",
"num_target""#,
            r#""num_feature":"0","num_target""#,
            "'learner.learner_model_param': 0 columns",
        ),
        (r#""feature_names":["a","b"]"#, r#""feature_names":["a"]"#, "'learner.feature_names': 1 names for 2 columns"),
        (r#""learner":{"#, r#""lerner":{"#, "'learner' is missing"),
        (r#""feature_names":["#, r#""feature_names":[1,"#, "'learner.feature_names[0]': expected a text, got a number"),
    ];
    for (found, put, expected) in cases {
        assert!(MODEL.contains(found), "{found}");
        assert_eq!(refusal(&MODEL.replace(found, put)), (LoadErrorKind::Corrupt, expected.to_owned()));
    }
}

#[test]
fn a_file_cut_short_anywhere_is_corrupt() {
    for end in 0..MODEL.len() {
        assert_eq!(refusal(&MODEL[..end]).0, LoadErrorKind::Corrupt, "{end}");
    }
}

#[test]
fn another_file_is_no_model() {
    for (bytes, expected) in [
        (&b"\x80\x04\x95pickle"[..], "neither JSON nor UBJSON: it does not begin with '{'"),
        (b"<html>", "neither JSON nor UBJSON: it does not begin with '{'"),
        (b"{\"a\":1}", "'learner' is missing"),
        (b"{L\0\0\0", "not a UBJSON file of XGBoost: byte 2: the file ends too early"),
    ] {
        let error = parse(bytes).err().unwrap();
        assert_eq!((error.kind(), error.detail()), (LoadErrorKind::Corrupt, expected));
    }
}
