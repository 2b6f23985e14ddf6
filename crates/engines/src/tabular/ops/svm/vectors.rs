//! Comparing a row with vectors: the kernel functions of support vector machines.

use loadonce_core::{LoadError, RunError, Tensor};

use crate::tabular::kernel::{Extent, Table};
use crate::tabular::node::Node;

/// Vectors of one width, and how a row is compared with them.
#[derive(Debug)]
pub(super) struct Vectors {
    /// Blocks of vectors by columns, `[blocks, width, LANES]`: a row is compared with a block side by side, each sum in
    /// the order of the columns.
    blocks: Vec<[f32; LANES]>,
    /// The vectors that fill no block, by columns too: `[width, rest]`.
    rest: Vec<f32>,
    width: usize,
    comparison: Comparison,
}

/// As many sums as the registers of any processor hold.
pub(super) const LANES: usize = 16;

/// A kernel function of a row `x` and a vector `v` (LIBSVM, "Introduction", option `-t`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    /// `x·v`
    Linear,
    /// `(gamma x·v + coef0)^degree`
    Polynomial { gamma: f32, coef0: f32, degree: f32 },
    /// `exp(-gamma |x - v|²)`
    RadialBasis { gamma: f32 },
    /// `tanh(gamma x·v + coef0)`
    Sigmoid { gamma: f32, coef0: f32 },
}

impl Comparison {
    /// Reads `kernel_type` and `kernel_params`.
    pub(super) fn read(node: &Node<'_>) -> Result<Self, LoadError> {
        let [gamma, coef0, degree] = match node.floats("kernel_params")? {
            [] => [0.0; 3],
            &[gamma, coef0, degree] => [gamma, coef0, degree],
            others => return Err(node.corrupt(format!("{} kernel_params, expected none or three", others.len()))),
        };
        match node.text("kernel_type")?.unwrap_or("LINEAR") {
            "LINEAR" => Ok(Self::Linear),
            "POLY" => Ok(Self::Polynomial { gamma, coef0, degree }),
            "RBF" => Ok(Self::RadialBasis { gamma }),
            "SIGMOID" => Ok(Self::Sigmoid { gamma, coef0 }),
            other => Err(node.corrupt(format!("unknown kernel_type '{other}'"))),
        }
    }
}

impl Vectors {
    /// `count` vectors, one behind the other, that must fit together and to the input.
    pub(super) fn new(
        node: &Node<'_>,
        table: &Table,
        (elements, count): (&[f32], usize),
        comparison: Comparison,
    ) -> Result<Self, LoadError> {
        if count == 0 || elements.is_empty() || !elements.len().is_multiple_of(count) {
            return Err(node.corrupt(format!("{} elements of {count} vectors", elements.len())));
        }
        let width = elements.len() / count;
        table.expect_width(width, node)?;
        let (blocks, rest) = elements.split_at(count / LANES * LANES * width);
        let lanes = |block: &[f32], column: usize| std::array::from_fn(|lane| block[lane * width + column]);
        let blocks = blocks.chunks_exact(LANES * width);
        let blocks = blocks.flat_map(|block| (0..width).map(move |column| lanes(block, column))).collect();
        let rest = (0..width).flat_map(|column| rest.iter().skip(column).step_by(width).copied()).collect();
        Ok(Self { blocks, rest, width, comparison })
    }

    /// How many rows an input has, all of which are as wide as the vectors.
    pub(super) fn rows_of(&self, input: &Tensor) -> Result<usize, RunError> {
        Ok(Extent::of(input)?.expect_width(self.width)?.rows)
    }

    /// What a row compares to with each vector, for all rows of an input's `values`.
    pub(super) fn compare<'a>(&'a self, values: &'a [f32]) -> impl Iterator<Item = Vec<f32>> + 'a {
        values.chunks_exact(self.width).map(|row| self.compare_row(row))
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.blocks) + size_of_val(&*self.rest)
    }

    fn compare_row(&self, row: &[f32]) -> Vec<f32> {
        match self.comparison {
            Comparison::Linear => self.products(row),
            Comparison::Polynomial { gamma, coef0, degree } => {
                changed(self.products(row), |product| power(gamma * product + coef0, degree))
            }
            Comparison::RadialBasis { gamma } => changed(self.squares(row), |square| (-gamma * square).exp()),
            Comparison::Sigmoid { gamma, coef0 } => {
                changed(self.products(row), |product| (gamma * product + coef0).tanh())
            }
        }
    }

    fn products(&self, row: &[f32]) -> Vec<f32> {
        self.summed(row, |value, element| value * element)
    }

    /// The squares of the distances.
    fn squares(&self, row: &[f32]) -> Vec<f32> {
        self.summed(row, |value, element| (value - element) * (value - element))
    }

    fn summed(&self, row: &[f32], part: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let rest = self.rest.len() / self.width;
        let mut sums = Vec::with_capacity(self.blocks.len() / self.width * LANES + rest);
        for block in self.blocks.chunks_exact(self.width) {
            let mut lanes = [0.0; LANES];
            for (&value, elements) in row.iter().zip(block) {
                add(&mut lanes, elements, |element| part(value, element));
            }
            sums.extend_from_slice(&lanes);
        }
        let mut last = [0.0; LANES];
        for (&value, elements) in row.iter().zip(self.rest.chunks(rest.max(1))) {
            add(&mut last, elements, |element| part(value, element));
        }
        sums.extend_from_slice(&last[..rest]);
        sums
    }
}

fn add(sums: &mut [f32], elements: &[f32], part: impl Fn(f32) -> f32) {
    for (sum, &element) in sums.iter_mut().zip(elements) {
        *sum += part(element);
    }
}

fn changed(mut values: Vec<f32>, change: impl Fn(f32) -> f32) -> Vec<f32> {
    for value in &mut values {
        *value = change(*value);
    }
    values
}

/// The usual degrees are multiplied out, as in ONNX Runtime.
#[expect(clippy::float_cmp, reason = "degrees are whole numbers, written as floats")]
fn power(base: f32, degree: f32) -> f32 {
    if degree == 2.0 {
        base * base
    } else if degree == 3.0 {
        base * base * base
    } else {
        base.powf(degree)
    }
}
