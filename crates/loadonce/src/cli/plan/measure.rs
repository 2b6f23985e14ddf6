//! What a model takes, measured by loading it alone in a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use loadonce_core::LoadErrorKind;
use loadonce_core::ledger::{ProcessMemory, Sharing, peak_bytes, reset_peak};
use loadonce_core::status::{ComponentStatus, Snapshot, Stage};
use serde::{Deserialize, Serialize};

use super::store::{Measured, Store};
use super::{file_bytes, with_workers};
use crate::InstalledEngines;
use crate::cli::exit::Exit;
use crate::cli::loaded::{Loaded, load};
use crate::cli::output::say;
use crate::cli::{Failure, Settings, find};
use crate::repository::roots;

/// Loads the only model and prints what it took, as JSON. The process is to be for that alone.
pub(in crate::cli) async fn measure(
    mut settings: Settings,
    engines: Arc<InstalledEngines>,
    workers: Option<usize>,
) -> Result<Exit, Failure> {
    let unknown = || Failure::new(Exit::Internal, "this system does not tell what a process takes");
    let spec = with_workers(find(&settings)?, workers).into_iter().next();
    let spec = spec.ok_or_else(|| Failure::new(LoadErrorKind::NotFound.into(), "no model"))?;
    let root = roots(&settings.models).remove(&spec.name).ok_or_else(unknown)?;
    // The admission of whoever serves it is not that of a measurement, nor is this the startup that is reported.
    (settings.force, settings.startup_report) = (true, None);
    let before = Before::now().ok_or_else(unknown)?;
    let Loaded { models, board } = load(&settings, engines, &[spec], false).await?;
    let snapshot = board.view().snapshot();
    let model = snapshot.components.first();
    let taken = model.and_then(|model| Some(Taken::new(before.measure(model, &root)?, model))).ok_or_else(unknown)?;
    drop(models);
    say(&serde_json::to_string(&taken).unwrap_or_default());
    Ok(Exit::Fine)
}

/// What the load of one model took, as the child tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Taken {
    #[serde(flatten)]
    pub(super) measured: Measured,
    /// Of the engine, before anything was run.
    load_seconds: f64,
    /// Of the load and of the first run of each session, in which weights that are mapped come into memory.
    first_run_seconds: f64,
}

impl Taken {
    fn new(measured: Measured, model: &ComponentStatus) -> Self {
        let seconds = |last: Stage| {
            let stages = model.stages.iter().filter(|(stage, _)| (Stage::Loading..=last).contains(stage));
            stages.map(|(_, took)| took.as_secs_f64()).sum()
        };
        Self { measured, load_seconds: seconds(Stage::Loading), first_run_seconds: seconds(Stage::WarmingUp) }
    }

    /// Seconds until the engine had the model.
    pub(in crate::cli) fn load_seconds(&self) -> f64 {
        self.load_seconds
    }

    /// Seconds until each session had run once.
    pub(in crate::cli) fn first_run_seconds(&self) -> f64 {
        self.first_run_seconds
    }

    /// Bytes that the process took more for a while.
    pub(in crate::cli) fn peak_bytes(&self) -> u64 {
        self.measured.peak_bytes
    }

    /// Bytes that it takes more.
    pub(in crate::cli) fn resident_bytes(&self) -> u64 {
        self.measured.resident_bytes
    }
}

/// What this process took before it loaded models.
#[derive(Debug)]
pub(in crate::cli) struct Before {
    memory: ProcessMemory,
    peak: u64,
}

impl Before {
    /// Now, if the system tells.
    pub(in crate::cli) fn now() -> Option<Self> {
        let own = std::process::id();
        reset_peak();
        Some(Self { memory: ProcessMemory::of(own)?, peak: peak_bytes(own)? })
    }

    /// What a model has taken that was loaded since then: the only one of this process, or one with processes of its own.
    fn measure(&self, model: &ComponentStatus, root: &Path) -> Option<Measured> {
        let (record, own) = (&model.record, std::process::id());
        let memory = model.memory()?;
        let processes = memory.total_bytes().filter(|_| memory.sharing != Sharing::InProcess).unwrap_or(0);
        let here = grown(&self.memory, &ProcessMemory::of(own)?, file_bytes(root));
        let resident_bytes = here + processes;
        // What this process takes to look at the file it has given back when another one loads it.
        let peak = peak_bytes(own)?.saturating_sub(self.peak).max(here + memory.load_peak.unwrap_or(0).max(processes));
        Some(Measured {
            engine: record.engine?.to_owned(),
            resident_bytes,
            peak_bytes: peak.max(resident_bytes),
            copies: memory.copies(),
            sessions: record.sessions,
            run_threads: record.run_threads,
        })
    }

    /// Keeps what models took in this start, where that can be told of each and was not known: of one that is alone in this
    /// process.
    pub(in crate::cli) fn learn(&self, settings: &Settings, engines: &InstalledEngines, snapshot: &Snapshot) {
        let (store, places) = (Store::of(settings, engines), roots(&settings.models));
        let ([model], Ok(specs)) = (snapshot.components.as_slice(), find(settings)) else { return };
        let found = specs.iter().find(|spec| spec.name == model.name).zip(places.get(&model.name));
        let Some((spec, root)) = found.filter(|(spec, root)| store.look(spec, root).is_none()) else { return };
        if let Some(Err(error)) = self.measure(model, root).map(|measured| store.keep(spec, root, measured)) {
            tracing::warn!(%error, model = model.name, "what the model took is not kept for the next plan");
        }
    }
}

/// Bytes by which a process has grown for a model. Pages of files are those of the model as far as it has so many: others are
/// code of the program that ran for the first time, which the next model shares.
fn grown(before: &ProcessMemory, after: &ProcessMemory, file_bytes: u64) -> u64 {
    let of_files = |memory: &ProcessMemory| memory.proportional_bytes.saturating_sub(memory.anonymous_bytes);
    let mapped = of_files(after).saturating_sub(of_files(before)).min(file_bytes);
    after.anonymous_bytes.saturating_sub(before.anonymous_bytes) + mapped
}

/// Has a child of this program do that, with the same settings.
pub(in crate::cli) fn in_child(settings: &Settings, root: &Path, workers: Option<usize>) -> Result<Taken, Failure> {
    let cannot = |error: std::io::Error| Failure::new(Exit::Internal, format!("cannot measure: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command.arg("measure").arg(root).args(workers.map(|workers| format!("--workers={workers}")));
    command.envs(settings.as_variables()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let ended = command.output().map_err(cannot)?;
    match serde_json::from_slice(&ended.stdout) {
        Ok(taken) if ended.status.success() => Ok(taken),
        _ => {
            let code = ended.status.code().and_then(|code| u8::try_from(code).ok());
            let exit = code.and_then(Exit::of_code).unwrap_or(Exit::Internal);
            Err(Failure::new(exit, format!("{} could not be measured ({})", root.display(), ended.status)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_ran_for_the_first_time_is_not_the_models() {
        let memory = |proportional_bytes, anonymous_bytes| ProcessMemory {
            proportional_bytes,
            private_bytes: 0,
            anonymous_bytes,
        };
        let before = memory(20_000, 5_000);
        // 3,000 of weights that were read, and 4,000 of code.
        assert_eq!(grown(&before, &memory(27_000, 8_000), 1_000), 4_000);
        // 100,000 of weights that are mapped.
        assert_eq!(grown(&before, &memory(125_000, 6_000), 100_000), 101_000);
    }
}
