//! The operators: one file a family, one row of [`OPERATORS`] each.
//!
//! To add one, write its `prepare` (attributes and inputs in, kernel and outputs out) and a row here.

mod cast;
mod columns;
mod imputer;
mod linear;
mod normalizer;
mod passing;
mod post_transform;
mod scaler;
mod shaping;
mod tree;

use loadonce_core::LoadError;

use super::kernel::{Prepared, Value};
use super::node::Node;

/// An operator that the engine has.
#[derive(Debug)]
pub(super) struct Operator {
    /// `ai.onnx` or `ai.onnx.ml`.
    pub(super) domain: &'static str,
    pub(super) name: &'static str,
    /// The first version of the domain's operator set whose form of the operator is here.
    pub(super) since: i64,
    /// The last such version; `None` while no later set has changed it.
    pub(super) until: Option<i64>,
    /// How many inputs a node must have at least and may have at most.
    pub(super) inputs: (usize, usize),
    /// Every attribute of the operator; others are refused.
    pub(super) attributes: &'static [&'static str],
    pub(super) prepare: fn(&Node<'_>, &[Value]) -> Result<Prepared, LoadError>,
}

const ML: &str = "ai.onnx.ml";
const ONNX: &str = "ai.onnx";

/// More inputs than a variadic operator has in any model.
const MANY: usize = 1 << 16;

/// Every operator, by domain and name.
pub(super) const OPERATORS: [Operator; 14] = [
    Operator {
        domain: ONNX,
        name: "Cast",
        since: 6,
        until: None,
        inputs: (1, 1),
        // `saturate` (19) and `round_mode` (24) speak of 8-bit floats, which a cast refuses.
        attributes: &["to", "saturate", "round_mode"],
        prepare: cast::prepare,
    },
    Operator {
        domain: ONNX,
        name: "Concat",
        since: 4,
        until: None,
        inputs: (1, MANY),
        attributes: &["axis"],
        prepare: shaping::prepare_concat,
    },
    Operator {
        domain: ONNX,
        name: "Identity",
        since: 1,
        until: None,
        inputs: (1, 1),
        attributes: &[],
        prepare: passing::prepare_identity,
    },
    Operator {
        domain: ONNX,
        name: "Reshape",
        since: 5,
        until: None,
        inputs: (2, 2),
        attributes: &["allowzero"],
        prepare: shaping::prepare_reshape,
    },
    Operator {
        domain: ML,
        name: "ArrayFeatureExtractor",
        since: 1,
        until: None,
        inputs: (2, 2),
        attributes: &[],
        prepare: columns::prepare_extractor,
    },
    Operator {
        domain: ML,
        name: "FeatureVectorizer",
        since: 1,
        until: None,
        inputs: (1, MANY),
        attributes: &["inputdimensions"],
        prepare: columns::prepare_vectorizer,
    },
    Operator {
        domain: ML,
        name: "Imputer",
        since: 1,
        until: None,
        inputs: (1, 1),
        attributes: &["imputed_value_floats", "imputed_value_int64s", "replaced_value_float", "replaced_value_int64"],
        prepare: imputer::prepare,
    },
    Operator {
        domain: ML,
        name: "LinearClassifier",
        since: 1,
        until: None,
        inputs: (1, 1),
        // `multi_class` has no effect, in the specification's text as in ONNX Runtime.
        attributes: &[
            "classlabels_ints",
            "classlabels_strings",
            "coefficients",
            "intercepts",
            "multi_class",
            "post_transform",
        ],
        prepare: linear::prepare_classifier,
    },
    Operator {
        domain: ML,
        name: "LinearRegressor",
        since: 1,
        until: None,
        inputs: (1, 1),
        attributes: &["coefficients", "intercepts", "post_transform", "targets"],
        prepare: linear::prepare_regressor,
    },
    Operator {
        domain: ML,
        name: "Normalizer",
        since: 1,
        until: None,
        inputs: (1, 1),
        attributes: &["norm"],
        prepare: normalizer::prepare,
    },
    Operator {
        domain: ML,
        name: "Scaler",
        since: 1,
        until: None,
        inputs: (1, 1),
        attributes: &["offset", "scale"],
        prepare: scaler::prepare,
    },
    Operator {
        domain: ML,
        name: "TreeEnsembleClassifier",
        since: 1,
        // Version 5 replaced it by `TreeEnsemble`.
        until: Some(4),
        inputs: (1, 1),
        attributes: tree::CLASSIFIER_ATTRIBUTES,
        prepare: tree::prepare_classifier,
    },
    Operator {
        domain: ML,
        name: "TreeEnsembleRegressor",
        since: 1,
        until: Some(4),
        inputs: (1, 1),
        attributes: tree::REGRESSOR_ATTRIBUTES,
        prepare: tree::prepare_regressor,
    },
    Operator {
        domain: ML,
        name: "ZipMap",
        since: 1,
        until: None,
        inputs: (1, 1),
        attributes: &["classlabels_int64s", "classlabels_strings"],
        prepare: passing::prepare_zip_map,
    },
];

impl Operator {
    /// The operator of that name, in the version that an operator set of that version holds; otherwise why not.
    pub(super) fn find(domain: &str, name: &str, version: Option<i64>) -> Result<&'static Self, String> {
        let operator = OPERATORS.iter().find(|operator| (operator.domain, operator.name) == (domain, name));
        let operator = operator.ok_or_else(|| "the engine does not have it".to_owned())?;
        let version = version.ok_or_else(|| format!("the file does not import an operator set of {domain}"))?;
        let until = operator.until.unwrap_or(i64::MAX);
        if (operator.since..=until).contains(&version) {
            return Ok(operator);
        }
        Err(match operator.until {
            Some(until) => format!("the engine has operator sets {} to {until} of it", operator.since),
            None => format!("the engine has it from operator set {} on", operator.since),
        })
    }
}

/// All names, for messages.
pub(super) fn names() -> String {
    OPERATORS.iter().map(|operator| operator.name).collect::<Vec<_>>().join(", ")
}
