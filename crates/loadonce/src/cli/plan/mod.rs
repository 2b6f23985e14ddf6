//! `loadonce plan`: what models will take, before anything is loaded; and the same sum as the admission of `serve`.

mod measure;
mod report;
mod store;

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use loadonce_core::ledger::{ControlGroup, ProcessMemory, available_bytes};
use loadonce_core::loader::Engines as _;
use loadonce_core::plan::{Admission, Fit, Limit, Need, Room, Sum};
use loadonce_core::{Contract, ModelSpec, Progress};
use loadonce_server::report::readable_size;

use self::report::PlanReport;
use self::store::{Measured, Store};
use super::exit::Exit;
use super::output::{complain, say};
use super::{Failure, Settings, find};
use crate::InstalledEngines;
use crate::repository::roots;

pub(super) use self::measure::{Before, Taken, in_child, measure};

/// Flags of `plan`.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct PlanFlags {
    /// Sessions of each model, which are worker processes of models in Python [default: as in model.toml, or as fit the cores]
    #[arg(long, value_name = "NUMBER")]
    workers: Option<usize>,
    /// Load each model in a process of its own, measure what it takes, and keep that for the next plan
    #[arg(long)]
    measure: bool,
    /// Print the plan as one JSON document
    #[arg(long)]
    json: bool,
}

/// A model in a plan.
#[derive(Debug)]
struct Planned {
    name: String,
    engine: String,
    file_bytes: u64,
    need: Need,
    copies: usize,
    sessions: usize,
    run_threads: usize,
}

/// Says what the models will take; exit code 14 where that does not fit.
pub(super) fn plan(settings: &Settings, engines: &InstalledEngines, flags: &PlanFlags) -> Result<Exit, Failure> {
    let specs = with_workers(find(settings)?, flags.workers);
    let (store, places) = (Store::of(settings, engines), roots(&settings.models));
    let expect = Planner { settings, engines, around: Around::now(settings) };
    let mut planned = Vec::with_capacity(specs.len());
    for spec in &specs {
        let Some(root) = places.get(&spec.name) else { continue };
        let measured = if flags.measure {
            let measured = measure::in_child(settings, root, flags.workers)?.measured;
            if let Err(error) = store.keep(spec, root, measured.clone()) {
                complain(&format!("warning: {}: what was measured is not kept: {error}", spec.name));
            }
            Some(measured)
        } else {
            store.look(spec, root)
        };
        planned.push(expect.plan(spec, root, measured)?);
    }
    let needs: Vec<_> = planned.iter().map(|planned| planned.need).collect();
    // Anew, as an engine's library may have been opened meanwhile.
    let sum = Around::now(settings).sum(&needs);
    let report = PlanReport::new(&planned, &sum, settings.cores);
    say(&if flags.json { report.to_json() } else { report.to_table() });
    match sum.fit() {
        Fit::Fits | Fit::MayNotFit => Ok(Exit::Fine),
        Fit::DoesNotFit => Err(Failure::new(Exit::DoesNotFit, in_a_line(&sum, planned.len()))),
    }
}

/// What it takes to plan a model that was not measured.
struct Planner<'a> {
    settings: &'a Settings,
    engines: &'a InstalledEngines,
    around: Around,
}

impl Planner<'_> {
    /// A model, as it was measured; else as its files and its `model.toml` let one expect.
    fn plan(&self, spec: &ModelSpec, root: &Path, measured: Option<Measured>) -> Result<Planned, Failure> {
        let (name, file_bytes) = (spec.name.clone(), file_bytes(root));
        if let Some(measured) = measured {
            let need = measured.need();
            let Measured { engine, copies, sessions, run_threads, .. } = measured;
            return Ok(Planned { name, engine, file_bytes, need, copies, sessions, run_threads });
        }
        let sessions = match spec.contract {
            Some(Contract::Exclusive) => 1,
            _ => spec.limits.sessions.unwrap_or(self.settings.cores),
        };
        let each_loads = spec.options.get("preload").is_some_and(|preload| preload == "false");
        let copies = if each_loads { sessions } else { 1 };
        let need = estimate(spec, file_bytes, copies);
        let engine = self.engine(spec, need)?;
        Ok(Planned { name, engine, file_bytes, need, copies, sessions, run_threads: 1 })
    }

    /// The engine that the model would get. To find out may take its whole file, for which there must be room.
    fn engine(&self, spec: &ModelSpec, need: Need) -> Result<String, Failure> {
        if self.around.sum(&[need]).fit() != Fit::Fits {
            return Ok("?".to_owned());
        }
        let chosen = self.engines.choose(spec, &Progress::default()).map_err(|error| error.of_model(&spec.name))?;
        spec.file.release();
        Ok(chosen.engine.name().to_owned())
    }
}

