//! `SVMClassifier` and `SVMRegressor` (ai.onnx.ml 1): support vector machines, as LIBSVM trains them, and linear ones.
//!
//! Both take numbers `[N,C]` or `[C]` and count in single precision. The specification names the attributes and defines
//! nothing; what they mean is ONNX Runtime's reading (`onnxruntime/core/providers/cpu/ml/svmclassifier.cc` and
//! `svmregressor.cc`), which follows LIBSVM. A row is compared with every support vector ([`vectors`]); what is learned
//! of the comparisons makes scores, and those of a classifier labels and, with [`coupling`], probabilities.

mod classifier;
mod coupling;
mod regressor;
mod vectors;

pub(super) use self::classifier::prepare as prepare_classifier;
pub(super) use self::regressor::prepare as prepare_regressor;

/// Attributes of `SVMClassifier`.
pub(super) const CLASSIFIER_ATTRIBUTES: &[&str] = &[
    "classlabels_ints",
    "classlabels_strings",
    "coefficients",
    "kernel_params",
    "kernel_type",
    "post_transform",
    "prob_a",
    "prob_b",
    "rho",
    "support_vectors",
    "vectors_per_class",
];

/// Attributes of `SVMRegressor`. ONNX Runtime reads `post_transform` and does not apply it.
pub(super) const REGRESSOR_ATTRIBUTES: &[&str] = &[
    "coefficients",
    "kernel_params",
    "kernel_type",
    "n_supports",
    "one_class",
    "post_transform",
    "rho",
    "support_vectors",
];

#[cfg(test)]
mod tests;
