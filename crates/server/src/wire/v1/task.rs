//! What a model is for, by its signature alone: a classifier gives scores of named classes, a regressor one number a row.

use loadonce_core::{DType, Signature, TensorSpec};

use super::table::is_one_value_a_row;

/// The output of scores, a row of which has one for each class; its labels name the classes where they are known.
///
/// # Errors
/// Why the model is no classifier, for the caller.
pub(super) fn classifier(signature: &Signature) -> Result<&TensorSpec, String> {
    let scores = |spec: &&TensorSpec| spec.dtype.is_float() && has_rank(spec, 2);
    let labelled: Vec<_> = signature.outputs.iter().filter(scores).filter(|spec| !spec.labels.is_empty()).collect();
    let rows_of_scores: Vec<_> = signature.outputs.iter().filter(scores).collect();
    let names_the_best = signature.outputs.iter().any(is_label);
    match (labelled.as_slice(), rows_of_scores.as_slice()) {
        ([only], _) => Ok(only),
        ([], [only]) if names_the_best => Ok(only),
        _ => Err(format!(
            "this model is no classifier: expected one output of scores with 'labels' in model.toml, or beside an \
             output of labels; it has {}",
            outputs(signature)
        )),
    }
}

/// The output of one number a row.
///
/// # Errors
/// Why the model is no regressor, for the caller.
pub(super) fn regressor(signature: &Signature) -> Result<&TensorSpec, String> {
    match signature.outputs.as_slice() {
        [only] if only.dtype.is_float() && only.labels.is_empty() && is_one_value_a_row(only) => Ok(only),
        _ => Err(format!(
            "this model is no regressor: expected one output of one number a row, it has {}",
            outputs(signature)
        )),
    }
}

/// Whether an output may name the best class of each row.
fn is_label(spec: &TensorSpec) -> bool {
    !spec.dtype.is_float() && spec.dtype != DType::Bool && is_one_value_a_row(spec)
}

/// Whether the output has, or may have, that many axes.
fn has_rank(spec: &TensorSpec, rank: usize) -> bool {
    spec.dims.as_ref().is_none_or(|dims| dims.len() == rank)
}

fn outputs(signature: &Signature) -> String {
    let outputs: Vec<_> = signature.outputs.iter().map(|spec| format!("'{}' {spec}", spec.name)).collect();
    outputs.join(", ")
}

#[cfg(test)]
mod tests {
    use loadonce_core::Dim;

    use super::*;

    const ROWS: [Dim; 1] = [Dim::ANY];
    const THREE: [Dim; 2] = [Dim::ANY, Dim::Fixed(3)];
    const ONE: [Dim; 2] = [Dim::ANY, Dim::Fixed(1)];

    fn labelled(mut spec: TensorSpec) -> TensorSpec {
        spec.labels = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        spec
    }

    fn spec(name: &str, dtype: DType, dims: &[Dim]) -> TensorSpec {
        TensorSpec::new(name, dtype, dims)
    }

    fn unknown(name: &str, dtype: DType) -> TensorSpec {
        TensorSpec { dims: None, ..spec(name, dtype, &[]) }
    }

    #[test]
    fn the_signature_alone_says_what_a_model_is_for() {
        let label = || spec("label", DType::Int64, &ROWS);
        let cases = [
            (vec![labelled(spec("p", DType::Fp32, &THREE))], Some("p"), None),
            (vec![label(), spec("p", DType::Fp32, &THREE)], Some("p"), None),
            (vec![unknown("label", DType::Bytes), unknown("p", DType::Fp32)], Some("p"), None),
            (
                vec![label(), spec("raw", DType::Fp32, &THREE), labelled(spec("p", DType::Fp64, &THREE))],
                Some("p"),
                None,
            ),
            (vec![label(), spec("p", DType::Fp32, &THREE), spec("q", DType::Fp32, &THREE)], None, None),
            (vec![spec("y", DType::Fp32, &THREE)], None, None),
            (vec![spec("y", DType::Fp64, &ROWS)], None, Some("y")),
            (vec![spec("y", DType::Fp32, &ONE)], None, Some("y")),
            (vec![unknown("y", DType::Fp32)], None, Some("y")),
            (vec![spec("y", DType::Int64, &ROWS)], None, None),
            (vec![spec("y", DType::Fp32, &ROWS), spec("z", DType::Fp32, &ROWS)], None, None),
        ];
        for (outputs, scores, value) in cases {
            let signature = Signature { inputs: vec![], outputs };
            let name = |spec: Result<&TensorSpec, String>| spec.ok().map(|spec| spec.name.clone());
            assert_eq!(name(classifier(&signature)).as_deref(), scores, "{signature:?}");
            assert_eq!(name(regressor(&signature)).as_deref(), value, "{signature:?}");
        }
    }
}
