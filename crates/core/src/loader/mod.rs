//! The loader: every declared model, in parallel, on threads of its own, each exactly once.
//!
//! The first failure ends the startup, unless the operator asked to keep going; so does a deadline. Threads that are
//! still busy then are told to stop and nobody waits for them.

mod batching;
mod gain;
mod gate;
mod one;
mod serving;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::budget::{Budget, stand_back};
use crate::engine::{Engine, Model};
use crate::error::{LoadError, LoadErrorKind};
use crate::plan::Admission;
use crate::progress::Progress;
use crate::running::RunningModel;
use crate::spec::ModelSpec;
use crate::status::{Component, Stage, StatusView};

use self::gate::{Gate, Task};

pub use self::serving::Serving;

/// The engines there are, and the choice among them.
pub trait Engines: Send + Sync {
    /// Chooses a model's engine before anything of it is loaded, by what `model.toml` asks for or by its operators.
    fn choose(&self, spec: &ModelSpec, progress: &Progress) -> Result<Chosen, LoadError>;
}

/// An engine, and why it was chosen.
pub struct Chosen {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// One clause for logs and reports.
    pub reason: String,
}

impl Chosen {
    /// Loads the model, unless it comes with options that the engine does not have.
    pub fn load(&self, spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        if !self.engine.has_options() {
            spec.expect_no_options(self.engine.name())?;
        }
        self.engine.load(spec, progress)
    }
}

/// How to load.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Time for all models together; no limit when absent.
    pub deadline: Option<Duration>,
    /// Whether models that fail are left out instead of ending the startup.
    pub keep_going: bool,
    /// Models that load at the same time.
    pub parallel: usize,
    /// What models take, and what there is for them.
    pub admission: Admission,
    /// The processors that runs of the models share, with those of models loaded otherwise on the same budget.
    pub budget: Budget,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            deadline: None,
            keep_going: false,
            parallel: 8,
            admission: Admission::default(),
            budget: Budget::default(),
        }
    }
}

/// A model on the board, to be loaded.
#[derive(Debug)]
pub struct Declared {
    /// What it is.
    pub spec: ModelSpec,
    /// Its place on the board.
    pub component: Component,
}

/// Loads under way. Dropping it tells them to stop.
#[derive(Debug)]
pub struct Loading {
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    progress: Vec<Progress>,
    options: LoadOptions,
    status: StatusView,
}

/// The loaded models, in the order of declaration; dropped in reverse.
#[derive(Debug, Default)]
pub struct Models {
    /// Models that answer.
    pub running: Vec<RunningModel>,
    /// Models that failed and were left out.
    pub failed: Vec<FailedModel>,
}

/// A model that was declared but could not be loaded.
#[derive(Debug)]
pub struct FailedModel {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Why.
    pub error: LoadError,
    pub(crate) component: Arc<Component>,
}

#[derive(Debug)]
struct Outcome {
    position: usize,
    result: Result<RunningModel, FailedModel>,
}

impl Loading {
    /// Starts to load the declared models; `status` is the view of the board that they were declared on.
    pub fn start(
        declared: Vec<Declared>,
        engines: &Arc<dyn Engines>,
        status: StatusView,
        options: LoadOptions,
    ) -> Result<Self, LoadError> {
        let progress: Vec<_> = declared.iter().map(|declared| declared.component.progress().clone()).collect();
        let threads = progress.len().min(options.parallel.max(1));
        let gate = Arc::new(Gate::new(declared, &options.admission));
        let (report, outcomes) = mpsc::unbounded_channel();
        let loading = Self { outcomes, progress, options, status };
        for _ in 0..threads {
            spawn(Arc::clone(&gate), Arc::clone(engines), loading.options.budget.clone(), report.clone())?;
        }
        Ok(loading)
    }

    /// Waits for every model. The error is the first failure, or the deadline with the models that were late.
    pub async fn finish(mut self) -> Result<Models, LoadError> {
        match self.options.deadline {
            None => self.collect().await,
            Some(deadline) => match tokio::time::timeout(deadline, self.collect()).await {
                Ok(models) => models,
                Err(_) => Err(self.late(deadline)),
            },
        }
    }

    async fn collect(&mut self) -> Result<Models, LoadError> {
        let mut slots: Vec<_> = self.progress.iter().map(|_| None).collect();
        while let Some(Outcome { position, result }) = self.outcomes.recv().await {
            if let Err(failed) = result {
                if !self.options.keep_going {
                    return Err(failed.error);
                }
                slots[position] = Some(Err(failed));
            } else {
                slots[position] = Some(result);
            }
        }
        let mut models = Models::default();
        for slot in slots.into_iter().flatten() {
            match slot {
                Ok(running) => models.running.push(running),
                Err(failed) => models.failed.push(failed),
            }
        }
        Ok(models)
    }

    fn late(&self, deadline: Duration) -> LoadError {
        let snapshot = self.status.snapshot();
        let late = snapshot.components.iter().filter(|component| component.stage < Stage::Ready);
        let late: Vec<_> = late.map(|component| format!("'{}' is {}", component.name, component.stage)).collect();
        let seconds = deadline.as_secs_f64();
        LoadError::new(LoadErrorKind::TimedOut, format!("not ready after {seconds} s: {}", late.join(", ")))
            .advise("raise --startup-timeout, or find out what the model waits for")
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.progress.iter().for_each(Progress::cancel);
    }
}

impl Drop for Models {
    fn drop(&mut self) {
        while let Some(model) = self.running.pop() {
            model.stop();
        }
    }
}

fn spawn(
    gate: Arc<Gate>,
    engines: Arc<dyn Engines>,
    budget: Budget,
    report: mpsc::UnboundedSender<Outcome>,
) -> Result<(), LoadError> {
    let work = move || {
        // So do the threads that it starts, which are those that run the models.
        stand_back();
        while let Some((Task { position, declared, .. }, pass)) = gate.next() {
            let Declared { spec, component } = declared;
            let component = Arc::new(component);
            let result = one::load(&spec, &*engines, &budget, &component).map_err(|error| FailedModel {
                name: spec.name.clone(),
                version: spec.version.clone(),
                error: error.of_model(&spec.name),
                component,
            });
            if result.is_ok() {
                pass.loaded();
            }
            if report.send(Outcome { position, result }).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("load".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| {
        LoadError::new(LoadErrorKind::Internal, "cannot start a thread to load models").caused_by(error)
    })
}

impl fmt::Debug for Chosen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Chosen").field("engine", &self.engine.name()).field("reason", &self.reason).finish()
    }
}

/// The text of a caught panic.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
