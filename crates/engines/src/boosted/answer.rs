//! The form of a booster's answers: from a value for each output of each row to named tensors.

use loadonce_core::{DType, Dim, Element, Outputs, RunError, Shape, Tensor, TensorSpec};

use super::Real;

/// What the values of a row are. Classifiers answer `label` and `probabilities` as ONNX classifiers do, everything else
/// `prediction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// So many values that stand for themselves: `prediction` `[N]`, or `[N,values]` if there are several.
    Values(usize),
    /// The probability of the second of two classes: `label` `INT64` `[N]`, which is 1 if it is above a half, and
    /// `probabilities` `[N,2]`.
    Binary,
    /// The probability of each of so many classes: `label` `INT64` `[N]`, the first of the most probable ones, and
    /// `probabilities` `[N,classes]`.
    Classes(usize),
    /// The probability of each of so many labels of which a row may have any: `label` `INT64` `[N,labels]`, 1 where it is
    /// above a half, and `probabilities` `[N,labels]`.
    Labels(usize),
    /// So many decisions, 0 or 1, without a probability: `label` `INT64` `[N]`, or `[N,decisions]`.
    Decisions(usize),
}

impl Form {
    /// The outputs in a signature.
    pub(super) fn specs(self, dtype: DType) -> Vec<TensorSpec> {
        let label = |dims: Vec<Dim>| TensorSpec::new("label", DType::Int64, dims);
        let probabilities = |width: usize| TensorSpec::new("probabilities", dtype, vec![Dim::ANY, Dim::Fixed(width)]);
        match self {
            Self::Values(width) => vec![TensorSpec::new("prediction", dtype, rows_of(width))],
            Self::Binary => vec![label(vec![Dim::ANY]), probabilities(2)],
            Self::Classes(width) => vec![label(vec![Dim::ANY]), probabilities(width)],
            Self::Labels(width) => vec![label(vec![Dim::ANY, Dim::Fixed(width)]), probabilities(width)],
            Self::Decisions(width) => vec![label(rows_of(width))],
        }
    }

    /// The outputs for the values of all rows, row by row.
    pub(super) fn outputs<T: Real>(self, rows: usize, values: Vec<T>) -> Result<Outputs, RunError> {
        let is_likely = |values: &[T]| values.iter().map(|&value| i64::from(value > T::HALF)).collect();
        Ok(match self {
            Self::Values(width) => vec![tensor(shape_of(rows, width), values)?],
            Self::Binary => {
                let label: Vec<i64> = is_likely(&values);
                let both = values.iter().flat_map(|&value| [T::ONE - value, value]).collect();
                vec![tensor(Shape::new([rows]), label)?, tensor(Shape::new([rows, 2]), both)?]
            }
            Self::Classes(width) => {
                let label: Vec<i64> = values.chunks_exact(width).map(greatest).collect();
                vec![tensor(Shape::new([rows]), label)?, tensor(Shape::new([rows, width]), values)?]
            }
            Self::Labels(width) => {
                let shape = Shape::new([rows, width]);
                vec![tensor(shape.clone(), is_likely(&values))?, tensor(shape, values)?]
            }
            Self::Decisions(width) => vec![tensor(shape_of(rows, width), is_likely(&values))?],
        })
    }
}

fn rows_of(width: usize) -> Vec<Dim> {
    if width == 1 { vec![Dim::ANY] } else { vec![Dim::ANY, Dim::Fixed(width)] }
}

fn shape_of(rows: usize, width: usize) -> Shape {
    if width == 1 { Shape::new([rows]) } else { Shape::new([rows, width]) }
}

/// The position of the first of the greatest values.
fn greatest<T: Real>(values: &[T]) -> i64 {
    let mut best = 0;
    for (position, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = position;
        }
    }
    i64::try_from(best).unwrap_or(i64::MAX)
}

fn tensor<T: Element>(shape: Shape, values: Vec<T>) -> Result<Tensor, RunError> {
    Tensor::from_vec(shape, values).map_err(|error| RunError::Failed(error.to_string()))
}
