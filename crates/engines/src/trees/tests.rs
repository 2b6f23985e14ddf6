//! Growing and walking: what a hostile file may say, and what each comparison means.

use loadonce_core::{LoadError, LoadErrorKind};

use super::{Ballot, Child, Forest, Grower, Mode, Number, Sets, Split, TreeSource, Vote};

/// Splits of a tree whose leaf votes 1 times its position for the class of its position.
#[derive(Default)]
struct Splits(Vec<Split<f64>>);

impl TreeSource<f64> for Splits {
    fn split_count(&self) -> usize {
        self.0.len()
    }

    fn root(&self) -> Child {
        if self.0.is_empty() { Child::Leaf(0) } else { Child::Split(0) }
    }

    fn split(&self, position: usize, sets: &mut Sets) -> Result<Split<f64>, LoadError> {
        sets.push_categories(&[0, 2, 40]);
        Ok(self.0[position])
    }

    fn leaf(&self, position: usize, votes: &mut Vec<Vote<f64>>) -> Result<(), LoadError> {
        votes.push(Vote { class: u32::try_from(position).unwrap(), weight: 1.0 });
        Ok(())
    }
}

struct Heard(Vec<u32>);

impl<T: Number> Ballot<T> for Heard {
    fn add(&mut self, _row: usize, votes: &[Vote<T>]) {
        self.0.extend(votes.iter().map(|vote| vote.class));
    }
}

struct ByRow(Vec<Vec<u32>>);

impl Ballot<f64> for ByRow {
    fn add(&mut self, row: usize, votes: &[Vote<f64>]) {
        self.0[row].push(votes[0].class);
    }
}

fn split(mode: Mode, missing_holds: bool, children: [Child; 2]) -> Split<f64> {
    Split { column: 0, mode, threshold: 1.0, missing_holds, children }
}

fn leaves(mode: Mode, missing_holds: bool) -> Split<f64> {
    split(mode, missing_holds, [Child::Leaf(0), Child::Leaf(1)])
}

fn grow(tree: &Splits) -> Result<Forest<f64>, LoadError> {
    let mut grower = Grower::new(1, 2);
    grower.add(tree)?;
    Ok(grower.finish())
}

/// Whether each value holds at a single split.
fn held(mode: Mode, missing_holds: bool, values: &[f64]) -> Vec<u32> {
    let forest = grow(&Splits(vec![leaves(mode, missing_holds)])).unwrap();
    let mut heard = Heard(Vec::new());
    forest.vote(values, 1, &mut heard);
    heard.0
}

const ROWS: [f64; 6] = [0.0, 1.0, 2.0, -1.0, f64::NAN, 1e-36];

#[test]
fn numbers_are_compared_with_the_threshold() {
    for missing in [false, true] {
        let missing_value = u32::from(missing);
        assert_eq!(held(Mode::Less, missing, &ROWS), [1, 0, 0, 1, missing_value, 1]);
        assert_eq!(held(Mode::LessOrEqual, missing, &ROWS), [1, 1, 0, 1, missing_value, 1]);
        let zero_missing = [missing_value, 1, 0, 1, missing_value, missing_value];
        assert_eq!(held(Mode::LessOrEqualOrZeroMissing, missing, &ROWS), zero_missing);
    }
}

#[test]
fn categories_are_looked_up_in_the_set() {
    let rows = [0.0, 1.0, 2.9, -0.5, -1.0, 40.0, 4e9, f64::INFINITY, f64::NAN];
    assert_eq!(held(Mode::AnyOf(0), false, &rows), [1, 0, 1, 1, 0, 1, 0, 0, 0]);
    assert_eq!(held(Mode::NoneOf(0), false, &rows), [0, 1, 0, 1, 1, 0, 1, 1, 0]);
    assert_eq!(held(Mode::NoneOf(0), true, &rows), [0, 1, 0, 1, 1, 0, 1, 1, 1]);
}

#[test]
fn a_tree_may_be_one_leaf() {
    let mut heard = Heard(Vec::new());
    grow(&Splits::default()).unwrap().vote(&[1.0, 2.0], 1, &mut heard);
    assert_eq!(heard.0, [0, 0]);
}

#[test]
fn rows_hear_all_their_trees_in_order() {
    let mut grower = Grower::new(1, 2);
    for tree in 0..7 {
        let mode = if tree % 2 == 0 { Mode::Less } else { Mode::GreaterOrEqual };
        grower.add(&Splits(vec![leaves(mode, false)])).unwrap();
    }
    let mut heard = ByRow(vec![Vec::new(); 100]);
    grower.finish().vote(&[0.0; 100], 1, &mut heard);
    assert!(heard.0.iter().all(|votes| *votes == [1, 0, 1, 0, 1, 0, 1]), "{:?}", heard.0);
}

#[test]
fn a_tree_that_is_none_is_refused() {
    let to = |child| vec![split(Mode::Less, false, [Child::Leaf(0), child])];
    let twice = vec![split(Mode::Less, false, [Child::Split(1), Child::Split(1)]), leaves(Mode::Less, false)];
    let far = vec![Split { column: 1, ..leaves(Mode::Less, false) }];
    let cases = [
        (to(Child::Split(0)), "tree 0: split 0 is reached twice"),
        (twice, "tree 0: split 1 is reached twice"),
        (to(Child::Split(7)), "tree 0: no split 7"),
        (to(Child::Leaf(2)), "tree 0: leaf 2 votes for 2 of 2"),
        (far, "tree 0: split 0 looks at column 1 of 1"),
    ];
    for (splits, expected) in cases {
        let error = grow(&Splits(splits)).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (LoadErrorKind::Corrupt, expected));
    }
}
