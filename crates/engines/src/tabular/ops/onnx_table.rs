//! The operators of the default domain, `ai.onnx`, that stand around those of `ai.onnx.ml` in an export, and one of
//! `com.microsoft` that skl2onnx writes on request.

use loadonce_core::LoadError;

use super::plain::{
    arg, axes, binary, cdist, choose, fill, gather, matmul, parts, reduce, scan, scatter, search, softmax, unary,
    variadic, views,
};
use super::{MANY, ONNX, Operator, cast, passing, shaping};
use crate::tabular::kernel::{Prepared, Value};
use crate::tabular::node::Node;

const MICROSOFT: &str = "com.microsoft";

type Prepare = fn(&Node<'_>, &[Value]) -> Result<Prepared, LoadError>;

/// An operator from that operator set on: its least and greatest number of inputs, its attributes in all sets
/// (`consumed_inputs`, a hint of the first ones, is passed over), and what prepares it.
const fn row(
    name: &'static str,
    since: i64,
    inputs: (usize, usize),
    attributes: &'static [&'static str],
    prepare: Prepare,
) -> Operator {
    Operator { domain: ONNX, name, since, until: None, inputs, attributes, prepare }
}

/// Attributes of arithmetic before operator set 7.
const LEGACY: &[&str] = &["axis", "broadcast", "consumed_inputs"];
const CONSUMED: &[&str] = &["consumed_inputs"];
const REDUCTION: &[&str] = &["axes", "keepdims", "noop_with_empty_axes"];
const ARG: &[&str] = &["axis", "keepdims", "select_last_index"];
const CONSTANT: &[&str] =
    &["value", "value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings"];
const SCAN: &[&str] = &[
    "body",
    "num_scan_inputs",
    "scan_input_axes",
    "scan_input_directions",
    "scan_output_axes",
    "scan_output_directions",
];

