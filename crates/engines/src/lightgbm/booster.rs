//! The booster: what the file says besides its trees, and how the answer comes about.

use loadonce_core::LoadError;

use super::objective::Objective;
use super::text::{File, Section};
use super::tree::Tree;
use crate::boosted::{Booster, Form, Scores};
use crate::trees::{Forest, Grower, POSITIONS};

/// A model, ready to run.
#[derive(Debug)]
pub(super) struct Trees {
    columns: u32,
    column_names: Vec<String>,
    outputs: usize,
    objective: Objective,
    form: Form,
    /// What the sums are divided by: 1, or the iterations of a random forest.
    divisor: f64,
    forest: Forest<f64>,
}

/// More outputs than any model has; a bound on what a file can ask for.
const MAX_OUTPUTS: usize = 1 << 16;

impl Trees {
    pub(super) fn read(file: &File<'_>) -> Result<Self, LoadError> {
        let header = &file.header;
        check_version(header)?;
        let columns = columns(header)?;
        let outputs = outputs(header)?;
        let objective = Objective::read(header)?;
        let form = objective.form(outputs);
        let form = form.ok_or_else(|| header.corrupt(format!("{outputs} trees an iteration for its objective")))?;
        check_tree_count(file, outputs)?;
        Ok(Self {
            columns,
            column_names: column_names(header, columns)?,
            outputs,
            objective,
            form,
            divisor: divisor(file, outputs),
            forest: forest(file, columns, outputs)?,
        })
    }
}

impl Booster for Trees {
    type Number = f64;

    fn columns(&self) -> usize {
        self.columns as usize
    }

    fn column_names(&self) -> &[String] {
        &self.column_names
    }

    fn form(&self) -> Form {
        self.form
    }

    fn values(&self, rows: usize, input: &[f64]) -> Vec<f64> {
        let mut scores = Scores::new(rows, &vec![0.0; self.outputs]);
        self.forest.vote(input, self.columns(), &mut scores);
        let mut values = scores.into_sums();
        for value in &mut values {
            *value /= self.divisor;
        }
        self.objective.transform(&mut values, self.outputs);
        values
    }

    fn weight_bytes(&self) -> usize {
        self.forest.bytes()
    }
}

/// The trees of an iteration vote for one output each.
fn forest(file: &File<'_>, columns: u32, outputs: usize) -> Result<Forest<f64>, LoadError> {
    let mut grower = Grower::new(columns, outputs);
    for (index, section) in file.trees.iter().enumerate() {
        let class = u32::try_from(index % outputs).map_err(|_| section.corrupt("its output has no number"))?;
        let tree = Tree::read(section, class)?;
        tree.check_reached(grower.add(&tree)?)?;
    }
    Ok(grower.finish())
}

fn check_version(header: &Section<'_>) -> Result<(), LoadError> {
    match header.get("version")? {
        "v2" | "v3" | "v4" => Ok(()),
        other => Err(header.unsupported(format!("version '{other}' of the format; the engine has v2, v3, v4"))),
    }
}

fn columns(header: &Section<'_>) -> Result<u32, LoadError> {
    let last: u32 = header.number("max_feature_idx")?;
    if last < POSITIONS - 1 {
        return Ok(last + 1);
    }
    Err(header.corrupt(format!("'max_feature_idx' is {last}")))
}

fn outputs(header: &Section<'_>) -> Result<usize, LoadError> {
    let outputs: usize = header.number("num_tree_per_iteration")?;
    if (1..=MAX_OUTPUTS).contains(&outputs) {
        return Ok(outputs);
    }
    Err(header.corrupt(format!("'num_tree_per_iteration' is {outputs}")))
}

/// `tree_sizes` has an entry for each tree, so that a file that lost some is found out.
fn check_tree_count(file: &File<'_>, outputs: usize) -> Result<(), LoadError> {
    let trees = file.trees.len();
    if let Some(sizes) = file.header.find("tree_sizes") {
        let announced = sizes.split_ascii_whitespace().count();
        if announced != trees {
            return Err(file.header.corrupt(format!("{trees} trees, {announced} in 'tree_sizes'")));
        }
    }
    if !trees.is_multiple_of(outputs) {
        return Err(file.header.corrupt(format!("{trees} trees, {outputs} an iteration")));
    }
    Ok(())
}

/// A random forest is marked by a line `average_output`, and answers with the mean of its trees.
#[expect(clippy::cast_precision_loss, reason = "iterations are fewer than 2^53")]
fn divisor(file: &File<'_>, outputs: usize) -> f64 {
    let iterations = file.trees.len() / outputs;
    if file.header.find("average_output").is_some() && iterations > 0 { iterations as f64 } else { 1.0 }
}

/// The names of the columns, unless they are those that LightGBM makes up.
fn column_names(header: &Section<'_>, columns: u32) -> Result<Vec<String>, LoadError> {
    let names: Vec<_> = header.get("feature_names")?.split(' ').map(str::to_owned).collect();
    if names.len() != columns as usize {
        return Err(header.corrupt(format!("{} names for {columns} columns", names.len())));
    }
    let is_made_up = names.iter().enumerate().all(|(index, name)| *name == format!("Column_{index}"));
    Ok(if is_made_up { Vec::new() } else { names })
}
