//! Engine `tabular`: classical models in ONNX, that is linear models, trees and support vector machines (`ai.onnx.ml`)
//! with what stands before and after them.
//!
//! A graph is compiled at load (`plan.rs`): every node becomes a kernel that was checked against its attributes and
//! inputs, so that a run can fail only for what a request brings. Sessions share the plan and hold nothing but slots
//! for values; opening one costs next to nothing. What is not supported is said at load, by node and operator.
//!
//! The operators follow the ONNX-ML specification and, where it is silent, ONNX Runtime; where both speak and differ,
//! the operator's file says which was chosen and why.

mod compiler;
mod kernel;
mod labels;
mod maps;
mod node;
mod numbers;
mod ops;
mod plan;
mod program;
mod session;
#[cfg(test)]
mod testing;

use std::fmt;
use std::sync::Arc;

use loadonce_core::{Contract, Engine, LoadError, Memory, Model, ModelSpec, Progress, Session, Signature};

use self::ops::Operator;
use self::plan::Plan;
use self::session::TabularSession;
use crate::onnx::{OnnxFile, OperatorUse, Summary};

/// The engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tabular;

/// An operator of a model that this engine cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The operator and where it is used.
    pub operator: OperatorUse,
    /// What is missing.
    pub reason: String,
}

/// Whether this engine has every operator that a file uses; otherwise those that it does not have.
///
/// Loading can still refuse a model for how it uses an operator.
pub fn supports(summary: &Summary) -> Result<(), Vec<Unsupported>> {
    let unsupported: Vec<_> = summary
        .operators
        .iter()
        .filter_map(|used| {
            let reason = Operator::find(&used.domain, &used.name, used.version).err()?;
            Some(Unsupported { operator: used.clone(), reason })
        })
        .collect();
    if unsupported.is_empty() { Ok(()) } else { Err(unsupported) }
}

impl fmt::Display for Unsupported {
    /// For people: `node 'svm' (ai.onnx.ml.SVMClassifier), operator set 3: the engine does not have it`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.operator.first_node(), self.reason)
    }
}

impl Engine for Tabular {
    fn name(&self) -> &'static str {
        "tabular"
    }

    fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        let file = OnnxFile::parse(spec.file.read(progress)?, spec.file.path())?.with_external_data(progress)?;
        let plan = Plan::compile(&file).map_err(|error| error.at(file.path()))?;
        progress.go_on().map_err(|error| error.at(file.path()))?;
        Ok(Arc::new(TabularModel { plan: Arc::new(plan) }))
    }
}

/// A compiled graph.
#[derive(Debug)]
struct TabularModel {
    plan: Arc<Plan>,
}

impl Model for TabularModel {
    fn signature(&self) -> &Signature {
        self.plan.signature()
    }

    fn contract(&self) -> Contract {
        Contract::Shared
    }

    fn memory(&self) -> Memory {
        Memory::in_process(self.plan.weight_bytes() as u64)
    }

    fn open_session(&self) -> Result<Box<dyn Session>, LoadError> {
        Ok(Box::new(TabularSession::new(Arc::clone(&self.plan))))
    }
}

#[cfg(test)]
mod tests;
