//! Loaded models while they serve: their owner, who can load one of them anew aside and put it in the other's place.
//!
//! The former answers until the new one has loaded, warmed up and answered its samples, and finishes what it has after
//! that. Where the new one fails, nothing has changed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Declared, Engines, FailedModel, LoadOptions, Loading, Models};
use crate::error::{LoadError, LoadErrorKind};
use crate::registry::Registry;
use crate::running::RunningModel;
use crate::spec::ModelSpec;
use crate::status::{Component, StatusView};

/// The owner of models that serve.
pub struct Serving {
    /// None once they were stopped.
    models: Mutex<Option<Models>>,
    engines: Arc<dyn Engines>,
    status: StatusView,
    options: LoadOptions,
    /// One model at a time is put in another's place.
    turn: tokio::sync::Mutex<()>,
}

/// What was there before.
enum Former {
    Running(RunningModel),
    Failed(FailedModel),
}

impl Former {
    fn component(&self) -> &Component {
        match self {
            Self::Running(model) => model.component(),
            Self::Failed(model) => &model.component,
        }
    }
}

impl Serving {
    /// Models that were loaded by these engines, with these options, on the board that `status` is the view of.
    pub fn new(models: Models, engines: Arc<dyn Engines>, status: StatusView, options: LoadOptions) -> Self {
        let options = LoadOptions { deadline: None, keep_going: false, ..options };
        Self { models: Mutex::new(Some(models)), engines, status, options, turn: tokio::sync::Mutex::default() }
    }

    /// The registry of the models as they are.
    pub fn registry(&self) -> Registry {
        self.models().as_ref().map(Registry::new).unwrap_or_default()
    }

    /// Loads a declared model anew, gives the registry with it to `publish`, and unloads the former once nobody asks it
    /// any more.
    ///
    /// # Errors
    /// The new one cannot be loaded, or no model of that name was declared; the former serves on.
    pub async fn reload(&self, spec: ModelSpec, publish: impl FnOnce(Registry)) -> Result<(), LoadError> {
        let _turn = self.turn.lock().await;
        let component = self.successor(&spec.name)?;
        let declared = vec![Declared { spec, component }];
        let loading = Loading::start(declared, &self.engines, self.status.clone(), self.options.clone())?;
        let Some(running) = loading.finish().await?.running.pop() else { return Ok(()) };
        let component = Arc::clone(running.component());
        let former = self.replace(running)?;
        // Before the board says that it answers.
        publish(self.registry());
        component.succeed(former.component());
        if let Former::Running(former) = former {
            former.retire().await;
        }
        Ok(())
    }

    /// Unloads all models. Blocks until that is done.
    pub fn stop(&self) {
        let models = self.models().take();
        drop(models);
    }

    /// The place on the board for a model of that name.
    fn successor(&self, name: &str) -> Result<Component, LoadError> {
        let models = self.models();
        let models = models.as_ref().ok_or_else(stopped)?;
        let running = models.running.iter().find(|model| model.name() == name).map(RunningModel::component);
        let failed = || models.failed.iter().find(|model| model.name == name).map(|model| &model.component);
        running.or_else(failed).map(|component| component.successor()).ok_or_else(|| {
            let detail = "no model of that name was there when the server started";
            LoadError::new(LoadErrorKind::NotFound, detail).of_model(name).advise("start the server anew")
        })
    }

    /// Puts a model in the place of the one of its name.
    fn replace(&self, running: RunningModel) -> Result<Former, LoadError> {
        let mut models = self.models();
        let models = models.as_mut().ok_or_else(stopped)?;
        if let Some(place) = models.running.iter_mut().find(|model| model.name() == running.name()) {
            return Ok(Former::Running(std::mem::replace(place, running)));
        }
        let place = models.failed.iter().position(|model| model.name == running.name());
        let former = place.map(|place| models.failed.remove(place)).ok_or_else(stopped)?;
        models.running.push(running);
        Ok(Former::Failed(former))
    }

    fn models(&self) -> MutexGuard<'_, Option<Models>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Serving").field("models", &self.models).finish_non_exhaustive()
    }
}

fn stopped() -> LoadError {
    LoadError::new(LoadErrorKind::Internal, "the server stops")
}
