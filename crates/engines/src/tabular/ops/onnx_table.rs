//! The operators of the default domain, `ai.onnx`, that stand around those of `ai.onnx.ml` in an export.

use super::{MANY, ONNX, Operator, cast, passing, shaping};

/// The rows, in alphabetical order.
pub(super) const OPERATORS: &[Operator] = &[
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
];
