//! The learner: what a file says besides its trees, and how the answer comes about.

use loadonce_core::{LoadError, LoadErrorKind};

use super::linear::Linear;
use super::objective::Objective;
use super::tree::{Role, Tree};
use super::value::{Place, Value};
use crate::boosted::{Booster, Form, Scores};
use crate::trees::{Forest, Grower, POSITIONS};

/// A model, ready to run.
#[derive(Debug)]
pub(super) struct Learner {
    columns: u32,
    column_names: Vec<String>,
    objective: Objective,
    /// Scores before any tree, one an output.
    base: Vec<f32>,
    weights: Weights,
}

#[derive(Debug)]
enum Weights {
    Trees(Forest<f32>),
    Linear(Linear),
}

/// More outputs than any model has; a bound on what a file can ask for.
const MAX_OUTPUTS: usize = 1 << 16;

impl Learner {
    pub(super) fn read(file: &Value) -> Result<Self, LoadError> {
        let learner = Place::root(file).get("learner")?;
        let parameters = learner.get("learner_model_param")?;
        let objective = Objective::find(learner.get("objective")?.get("name")?.text()?)?;
        let columns = columns(&parameters)?;
        let outputs = outputs(&parameters)?;
        let base = base_scores(&parameters.get("base_score")?, outputs)?;
        Ok(Self {
            columns,
            column_names: column_names(&learner, columns)?,
            objective,
            base: base.into_iter().map(|score| objective.margin(score)).collect(),
            weights: Weights::read(&learner, columns, outputs)?,
        })
    }
}

impl Booster for Learner {
    type Number = f32;

    fn columns(&self) -> usize {
        self.columns as usize
    }

    fn column_names(&self) -> &[String] {
        &self.column_names
    }

    fn form(&self) -> Form {
        self.objective.form(self.base.len())
    }

    fn values(&self, rows: usize, input: &[f32]) -> Vec<f32> {
        let mut scores = Scores::new(rows, &self.base);
        match &self.weights {
            Weights::Trees(forest) => forest.vote(input, self.columns(), &mut scores),
            Weights::Linear(linear) => linear.add(input, self.columns(), &mut scores),
        }
        let mut values = scores.into_sums();
        self.objective.transform(&mut values, self.base.len());
        values
    }

    fn weight_bytes(&self) -> usize {
        match &self.weights {
            Weights::Trees(forest) => forest.bytes(),
            Weights::Linear(linear) => linear.bytes(),
        }
    }
}

impl Weights {
    fn read(learner: &Place<'_>, columns: u32, outputs: usize) -> Result<Self, LoadError> {
        let booster = learner.get("gradient_booster")?;
        match booster.get("name")?.text()? {
            "gbtree" => trees(learner, &booster.get("model")?, None, (columns, outputs)).map(Self::Trees),
            "dart" => {
                let (model, factors) = (booster.get("gbtree")?.get("model")?, booster.get("weight_drop")?);
                trees(learner, &model, Some(&factors), (columns, outputs)).map(Self::Trees)
            }
            "gblinear" => Linear::read(&booster.get("model")?, columns as usize, outputs).map(Self::Linear),
            other => {
                let detail = format!("booster '{other}'; the engine has gbtree, dart, gblinear");
                Err(LoadError::new(LoadErrorKind::Unsupported, detail))
            }
        }
    }
}