/// What is there beside the models: this process, and the room for it and them.
struct Around {
    base: u64,
    room: Option<Room>,
}

impl Around {
    fn now(settings: &Settings) -> Self {
        Self::with_processes(settings, 0)
    }

    /// With models in processes of their own that take so many bytes.
    fn with_processes(settings: &Settings, bytes: u64) -> Self {
        let own = ProcessMemory::of(std::process::id())
            .map(|own| ProcessMemory { proportional_bytes: own.proportional_bytes + bytes, ..own });
        let asked = settings.memory_limit.map(|bytes| Room { bytes, limit: Limit::Operator });
        let room = asked.or_else(|| Room::of_system(ControlGroup::of_this_process(), available_bytes(), own));
        Self { base: own.map_or(0, |own| own.proportional_bytes), room }
    }

    fn sum(&self, needs: &[Need]) -> Sum {
        Sum::new(self.base, needs, self.room)
    }
}

/// From the sizes of its files. Its main file is in memory in any case, unless that is code.
fn estimate(spec: &ModelSpec, file_bytes: u64, copies: usize) -> Need {
    let main = spec.file.path();
    let is_code = main.extension().is_some_and(|extension| extension == "py");
    let least = std::fs::metadata(main).map_or(0, |metadata| metadata.len());
    let one = Need::estimate(file_bytes, if is_code { 0 } else { least });
    let others = one.resident * (copies.saturating_sub(1) as u64);
    Need { resident: one.resident + others, peak: one.peak + others, ..one }
}

fn file_bytes(root: &Path) -> u64 {
    store::weights(root).values().map(|stamp| stamp.length).sum()
}

/// Models with so many sessions, whatever they say themselves.
fn with_workers(mut specs: Vec<ModelSpec>, workers: Option<usize>) -> Vec<ModelSpec> {
    for spec in &mut specs {
        spec.limits.sessions = workers.or(spec.limits.sessions);
    }
    specs
}

/// What models need, by name, and what there is for them; refused where it does not fit, unless the operator insists.
pub(super) fn admit(
    settings: &Settings,
    specs: &[ModelSpec],
    engines: &InstalledEngines,
) -> Result<Admission, Failure> {
    let (store, places) = (Store::of(settings, engines), roots(&settings.models));
    let need = |spec: &ModelSpec| Some((spec.name.clone(), need(spec, places.get(&spec.name)?, &store)));
    let needs: BTreeMap<_, _> = specs.iter().filter_map(need).collect();
    let sum = Around::now(settings).sum(&needs.values().copied().collect::<Vec<_>>());
    if sum.fit() == Fit::DoesNotFit && !settings.force {
        return Err(Failure::new(Exit::DoesNotFit, in_a_line(&sum, specs.len())));
    }
    let room = sum.room.map(|room| room.bytes.saturating_sub(sum.base));
    Ok(Admission { needs, room })
}

/// Refuses a second copy of a model beside the one that serves, where there is no room for it, unless the operator
/// insists. Models in processes of their own take so many bytes already.
pub(super) fn admit_successor(
    settings: &Settings,
    spec: &ModelSpec,
    engines: &InstalledEngines,
    processes: u64,
) -> Result<(), Failure> {
    let Some(root) = roots(&settings.models).remove(&spec.name) else { return Ok(()) };
    let need = need(spec, &root, &Store::of(settings, engines));
    let sum = Around::with_processes(settings, processes).sum(&[need]);
    if sum.fit() == Fit::DoesNotFit && !settings.force {
        let (takes, there) = in_words(&sum);
        let message = format!(
            "it and all that serves take {takes} while it is loaded, but there are {there}; give more memory, or start \
             the server anew (--force loads it all the same)"
        );
        return Err(Failure::new(Exit::DoesNotFit, message));
    }
    Ok(())
}

/// As it was measured, else as its files let one expect.
fn need(spec: &ModelSpec, root: &Path, store: &Store) -> Need {
    let measured = store.look(spec, root).map(|measured| measured.need());
    measured.unwrap_or_else(|| estimate(spec, file_bytes(root), 1))
}

fn in_a_line(sum: &Sum, models: usize) -> String {
    let (models, (takes, room)) = (super::serve::counted(models, "model"), in_words(sum));
    format!(
        "{models} and the program take {takes} while they are loaded, but there are {room}; load fewer, or give more \
         memory ('loadonce plan' has the parts of the sum; --force loads them all the same)"
    )
}

/// What is taken, and what there is.
fn in_words(sum: &Sum) -> (String, String) {
    let room = sum.room.map_or_else(String::new, |room| format!("{} ({})", readable_size(room.bytes), room.limit));
    let takes = readable_size(sum.least);
    (if sum.is_measured { takes } else { format!("{takes} or more") }, room)
}