/// The rows, in alphabetical order.
pub(super) const OPERATORS: &[Operator] = &[
    row("Abs", 1, (1, 1), CONSUMED, unary::prepare_abs),
    row("Acos", 7, (1, 1), &[], unary::prepare_acos),
    row("Acosh", 9, (1, 1), &[], unary::prepare_acosh),
    row("Add", 1, (2, 2), LEGACY, binary::prepare_add),
    row("And", 1, (2, 2), LEGACY, binary::prepare_and),
    row("ArgMax", 1, (1, 1), ARG, arg::prepare_max),
    row("ArgMin", 1, (1, 1), ARG, arg::prepare_min),
    row("Asin", 7, (1, 1), &[], unary::prepare_asin),
    row("Asinh", 9, (1, 1), &[], unary::prepare_asinh),
    row("Atan", 7, (1, 1), &[], unary::prepare_atan),
    row("Atanh", 9, (1, 1), &[], unary::prepare_atanh),
    Operator {
        domain: MICROSOFT,
        name: "CDist",
        since: 1,
        until: None,
        inputs: (2, 2),
        attributes: &["metric"],
        prepare: cdist::prepare,
    },
    // `saturate` (19) and `round_mode` (24) speak of 8-bit floats, which a cast refuses.
    row("Cast", 6, (1, 1), &["to", "saturate", "round_mode"], cast::prepare),
    row("Ceil", 1, (1, 1), CONSUMED, unary::prepare_ceil),
    row("Clip", 1, (1, 3), &["max", "min", "consumed_inputs"], choose::prepare_clip),
    row("Compress", 9, (2, 2), &["axis"], gather::prepare_compress),
    row("Concat", 1, (1, MANY), &["axis"], shaping::prepare_concat),
    row("Constant", 1, (0, 0), CONSTANT, fill::prepare_constant),
    row("ConstantOfShape", 9, (1, 1), &["value"], fill::prepare_constant_of_shape),
    row("Cos", 7, (1, 1), &[], unary::prepare_cos),
    row("Cosh", 9, (1, 1), &[], unary::prepare_cosh),
    row("CumSum", 11, (2, 2), &["exclusive", "reverse"], softmax::prepare_cum_sum),
    row("Div", 1, (2, 2), LEGACY, binary::prepare_div),
    row("Equal", 1, (2, 2), LEGACY, binary::prepare_equal),
    row("Erf", 9, (1, 1), &[], unary::prepare_erf),
    row("Exp", 1, (1, 1), CONSUMED, unary::prepare_exp),
    row("Expand", 8, (2, 2), &[], views::prepare_expand),
    row("Flatten", 1, (1, 1), &["axis"], axes::prepare_flatten),
    row("Floor", 1, (1, 1), CONSUMED, unary::prepare_floor),
    row("Gather", 1, (2, 2), &["axis"], gather::prepare_gather),
    row("GatherElements", 11, (2, 2), &["axis"], gather::prepare_elements),
    row("GatherND", 11, (2, 2), &["batch_dims"], gather::prepare_nd),
    row("Gemm", 1, (2, 3), &["alpha", "beta", "broadcast", "transA", "transB"], matmul::prepare_gemm),
    row("Greater", 1, (2, 2), LEGACY, binary::prepare_greater),
    row("GreaterOrEqual", 12, (2, 2), &[], binary::prepare_greater_or_equal),
    row("Hardmax", 1, (1, 1), &["axis"], softmax::prepare_hardmax),
    row("Identity", 1, (1, 1), &[], passing::prepare_identity),
    row("IsInf", 10, (1, 1), &["detect_negative", "detect_positive"], unary::prepare_is_inf),
    row("IsNaN", 9, (1, 1), &[], unary::prepare_is_nan),
    row("Less", 1, (2, 2), LEGACY, binary::prepare_less),
    row("LessOrEqual", 12, (2, 2), &[], binary::prepare_less_or_equal),
    row("Log", 1, (1, 1), CONSUMED, unary::prepare_log),
    row("LogSoftmax", 1, (1, 1), &["axis"], softmax::prepare_log_softmax),
    row("LpNormalization", 1, (1, 1), &["axis", "p"], softmax::prepare_lp),
    row("MatMul", 1, (2, 2), &[], matmul::prepare_mat_mul),
    row("Max", 1, (1, MANY), CONSUMED, variadic::prepare_max),
    row("Mean", 1, (1, MANY), CONSUMED, variadic::prepare_mean),
    row("Min", 1, (1, MANY), CONSUMED, variadic::prepare_min),
    row("Mod", 10, (2, 2), &["fmod"], binary::prepare_mod),
    row("Mul", 1, (2, 2), LEGACY, binary::prepare_mul),
    row("Neg", 1, (1, 1), CONSUMED, unary::prepare_neg),
    row("NonZero", 9, (1, 1), &[], search::prepare_non_zero),
    row("Not", 1, (1, 1), &[], unary::prepare_not),
    row("OneHot", 9, (3, 3), &["axis"], fill::prepare_one_hot),
    row("Or", 1, (2, 2), LEGACY, binary::prepare_or),
    row("Pow", 1, (2, 2), LEGACY, binary::prepare_pow),
    row("Range", 11, (3, 3), &[], fill::prepare_range),
    row("Reciprocal", 1, (1, 1), CONSUMED, unary::prepare_reciprocal),
    row("ReduceL1", 1, (1, 2), REDUCTION, reduce::prepare_l1),
    row("ReduceL2", 1, (1, 2), REDUCTION, reduce::prepare_l2),
    row("ReduceLogSum", 1, (1, 2), REDUCTION, reduce::prepare_log_sum),
    row("ReduceLogSumExp", 1, (1, 2), REDUCTION, reduce::prepare_log_sum_exp),
    row("ReduceMax", 1, (1, 2), REDUCTION, reduce::prepare_max),
    row("ReduceMean", 1, (1, 2), REDUCTION, reduce::prepare_mean),
    row("ReduceMin", 1, (1, 2), REDUCTION, reduce::prepare_min),
    row("ReduceProd", 1, (1, 2), REDUCTION, reduce::prepare_prod),
    row("ReduceSum", 1, (1, 2), REDUCTION, reduce::prepare_sum),
    row("ReduceSumSquare", 1, (1, 2), REDUCTION, reduce::prepare_sum_square),
    row("Relu", 1, (1, 1), CONSUMED, unary::prepare_relu),
    row("Reshape", 1, (1, 2), &["allowzero", "shape", "consumed_inputs"], shaping::prepare_reshape),
    row("Round", 11, (1, 1), &[], unary::prepare_round),
    row("Scan", 9, (1, MANY), SCAN, scan::prepare),
    Operator {
        domain: ONNX,
        name: "Scatter",
        since: 9,
        until: Some(10),
        inputs: (3, 3),
        attributes: &["axis"],
        prepare: scatter::prepare_elements,
    },
    row("ScatterElements", 11, (3, 3), &["axis", "reduction"], scatter::prepare_elements),
    row("ScatterND", 11, (3, 3), &["reduction"], scatter::prepare_nd),
    row("Shape", 1, (1, 1), &["end", "start"], axes::prepare_shape),
    row("Sigmoid", 1, (1, 1), CONSUMED, unary::prepare_sigmoid),
    row("Sign", 9, (1, 1), &[], unary::prepare_sign),
    row("Sin", 7, (1, 1), &[], unary::prepare_sin),
    row("Sinh", 9, (1, 1), &[], unary::prepare_sinh),
    row("Size", 1, (1, 1), &[], axes::prepare_size),
    row("Slice", 1, (1, 5), &["axes", "ends", "starts"], parts::prepare_slice),
    row("Softmax", 1, (1, 1), &["axis"], softmax::prepare_softmax),
    row("Softplus", 1, (1, 1), &[], unary::prepare_softplus),
    row("Softsign", 1, (1, 1), &[], unary::prepare_softsign),
    row("Split", 1, (1, 2), &["axis", "num_outputs", "split"], parts::prepare_split),
    row("Sqrt", 1, (1, 1), CONSUMED, unary::prepare_sqrt),
    row("Squeeze", 1, (1, 2), &["axes"], axes::prepare_squeeze),
    row("Sub", 1, (2, 2), LEGACY, binary::prepare_sub),
    row("Sum", 1, (1, MANY), CONSUMED, variadic::prepare_sum),
    row("Tan", 7, (1, 1), &[], unary::prepare_tan),
    row("Tanh", 1, (1, 1), CONSUMED, unary::prepare_tanh),
    row("Tile", 6, (2, 2), &[], views::prepare_tile),
    row("TopK", 1, (1, 2), &["axis", "k", "largest", "sorted"], arg::prepare_top_k),
    row("Transpose", 1, (1, 1), &["perm"], views::prepare_transpose),
    row("Unsqueeze", 1, (1, 2), &["axes"], axes::prepare_unsqueeze),
    row("Where", 9, (3, 3), &[], choose::prepare_where),
    row("Xor", 1, (2, 2), LEGACY, binary::prepare_xor),
];
