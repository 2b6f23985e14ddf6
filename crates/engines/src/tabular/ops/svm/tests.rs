use loadonce_core::{LoadErrorKind, Tensor};

use super::coupling::{Sigmoid, probabilities};
use crate::onnx::proto::NodeProto;
use crate::onnx::testing::{
    Value::{Floats, Int, Ints, Text, Texts},
    ml_node,
};
use crate::tabular::testing::{assert_floats, floats, load_error, numbers, plan, run, run_error};

fn regressor(kernel: &str, params: &[f32]) -> NodeProto {
    ml_node("SVMRegressor", &["x"], &["y"])
        .with("kernel_type", Text(kernel))
        .with("kernel_params", Floats(params))
        .with("support_vectors", Floats(&[0.5, -1.0]))
        .with("coefficients", Floats(&[2.0]))
        .with("n_supports", Int(1))
        .with("rho", Floats(&[0.25]))
}

/// Two classes, each with one vector of a linear machine.
fn pair() -> NodeProto {
    ml_node("SVMClassifier", &["x"], &["label", "y"])
        .with("support_vectors", Floats(&[1.0, 0.0, 0.0, 1.0]))
        .with("vectors_per_class", Ints(&[1, 1]))
        .with("coefficients", Floats(&[1.0, -1.0]))
        .with("rho", Floats(&[0.25]))
        .with("classlabels_strings", Texts(&["a", "ä"]))
}

/// Three classes, of which the second has two vectors.
fn three() -> NodeProto {
    ml_node("SVMClassifier", &["x"], &["label", "y"])
        .with("support_vectors", Floats(&[1.0, 2.0, 4.0, 8.0]))
        .with("vectors_per_class", Ints(&[1, 2, 1]))
        // By pair: (0,1) takes 1 of vector 0 and -1 of vectors 1 and 2, (0,2) takes 2 and -2, (1,2) takes 3 and -3.
        .with("coefficients", Floats(&[1.0, -1.0, -1.0, -2.0, 2.0, 3.0, 3.0, -3.0]))
        .with("rho", Floats(&[0.5, 0.25, 0.125]))
        .with("classlabels_ints", Ints(&[7, 8, 9]))
}

fn rows() -> Tensor {
    floats(&[2, 2], &[0.5, 0.25, -1.0, 0.5])
}

#[test]
fn each_kernel_function_equals_its_formula() {
    // x·v = -1.5, |x - v|² = 9.25
    let answer = |kernel, params: &[f32]| run(regressor(kernel, params), floats(&[2], &[1.0, 2.0])).remove(0);
    assert_eq!(answer("LINEAR", &[]), floats(&[1, 1], &[-2.75]));
    assert_eq!(answer("POLY", &[0.5, 0.25, 3.0]), floats(&[1, 1], &[0.0]));
    assert_eq!(answer("POLY", &[0.5, 0.25, 2.0]), floats(&[1, 1], &[0.75]));
    assert_eq!(answer("POLY", &[0.5, 0.25, 4.0]), floats(&[1, 1], &[0.375]));
    let rbf = answer("RBF", &[0.5, 0.0, 0.0]);
    assert_floats(rbf.as_slice().unwrap(), &[0.25 + 2.0 * (-4.625_f32).exp()]);
    let sigmoid = answer("SIGMOID", &[0.5, 0.25, 0.0]);
    assert_floats(sigmoid.as_slice().unwrap(), &[0.25 + 2.0 * (-0.5_f32).tanh()]);
}

#[test]
fn vectors_beyond_a_block_are_compared_as_those_in_it() {
    for count in [15_u8, 16, 17, 33] {
        let vectors: Vec<f32> = (0..count).flat_map(|number| [f32::from(number), -1.0]).collect();
        // The last vector alone speaks: x0 * number - x1.
        let coefficients: Vec<f32> = (1..=count).map(|number| f32::from(u8::from(number == count))).collect();
        let node = ml_node("SVMRegressor", &["x"], &["y"])
            .with("support_vectors", Floats(&vectors))
            .with("coefficients", Floats(&coefficients))
            .with("n_supports", Int(count.into()))
            .with("rho", Floats(&[0.0]));
        let expected = 2.0 * f32::from(count - 1) - 3.0;
        assert_eq!(run(node, floats(&[1, 2], &[2.0, 3.0]))[0], floats(&[1, 1], &[expected]), "{count} vectors");
    }
}

#[test]
fn a_one_class_machine_says_whether_a_row_belongs() {
    let node = regressor("LINEAR", &[]).with("one_class", Int(1));
    let answers = run(node, floats(&[3, 2], &[1.0, 0.0, 0.0, 1.0, f32::NAN, 0.0]));
    assert_eq!(answers[0], floats(&[3, 1], &[1.0, -1.0, -1.0]));
}

#[test]
fn a_regressor_without_vectors_is_linear_whatever_its_kernel() {
    let node = ml_node("SVMRegressor", &["x"], &["y"])
        .with("kernel_type", Text("RBF"))
        .with("coefficients", Floats(&[2.0, -1.0]))
        .with("rho", Floats(&[0.25]));
    assert_eq!(run(node, numbers::<i64>(&[1, 2], &[1, 3]))[0], floats(&[1, 1], &[-0.75]));
}

