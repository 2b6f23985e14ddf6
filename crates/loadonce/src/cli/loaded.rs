//! Models loaded as `serve` does, but for the socket, for commands that ask them and end.

use std::sync::Arc;

use loadonce_core::loader::{Declared, Engines, LoadOptions, Loading, Models};
use loadonce_core::status::{Board, Phase, Readiness};
use loadonce_core::{LoadErrorKind, ModelSpec};
use loadonce_server::report::StartupReport;

use super::narrate::Narrator;
use super::serve::{counted, failed_load, load_options, rules, write_report};
use super::{Failure, Settings, plan};
use crate::InstalledEngines;

/// Models that are ready.
pub(super) struct Loaded {
    pub(super) models: Models,
    pub(super) board: Board,
}

/// Loads, warms up and tests the models; all of them, or it fails. `is_told` says whether people see how it goes.
pub(super) async fn load(
    settings: &Settings,
    engines: Arc<InstalledEngines>,
    specs: &[ModelSpec],
    is_told: bool,
) -> Result<Loaded, Failure> {
    let admission = plan::admit(settings, specs, &engines)?;
    let options = LoadOptions { admission, ..load_options(settings) };
    let engines: Arc<dyn Engines> = engines;
    let board = Board::new(rules(settings));
    board.enter(Phase::Loading);
    let declared = specs.iter().cloned();
    let declared = declared.map(|spec| Declared { component: board.declare(&spec.name), spec }).collect();
    let narrator = is_told.then(|| Narrator::start(board.view(), settings.log));
    let result = match Loading::start(declared, &engines, board.view(), options) {
        Ok(loading) => loading.finish().await,
        Err(error) => Err(error),
    };
    let snapshot = board.view().snapshot();
    if let Some(narrator) = narrator {
        narrator.finish().await;
    }
    let models = result.map_err(|error| failed_load(settings, &snapshot, &error))?;
    board.enter(Phase::Ready);
    let readiness = board.view().readiness();
    write_report(settings, &StartupReport::new(&board.view().snapshot(), &readiness))?;
    refuse_failed(&models, readiness)?;
    Ok(Loaded { models, board })
}

/// Who kept going still fails when a model did, with that model's code.
fn refuse_failed(models: &Models, readiness: Readiness) -> Result<(), Failure> {
    if let Some(failed) = models.failed.first() {
        let message = format!("{} failed; first: {}", counted(models.failed.len(), "model"), failed.error);
        return Err(Failure::new(failed.error.kind().into(), message));
    }
    match readiness {
        Readiness::NotReady(reason) => Err(Failure::new(LoadErrorKind::Internal.into(), reason)),
        Readiness::Ready { .. } => Ok(()),
    }
}
