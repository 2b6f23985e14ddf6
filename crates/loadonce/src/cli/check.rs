//! `loadonce check`: everything that serve does before it is ready, but for the socket.

use std::sync::Arc;

use loadonce_core::loader::{Declared, Engines, Loading, Models};
use loadonce_core::status::{Board, Phase, Readiness, StatusView};
use loadonce_core::{LoadError, LoadErrorKind};
use loadonce_server::report::StartupReport;

use super::exit::Exit;
use super::narrate::Narrator;
use super::output::say;
use super::serve::{counted, failed_load, load_options, rules, write_report};
use super::{Failure, Settings, find};
use crate::InstalledEngines;

/// Loads, warms up and tests the models, says how it went, and unloads them.
pub(super) async fn check(settings: Settings, engines: Arc<InstalledEngines>) -> Result<Exit, Failure> {
    let specs = find(&settings)?;
    let board = Board::new(rules(&settings));
    board.enter(Phase::Loading);
    let declared = specs.into_iter().map(|spec| Declared { component: board.declare(&spec.name), spec }).collect();
    let narrator = Narrator::start(board.view(), settings.log);
    let result = load(&settings, engines, declared, board.view()).await;
    let snapshot = board.view().snapshot();
    narrator.finish().await;
    let models = result.map_err(|error| failed_load(&settings, &snapshot, &error))?;
    board.enter(Phase::Ready);
    let readiness = board.view().readiness();
    write_report(&settings, &StartupReport::new(&board.view().snapshot(), &readiness))?;
    verdict(&models, &board.view(), readiness)
}

async fn load(
    settings: &Settings,
    engines: Arc<InstalledEngines>,
    declared: Vec<Declared>,
    status: StatusView,
) -> Result<Models, LoadError> {
    let engines: Arc<dyn Engines> = engines;
    Loading::start(declared, &engines, status, load_options(settings))?.finish().await
}

/// A check that kept going still fails when a model did, with that model's code.
fn verdict(models: &Models, status: &StatusView, readiness: Readiness) -> Result<Exit, Failure> {
    if let Some(failed) = models.failed.first() {
        let message = format!("{} failed; first: {}", counted(models.failed.len(), "model"), failed.error);
        return Err(Failure::new(failed.error.kind().into(), message));
    }
    if let Readiness::NotReady(reason) = readiness {
        return Err(Failure::new(LoadErrorKind::Internal.into(), reason));
    }
    let samples = status.snapshot().components.iter().map(|model| model.record.samples.right).sum();
    say(&format!(
        "ok: {} loaded, {} answered rightly",
        counted(models.running.len(), "model"),
        counted(samples, "sample")
    ));
    Ok(Exit::Fine)
}