/// The forest; `factors` are those of `dart`, one a tree.
fn trees(
    learner: &Place<'_>,
    model: &Place<'_>,
    factors: Option<&Place<'_>>,
    (columns, outputs): (u32, usize),
) -> Result<Forest<f32>, LoadError> {
    let places = model.get("trees")?;
    let places = places.list()?;
    let count = places.len();
    let classes: Vec<u32> = model.get("tree_info")?.integers()?;
    let factors = factors.map_or_else(|| Ok(vec![1.0; count]), Place::singles)?;
    let announced: usize = model.get("gbtree_model_param")?.get("num_trees")?.parse()?;
    if [announced, classes.len(), factors.len()] != [count; 3] {
        let (infos, factors) = (classes.len(), factors.len());
        let detail = format!("{count} trees, {announced} in 'num_trees', {infos} in 'tree_info', {factors} weights");
        return Err(model.corrupt(detail));
    }
    let mut grower = Grower::new(columns, outputs);
    let used = used_trees(learner, model, outputs, count)?;
    for ((place, class), factor) in places.zip(classes).zip(factors).take(used) {
        grower.add(&Tree::read(&place, Role { class, classes: outputs, factor })?)?;
    }
    Ok(grower.finish())
}

/// How many trees answer. `Booster.predict` uses all; an estimator of scikit-learn uses those up to the best iteration,
/// and marks the files that it saves (`XGBModel.save_model`).
fn used_trees(learner: &Place<'_>, model: &Place<'_>, outputs: usize, count: usize) -> Result<usize, LoadError> {
    let Some(attributes) = learner.find("attributes")? else { return Ok(count) };
    let (Some(_), Some(best)) = (attributes.find("scikit_learn")?, attributes.find("best_iteration")?) else {
        return Ok(count);
    };
    let iterations = best.parse::<usize>()?.saturating_add(1);
    let used = if let Some(ends) = model.find("iteration_indptr")? {
        ends.integers::<usize>()?.get(iterations).copied()
    } else {
        let parallel: usize = model.get("gbtree_model_param")?.get("num_parallel_tree")?.parse()?;
        iterations.checked_mul(parallel.max(1)).and_then(|trees| trees.checked_mul(outputs))
    };
    let used = used.filter(|&used| used <= count);
    used.ok_or_else(|| best.corrupt(format!("iteration {iterations} of fewer, in {count} trees")))
}

fn columns(parameters: &Place<'_>) -> Result<u32, LoadError> {
    let columns: u32 = parameters.get("num_feature")?.parse()?;
    if (1..POSITIONS).contains(&columns) {
        return Ok(columns);
    }
    Err(parameters.corrupt(format!("{columns} columns")))
}

/// A model has several outputs for its classes or for its targets, never for both.
fn outputs(parameters: &Place<'_>) -> Result<usize, LoadError> {
    let classes: usize = parameters.get("num_class")?.parse()?;
    let targets: usize = parameters.find("num_target")?.map_or(Ok(1), |targets| targets.parse())?;
    let outputs = classes.max(targets).max(1);
    if outputs > MAX_OUTPUTS || (classes > 1 && targets > 1) {
        return Err(parameters.corrupt(format!("{classes} classes and {targets} targets")));
    }
    Ok(outputs)
}

/// One score for all outputs (`5E-1`) or one for each (`[5E-1,2E0]`, since 3.1).
fn base_scores(place: &Place<'_>, outputs: usize) -> Result<Vec<f32>, LoadError> {
    let text = place.text()?;
    let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let scores: Option<Vec<f32>> = list.split(',').map(|score| score.trim().parse().ok()).collect();
    let scores = scores.filter(|scores| scores.iter().all(|score| !score.is_nan()));
    match scores.as_deref() {
        Some([score]) => Ok(vec![*score; outputs]),
        Some(scores) if scores.len() == outputs => Ok(scores.to_vec()),
        _ => Err(place.corrupt(format!("'{text}' is not a number or {outputs} of them"))),
    }
}

fn column_names(learner: &Place<'_>, columns: u32) -> Result<Vec<String>, LoadError> {
    let Some(place) = learner.find("feature_names")? else { return Ok(Vec::new()) };
    let names: Vec<_> = place.list()?.map(|name| name.text().map(str::to_owned)).collect::<Result<_, _>>()?;
    if names.is_empty() || names.len() == columns as usize {
        return Ok(names);
    }
    Err(place.corrupt(format!("{} names for {columns} columns", names.len())))
}
