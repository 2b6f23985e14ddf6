//! `loadonce optimize`: writes a model in ONNX anew so that it starts fast, proves that it answers as before, and says what
//! that gained.
//!
//! The steps are those of [`optimize`]: a draft of the folder (`place.rs`), its files (`write.rs`), both models' answers
//! (`answers.rs`) and loads (`figures.rs`), the folder in its place, and what there is to say of it (`report.rs`).

mod answers;
mod figures;
mod flags;
mod gain;
mod keys;
mod place;
mod report;
mod rewriting;
mod write;

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use loadonce_core::{LoadErrorKind, ModelSpec};

pub(super) use self::flags::OptimizeFlags;
use self::place::Place;
use self::report::{Candidate, OptimizeReport};
use super::exit::Exit;
use super::output::say;
use super::{Failure, Settings, find};
use crate::InstalledEngines;
use crate::repository::roots;

/// Writes the model's files, proves them, and puts them into their place; nothing is left of them where that fails.
pub(super) async fn optimize(
    settings: Settings,
    engines: Arc<InstalledEngines>,
    flags: OptimizeFlags,
) -> Result<Exit, Failure> {
    let spec = only(find(&settings)?)?;
    let root = roots(&settings.models).remove(&spec.name).unwrap_or_else(|| spec.file.path().to_owned());
    expect_onnx(&spec)?;
    let place = Place::new(&flags.output, &root, flags.overwrite)?;
    let steps = spinner(&spec.name);
    steps.set_message("writing its files");
    let written = write::write((&spec, &root), &engines, &place, &flags)?;
    let folders: Vec<_> = written.iter().map(|written| written.folder.as_path()).collect();
    steps.set_message("comparing answers");
    let agreements = answers::compare_models(&settings, &engines, (&root, &folders), &flags.tolerance()).await?;
    steps.set_message("measuring loads, each in a process of its own");
    let former = written.first().map_or(0, |written| written.former_bytes);
    let models = [(&*root, former)].into_iter().chain(written.iter().map(|written| (&*written.folder, written.bytes)));
    let mut figures = figures::measure(&settings, &models.collect::<Vec<_>>(), flags.loads)?.into_iter();
    let before = figures.next().ok_or_else(nothing)?;
    let candidates = written.into_iter().zip(agreements).zip(figures);
    let candidates = candidates.map(|((written, agreement), figures)| Candidate { written, agreement, figures });
    let chosen = Candidate::choose(candidates.collect()).ok_or_else(nothing)?;
    place.publish(&chosen.0.written.folder)?;
    steps.finish_and_clear();
    let report = OptimizeReport::new((&spec.name, &flags.output), flags.loads, before, chosen);
    say(&if flags.json { report.to_json() } else { report.to_text() });
    Ok(Exit::Fine)
}

fn nothing() -> Failure {
    Failure::new(Exit::Internal, "nothing was written or measured")
}

/// For whoever sits at a terminal; elsewhere nothing is drawn.
fn spinner(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {prefix} {spinner} {msg}");
    let spinner = ProgressBar::new_spinner().with_prefix(name.to_owned());
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// The only model at the paths.
fn only(specs: Vec<ModelSpec>) -> Result<ModelSpec, Failure> {
    <[ModelSpec; 1]>::try_from(specs).map(|[only]| only).map_err(|specs| {
        let names: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let message = format!(
            "optimize takes the path of one model, and got those of {} ({}); name one of them",
            names.len(),
            names.join(", ")
        );
        Failure::new(LoadErrorKind::Configuration.into(), message)
    })
}

fn expect_onnx(spec: &ModelSpec) -> Result<(), Failure> {
    let path = spec.file.path();
    if InstalledEngines::is_onnx(path) {
        return Ok(());
    }
    let message = format!(
        "model '{}', {}: optimize takes models in ONNX, as their weights can be laid out for mapping; expected a file \
         model.onnx; export the model to ONNX, or serve it as it is",
        spec.name,
        path.display()
    );
    Err(Failure::new(LoadErrorKind::Unsupported.into(), message))
}
