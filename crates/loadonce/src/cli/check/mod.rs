//! `loadonce check`: everything that serve does before it is ready, but for the socket; then a trial of each model.

mod report;
mod words;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use loadonce_core::loader::Models;
use loadonce_core::status::StatusView;
use loadonce_core::trial::{Outcome, Rules};
use loadonce_core::{ModelSpec, RunningModel};

use self::report::CheckReport;
use super::exit::Exit;
use super::loaded::{Loaded, load};
use super::numbers::thousands;
use super::output::say;
use super::serve::counted;
use super::settings::{LogFormat, duration};
use super::{Failure, Settings, find};
use crate::InstalledEngines;

/// Numbers of threads that ask a model in the server's process.
const THREADS: [usize; 3] = [2, 8, 32];

/// Flags of `check`.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct CheckFlags {
    /// Time to try each model once it is loaded, by one thread and by many; 0s leaves it at its samples
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    time: Duration,
    /// Seed of the requests that are made, and of their order
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Print the outcome as one JSON document
    #[arg(long)]
    json: bool,
}

/// A model and how its trial went.
struct Tried {
    name: String,
    outcome: Outcome,
}

/// Loads, warms up and tests the models, tries each, says how it went, and unloads them.
pub(super) async fn check(
    settings: Settings,
    engines: Arc<InstalledEngines>,
    flags: CheckFlags,
) -> Result<Exit, Failure> {
    let specs = find(&settings)?;
    let Loaded { models, board } = load(&settings, engines, &specs, !flags.json).await?;
    let tried = try_all(&models, &specs, &flags, settings.log).await?;
    conclude(&tried, &board.view(), &flags)
}

/// One after the other, so that each has the machine, and its memory, for itself.
async fn try_all(
    models: &Models,
    specs: &[ModelSpec],
    flags: &CheckFlags,
    log: LogFormat,
) -> Result<Vec<Tried>, Failure> {
    let mut tried = Vec::new();
    if flags.time.is_zero() {
        return Ok(tried);
    }
    let names = models.running.iter().map(|model| model.handle().name().chars().count());
    let width = names.max().unwrap_or(0);
    for model in &models.running {
        let name = model.handle().name().to_owned();
        let Some(spec) = specs.iter().find(|spec| spec.name == name) else { continue };
        let outcome = try_one(model, spec, flags).await?;
        match log {
            LogFormat::Json => event(&name, &outcome),
            LogFormat::Text if flags.json => (),
            LogFormat::Text => say(&words::verdict(&name, width, &outcome).join("\n")),
        }
        tried.push(Tried { name, outcome });
    }
    Ok(tried)
}

async fn try_one(model: &RunningModel, spec: &ModelSpec, flags: &CheckFlags) -> Result<Outcome, Failure> {
    let handle = model.handle();
    let samples = spec.samples.read(handle.signature())?;
    let rules = Rules { time: flags.time, seed: flags.seed, threads: THREADS.to_vec() };
    let (subject, name) = (model.subject(), handle.name().to_owned());
    let trial = tokio::task::spawn_blocking(move || {
        let spinner = spinner(&name);
        let outcome = subject.examine(&samples, &rules, &|step| spinner.set_message(step.to_owned()));
        spinner.finish_and_clear();
        outcome.map_err(|error| error.of_model(&name))
    });
    match trial.await {
        Ok(outcome) => Ok(outcome?),
        Err(error) => Err(Failure::new(Exit::Internal, format!("the trial of '{}' ended: {error}", handle.name()))),
    }
}

fn event(model: &str, outcome: &Outcome) {
    for finding in &outcome.findings {
        tracing::error!(model, %finding, "model is wrong");
    }
    let (runs, findings, exact) = (outcome.runs(), outcome.findings.len(), outcome.is_exact);
    tracing::info!(model, runs, findings, exact, copies = outcome.memory.copies(), "model tried");
}

/// For whoever sits at a terminal; elsewhere nothing is drawn.
fn spinner(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {prefix} {spinner} trying it: {msg}");
    let spinner = ProgressBar::new_spinner().with_prefix(name.to_owned());
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn conclude(tried: &[Tried], status: &StatusView, flags: &CheckFlags) -> Result<Exit, Failure> {
    if flags.json {
        say(&CheckReport::new(tried, &status.snapshot()).to_json());
    }
    let wrong: Vec<_> = tried.iter().filter(|tried| !tried.outcome.findings.is_empty()).collect();
    if let Some(first) = wrong.first() {
        let finding = first.outcome.findings.first().map(ToString::to_string).unwrap_or_default();
        let message = format!("{} wrong; first: model '{}': {finding}", are(wrong.len(), tried.len()), first.name);
        return Err(Failure::new(Exit::SampleFailed, message));
    }
    if !flags.json {
        let components = status.snapshot().components;
        let samples = components.iter().map(|model| model.record.samples.right).sum();
        let loaded = counted(components.len(), "model");
        let runs = tried.iter().map(|tried| tried.outcome.runs()).sum::<u64>();
        let runs = if runs > 0 { format!(", {} runs of trial", thousands(runs)) } else { String::new() };
        say(&format!("ok: {loaded} loaded, {} answered rightly{runs}", counted(samples, "sample")));
    }
    Ok(Exit::Fine)
}

fn are(wrong: usize, all: usize) -> String {
    format!("{wrong} of {} {}", counted(all, "model"), if wrong == 1 { "is" } else { "are" })
}
