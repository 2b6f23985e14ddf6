//! One tree of a file: parallel arrays, one entry a split or one a leaf.
//!
//! Children are splits from 0 on, or leaves from -1 down. What a split does stands in the bits of its decision type:
//! `include/LightGBM/tree.h`, `kCategoricalMask`, `kDefaultLeftMask` and the missing type above them.

use loadonce_core::LoadError;

use super::text::Section;
use crate::trees::{Child, Mode, Number, Sets, Split, TreeSource, Vote, ZERO_THRESHOLD};

#[derive(Debug)]
pub(super) struct Tree<'a> {
    section: &'a Section<'a>,
    /// The output that the leaves vote for.
    class: u32,
    columns: Vec<u32>,
    thresholds: Vec<f64>,
    decisions: Vec<u8>,
    left: Vec<i32>,
    right: Vec<i32>,
    leaf_values: Vec<f64>,
    /// Where the words of each set of categories begin; one more entry than sets.
    set_starts: Vec<usize>,
    set_words: Vec<u32>,
}

const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

/// What counts as missing, and then goes the default way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// Nothing: `NaN` is compared as zero.
    None,
    /// What is nearly zero, and `NaN`.
    Zero,
    Nan,
}

impl<'a> Tree<'a> {
    pub(super) fn read(section: &'a Section<'a>, class: u32) -> Result<Self, LoadError> {
        if section.find("is_linear").is_some_and(|value| value != "0") {
            let unsupported = section.unsupported("a tree with linear models in its leaves");
            return Err(unsupported.advise("train without linear_tree"));
        }
        let leaves: usize = section.number("num_leaves")?;
        let splits = leaves.checked_sub(1).ok_or_else(|| section.corrupt("a tree without leaves"))?;
        let leaf_values = section.numbers("leaf_value", leaves)?;
        let mut tree = Self {
            section,
            class,
            columns: Vec::new(),
            thresholds: Vec::new(),
            decisions: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
            leaf_values,
            set_starts: Vec::new(),
            set_words: Vec::new(),
        };
        if splits > 0 {
            tree.read_splits(splits)?;
        }
        Ok(tree)
    }

    fn read_splits(&mut self, splits: usize) -> Result<(), LoadError> {
        let section = self.section;
        self.columns = section.numbers("split_feature", splits)?;
        self.thresholds = section.numbers("threshold", splits)?;
        self.decisions = section.numbers("decision_type", splits)?;
        self.left = section.numbers("left_child", splits)?;
        self.right = section.numbers("right_child", splits)?;
        let sets: usize = section.number("num_cat")?;
        if sets > 0 {
            let starts = sets.checked_add(1).ok_or_else(|| section.corrupt(format!("{sets} sets of categories")))?;
            self.set_starts = section.numbers("cat_boundaries", starts)?;
            let words = self.set_starts.last().copied().unwrap_or(0);
            self.set_words = section.numbers("cat_threshold", words)?;
        }
        Ok(())
    }

    /// Every split must be part of the tree.
    pub(super) fn check_reached(&self, reached: usize) -> Result<(), LoadError> {
        if reached == self.split_count() {
            return Ok(());
        }
        Err(self.section.corrupt(format!("{reached} of {} splits are reached", self.split_count())))
    }

    fn categorical(&self, position: usize, sets: &mut Sets) -> Result<Mode, LoadError> {
        let number = self.thresholds[position].to_category();
        let words = number.and_then(|number| self.set(number as usize));
        let set = words.and_then(|words| sets.push_bits(words));
        let set = set.ok_or_else(|| {
            let threshold = self.thresholds[position];
            self.section.corrupt(format!("split {position} has set {threshold} of categories, which is not there"))
        })?;
        Ok(Mode::AnyOf(set))
    }

    fn set(&self, number: usize) -> Option<&[u32]> {
        let (start, end) = (*self.set_starts.get(number)?, *self.set_starts.get(number + 1)?);
        self.set_words.get(start..end)
    }

    fn missing(&self, position: usize) -> Result<Missing, LoadError> {
        match self.decisions[position] >> 2 {
            0 => Ok(Missing::None),
            1 => Ok(Missing::Zero),
            2 => Ok(Missing::Nan),
            other => Err(self.section.corrupt(format!("split {position} has missing type {other}"))),
        }
    }
}

impl TreeSource<f64> for Tree<'_> {
    fn split_count(&self) -> usize {
        self.columns.len()
    }

    fn root(&self) -> Child {
        if self.columns.is_empty() { Child::Leaf(0) } else { Child::Split(0) }
    }

    /// What holds goes left.
    fn split(&self, position: usize, sets: &mut Sets) -> Result<Split<f64>, LoadError> {
        let threshold = as_compared(self.thresholds[position]);
        let is_default_left = self.decisions[position] & DEFAULT_LEFT != 0;
        let (mode, missing_holds) = if self.decisions[position] & CATEGORICAL != 0 {
            (self.categorical(position, sets)?, false)
        } else {
            match self.missing(position)? {
                Missing::None => (Mode::LessOrEqual, 0.0 <= threshold),
                Missing::Zero => (Mode::LessOrEqualOrZeroMissing, is_default_left),
                Missing::Nan => (Mode::LessOrEqual, is_default_left),
            }
        };
        let children = [child(self.right[position]), child(self.left[position])];
        Ok(Split { column: self.columns[position], mode, threshold, missing_holds, children })
    }

    fn leaf(&self, position: usize, votes: &mut Vec<Vote<f64>>) -> Result<(), LoadError> {
        let weight = self.leaf_values.get(position);
        let weight = *weight.ok_or_else(|| self.section.corrupt(format!("no leaf {position}")))?;
        votes.push(Vote { class: self.class, weight });
        Ok(())
    }
}

fn child(number: i32) -> Child {
    let position = (if number < 0 { !number } else { number }).unsigned_abs() as usize;
    if number < 0 { Child::Leaf(position) } else { Child::Split(position) }
}

/// LightGBM takes a value that is nearly zero for zero before it compares (`RowPairFunctionFromDenseMatric` of its
/// `c_api.cpp`). A threshold that is nearly zero itself is moved to where comparing the value as it is does the same.
fn as_compared(threshold: f64) -> f64 {
    let nearly_zero = f64::from(ZERO_THRESHOLD);
    if (0.0..nearly_zero).contains(&threshold) {
        nearly_zero
    } else if (-nearly_zero..0.0).contains(&threshold) {
        (-nearly_zero).next_down()
    } else {
        threshold
    }
}