#[test]
fn a_pair_has_one_score_in_two_columns() {
    let answers = run(pair(), rows());
    assert_eq!(answers[0].as_strings().unwrap(), ["a", "ä"]);
    assert_eq!(answers[1], floats(&[2, 2], &[-0.5, 0.5, 1.25, -1.25]));
    let answers = run(pair().with("post_transform", Text("SOFTMAX")), rows());
    assert_eq!(answers[1], floats(&[2, 2], &[0.5, 0.5, 2.25, -1.25]));
    let answers = run(pair().with("post_transform", Text("LOGISTIC")), rows());
    assert_floats(answers[1].as_slice().unwrap(), &[0.377_540_7, 0.622_459_35, 0.777_299_9, 0.222_700_14]);
    let error = load_error(pair().with("post_transform", Text("PROBIT")), &["", "2"]);
    assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    assert!(plan(pair(), &["", "2"]).unwrap().signature().outputs[1].labels.is_empty());
}

#[test]
fn each_pair_of_classes_has_a_score_and_most_wins_decide() {
    let answers = run(three(), floats(&[2, 1], &[1.0, -1.0]));
    // Of the row 1: 1 - 2 - 4 + 0.5, 2 - 16 + 0.25, 6 + 12 - 24 + 0.125.
    assert_eq!(answers[1], floats(&[2, 3], &[-4.5, -13.75, -5.875, 5.5, 14.25, 6.125]));
    assert_eq!(answers[0], numbers::<i64>(&[2], &[9, 7]));
    assert_eq!(plan(three(), &["", "1"]).unwrap().signature().outputs[1].to_string(), "FP32 [?,3]");
}

#[test]
fn probabilities_are_those_of_classes_and_named() {
    let node = three().with("prob_a", Floats(&[-1.0, -2.0, -1.0])).with("prob_b", Floats(&[0.0, 0.5, 0.0]));
    let signature = plan(node.clone(), &["", "1"]).unwrap();
    assert_eq!(signature.signature().outputs[1].labels, ["7", "8", "9"]);
    let answers = run(node, floats(&[1, 1], &[0.125]));
    let sum: f32 = answers[1].as_slice::<f32>().unwrap().iter().sum();
    assert!((sum - 1.0).abs() < 1e-6, "{answers:?}");
}

#[test]
fn pairs_that_agree_with_each_other_are_coupled_to_what_they_agree_on() {
    let shares = [0.5_f32, 0.3, 0.2];
    // The score whose logistic is the share of the first of both.
    let score = |first: usize, second: usize| (shares[first] / shares[second]).ln();
    let sigmoids = [Sigmoid { a: -1.0, b: 0.0 }; 3];
    let coupled = probabilities(&[score(0, 1), score(0, 2), score(1, 2)], &sigmoids, 3);
    for (got, expected) in coupled.iter().zip(shares) {
        assert!((got - expected).abs() < 0.01, "{coupled:?}");
    }
    assert_floats(&probabilities(&[f32::NAN; 3], &sigmoids, 3), &[1.0 / 3.0; 3]);
}

#[test]
fn a_linear_machine_has_a_score_for_each_class() {
    let node = |coefficients| {
        ml_node("SVMClassifier", &["x"], &["label", "y"])
            .with("coefficients", Floats(coefficients))
            .with("rho", Floats(&[0.25]))
            .with("classlabels_ints", Ints(&[3, 7]))
    };
    let answers = run(node(&[1.0, 0.0, 0.0, -1.0]), rows());
    assert_eq!(answers[1], floats(&[2, 2], &[0.75, 0.0, -0.75, -0.25]));
    // Of two classes the second wins where any score is above zero.
    assert_eq!(answers[0], numbers::<i64>(&[2], &[7, 7]));
    // Where no coefficient is negative it wins from one half on.
    let answers = run(node(&[1.0, 0.0, 0.0, 1.0]), floats(&[2, 2], &[0.25, 0.0, 0.125, -1.0]));
    assert_eq!(answers[0], numbers::<i64>(&[2], &[7, 3]));
}

#[test]
fn attributes_must_agree_with_each_other_and_the_input() {
    let set = |node: NodeProto, name: &str, values: &[f32]| {
        let mut node = node;
        node.attribute.retain(|attribute| attribute.name_str() != name);
        node.with(name, Floats(values))
    };
    let cases = [
        (set(pair(), "rho", &[0.5, 1.0]), "2 entries in 'rho' for 1 pairs of classes"),
        (set(pair(), "coefficients", &[1.0]), "1 coefficients for 2 vectors of 2 classes"),
        (set(pair(), "support_vectors", &[1.0, 2.0, 3.0]), "3 elements of 2 vectors"),
        (pair().with("prob_a", Floats(&[1.0])), "1 and 0 probability coefficients for 1 pairs of classes"),
        (pair().with("kernel_params", Floats(&[1.0])), "1 kernel_params, expected none or three"),
        (pair().with("kernel_type", Text("CUBE")), "unknown kernel_type 'CUBE'"),
        (set(regressor("LINEAR", &[]), "coefficients", &[1.0, 2.0]), "2 coefficients for 1 support vectors"),
        (set(regressor("LINEAR", &[]), "rho", &[]), "no rho"),
    ];
    for (node, expected) in cases {
        let error = load_error(node, &["", "2"]);
        assert!(error.detail().ends_with(expected), "{error}");
    }
    assert!(load_error(pair(), &["", "3"]).detail().ends_with("the input has 3 columns, the attributes are for 2"));
    assert!(run_error(pair(), floats(&[1, 3], &[0.0; 3])).to_string().ends_with("expected 2 columns, got 3"));
    assert_eq!(run(pair(), floats(&[0, 2], &[]))[1], floats(&[0, 2], &[]));
}
