//! `loadonce sample`: writes samples of a model, beside it. What is written has been read and asked as `serve` will.

mod flags;
mod made;
mod place;
mod schema;
mod words;

use std::path::Path;
use std::sync::Arc;

use loadonce_core::sample::{Mismatch, NoSamples, Sample, compare};
use loadonce_core::{LoadErrorKind, ModelHandle, ModelSpec, NamedTensor};
use loadonce_server::samples::{Body, Draft, Row, parse, read_rows};

pub(super) use self::flags::{SampleFlags, distance};
use self::place::Place;
use super::exit::Exit;
use super::loaded::load;
use super::{Failure, Settings, find};
use crate::InstalledEngines;

/// Loads the model, lets it answer, writes what was asked and, where they are known, the right answers.
pub(super) async fn sample(
    settings: Settings,
    engines: Arc<InstalledEngines>,
    flags: SampleFlags,
) -> Result<Exit, Failure> {
    let mut spec = only(find(&settings)?, flags.model.as_deref())?;
    let place = Place::of(&spec.name, &settings, &flags)?;
    place.expect_free()?;
    if flags.overwrite {
        // One of them may be wrong, and is to be replaced.
        spec.samples = Arc::new(NoSamples);
    }
    let loaded = load(&settings, engines, std::slice::from_ref(&spec), true).await?;
    let Some(model) = loaded.models.running.first() else {
        return Err(Failure::new(Exit::Internal, format!("model '{}' is ready and does not run", spec.name)));
    };
    let model = model.handle();
    let drafts = drafts(&model, &flags).await?;
    let difference = difference(&model, &drafts, &flags).await?;
    if let Some(difference) = difference.as_ref().filter(|_| !flags.write_anyway) {
        return Err(Failure::new(Exit::SampleFailed, format!("{difference}\n{}", words::ADVICE)));
    }
    let paths = place.write(&drafts)?;
    words::written(&paths, &flags, difference.is_none(), settings.log);
    match difference {
        Some(difference) => Err(Failure::new(Exit::SampleFailed, format!("{difference}; written all the same"))),
        None => Ok(Exit::Fine),
    }
}

/// The model that is meant.
fn only(specs: Vec<ModelSpec>, name: Option<&str>) -> Result<ModelSpec, Failure> {
    let names: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
    if let Some(name) = name {
        let found = specs.into_iter().find(|spec| spec.name == name);
        let unknown = || format!("model '{name}' is not there; there are {}", names.join(", "));
        return found.ok_or_else(|| Failure::new(LoadErrorKind::NotFound.into(), unknown()));
    }
    let several = |_| {
        let message = format!("a sample is of one model; say which with --model: {}", names.join(", "));
        Failure::new(Exit::Configuration, message)
    };
    <[ModelSpec; 1]>::try_from(specs).map(|[only]| only).map_err(several)
}

/// The samples, not yet asked as they stand there.
async fn drafts(model: &ModelHandle, flags: &SampleFlags) -> Result<Vec<Draft>, Failure> {
    let Some(rows) = &flags.rows else { return Ok(vec![made::draft(model, flags).await?]) };
    let signature = model.signature();
    let read = read_rows(rows, &signature.inputs)?;
    let expected = flags.expected.as_deref().map(|path| answers(path, model, read.len())).transpose()?;
    let size = if flags.each { 1 } else { read.len() };
    let mut answers = expected.iter().flat_map(|expected| expected.chunks(size));
    let mut drafts = Vec::new();
    for rows in read.chunks(size) {
        let response = answers.next().map(|rows| (Body::predictions(rows.to_vec()), flags.tolerance()));
        let mut draft = Draft {
            description: words::description(&words::rows_of(flags), flags),
            request: Body::instances(rows.to_vec()),
            response,
        };
        if flags.record {
            let (_, outputs) = ask(model, &draft, flags).await?;
            draft.response = Some((Body::answer(signature, &outputs).map_err(unwritable)?, flags.tolerance()));
        }
        drafts.push(draft);
    }
    Ok(drafts)
}

/// As many answers as there are rows.
fn answers(path: &Path, model: &ModelHandle, rows: usize) -> Result<Vec<Row>, Failure> {
    let answers = read_rows(path, &model.signature().outputs)?;
    if answers.len() == rows {
        return Ok(answers);
    }
    let message = format!("{}: expected an answer for each of {rows} rows, got {}", path.display(), answers.len());
    Err(Failure::new(Exit::Configuration, message))
}

/// Asks as `serve` would, and gives the sample as it would be read.
async fn ask(model: &ModelHandle, draft: &Draft, flags: &SampleFlags) -> Result<(Sample, Vec<NamedTensor>), Failure> {
    let text = draft.to_text();
    let sample = parse(flags.name.clone(), text.as_bytes(), model.signature());
    let sample = sample.map_err(|error| Failure::new(Exit::Configuration, words::unreadable(flags, &error)))?;
    let answer = model.infer(sample.request.clone()).await;
    let answer =
        answer.map_err(|error| Failure::new(Exit::SampleFailed, words::refused(model.name(), flags, &error)))?;
    Ok((sample, answer.outputs))
}

/// The first row that the model answers otherwise than it should.
async fn difference(model: &ModelHandle, drafts: &[Draft], flags: &SampleFlags) -> Result<Option<String>, Failure> {
    for (position, draft) in drafts.iter().enumerate() {
        let (sample, got) = ask(model, draft, flags).await?;
        let Some(expected) = &sample.expected else { continue };
        if let Err(mismatch) = compare(model.signature(), expected, &got, &sample.tolerance) {
            let row = row_of(&mismatch, expected);
            let text = draft.request.items().get(row).map_or("", |row| row.get());
            let row = words::row(position + row + 1, text);
            return Ok(Some(words::different(model.name(), flags, &row, &mismatch)));
        }
    }
    Ok(None)
}

/// The row in which the first other element stands.
fn row_of(mismatch: &Mismatch, expected: &[NamedTensor]) -> usize {
    let Mismatch::Element { output, index, .. } = mismatch else { return 0 };
    let tensor = expected.iter().find(|named| named.name == *output).map(|named| &named.tensor);
    let rows = tensor.and_then(|tensor| Some((tensor.len(), *tensor.shape().first()?)));
    rows.and_then(|(elements, rows)| index.checked_div(elements.checked_div(rows)?)).unwrap_or_default()
}

fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::SampleFailed, format!("the model's answer cannot be written: {error}"))
}
