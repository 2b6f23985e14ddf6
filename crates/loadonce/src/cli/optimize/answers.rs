//! Whether the model that was written answers as the one before: both are loaded as `serve` does, one after the other, and
//! asked the same.

use std::path::Path;
use std::sync::Arc;

use loadonce_core::sample::{RequestMaker, Tolerance, compare, largest_difference};
use loadonce_core::{InferRequest, LoadErrorKind, ModelHandle, ModelSpec, NamedTensor, Signature};

use crate::InstalledEngines;
use crate::cli::exit::Exit;
use crate::cli::loaded::{Loaded, load};
use crate::cli::{Failure, Settings, find};

/// Requests that are made of the signature where there are no samples, and how many a model may refuse before.
const MADE: usize = 4;
const TRIES: usize = 32;

/// How the answers compare: all are within the tolerance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreement {
    /// Requests that were asked.
    pub(super) requests: usize,
    /// Whether these are the model's samples; else they were made.
    pub(super) are_samples: bool,
    /// The largest difference of floats; none where all answers are equal bit for bit.
    pub(super) largest: Option<f64>,
}

/// A request that the model before has answered.
struct Asked {
    name: String,
    request: InferRequest,
    answer: Vec<NamedTensor>,
}

/// Asks the model before, and each one after it.
///
/// # Errors
/// [`Exit::SampleFailed`] for an answer that lies farther away than the flags allow, with both answers; and what keeps a model
/// from being loaded.
pub(super) async fn compare_models(
    settings: &Settings,
    engines: &Arc<InstalledEngines>,
    (before, afters): (&Path, &[&Path]),
    tolerance: &Tolerance,
) -> Result<Vec<Agreement>, Failure> {
    let (spec, former) = loaded(settings, engines, before).await?;
    let model = running(&former)?;
    let samples = spec.samples.read(model.signature())?;
    let are_samples = !samples.is_empty();
    let requests = samples.into_iter().map(|sample| (format!("sample '{}'", sample.name), sample.request));
    let asked = ask(&model, requests.collect()).await?;
    // They are not in memory at once.
    drop((model, former));
    let mut agreements = Vec::new();
    for after in afters {
        let (_, latter) = loaded(settings, engines, after).await.map_err(|failure| once_optimized(&failure))?;
        let largest = largest(&running(&latter)?, &asked, tolerance).await?;
        agreements.push(Agreement { requests: asked.len(), are_samples, largest });
    }
    Ok(agreements)
}

/// The largest difference of the model's answers from those before; none where all are equal bit for bit.
async fn largest(model: &ModelHandle, asked: &[Asked], tolerance: &Tolerance) -> Result<Option<f64>, Failure> {
    let mut largest: Option<f64> = None;
    for Asked { name, request, answer } in asked {
        let got = model.infer(request.clone()).await;
        let got = got.map_err(|error| different(model, name, &format!("{error}, where it gave an answer before")))?;
        judge(model.signature(), answer, &got.outputs, tolerance).map_err(|what| different(model, name, &what))?;
        largest = largest_difference(answer, &got.outputs).map(|far| far.max(largest.unwrap_or(0.0))).or(largest);
    }
    Ok(largest)
}

/// Outputs that came in vain are not missed by a comparison alone.
fn judge(
    signature: &Signature,
    expected: &[NamedTensor],
    got: &[NamedTensor],
    tolerance: &Tolerance,
) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("it has {} outputs, expected {}", got.len(), expected.len()));
    }
    compare(signature, expected, got, tolerance).map_err(|mismatch| mismatch.to_string())
}

async fn loaded(
    settings: &Settings,
    engines: &Arc<InstalledEngines>,
    path: &Path,
) -> Result<(ModelSpec, Loaded), Failure> {
    let mut settings = settings.clone();
    (settings.models, settings.startup_report, settings.keep_going) = (vec![path.to_owned()], None, false);
    let spec = find(&settings)?.into_iter().next();
    let spec =
        spec.ok_or_else(|| Failure::new(LoadErrorKind::NotFound.into(), format!("no model in {}", path.display())))?;
    let loaded = load(&settings, Arc::clone(engines), std::slice::from_ref(&spec), false).await?;
    Ok((spec, loaded))
}

fn running(loaded: &Loaded) -> Result<ModelHandle, Failure> {
    let model = loaded.models.running.first().map(loadonce_core::RunningModel::handle);
    model.ok_or_else(|| Failure::new(Exit::Internal, "a model is ready and does not run"))
}

/// The model's answers to its samples, or where there are none, to requests that are made.
async fn ask(model: &ModelHandle, samples: Vec<(String, InferRequest)>) -> Result<Vec<Asked>, Failure> {
    if samples.is_empty() {
        return ask_made(model).await;
    }
    let mut asked = Vec::new();
    for (name, request) in samples {
        let response = model.infer(request.clone()).await;
        let response = response.map_err(|error| {
            Failure::new(Exit::SampleFailed, format!("model '{}' does not answer {name}: {error}", model.name()))
        })?;
        asked.push(Asked { name, request, answer: response.outputs });
    }
    Ok(asked)
}

/// The answers to the first made requests that the model takes; else to the zeros that it was warmed up with.
async fn ask_made(model: &ModelHandle) -> Result<Vec<Asked>, Failure> {
    let (mut maker, mut asked) = (RequestMaker::new(1), Vec::new());
    for number in 1..=TRIES {
        let Some(inputs) = maker.make(model.signature()).filter(|_| asked.len() < MADE) else { break };
        let request = InferRequest { inputs, ..InferRequest::default() };
        if let Ok(response) = model.infer(request.clone()).await {
            asked.push(Asked {
                name: format!("request {number} made from its signature"),
                request,
                answer: response.outputs,
            });
        }
    }
    if let (true, Some(zeros)) = (asked.is_empty(), model.example()) {
        let request = InferRequest { inputs: zeros.inputs.clone(), ..InferRequest::default() };
        asked.push(Asked { name: "a request of zeros".to_owned(), request, answer: zeros.outputs.clone() });
    }
    if asked.is_empty() {
        let message = format!(
            "model '{}' has no samples, and answers no request that is made from its signature, so nothing would prove \
             what is written; give it a sample: loadonce sample PATH --rows FILE",
            model.name()
        );
        return Err(Failure::new(Exit::SampleFailed, message));
    }
    Ok(asked)
}

fn once_optimized(failure: &Failure) -> Failure {
    Failure::new(failure.exit, format!("once it is optimized: {}\n{ADVICE}", failure.message))
}

fn different(model: &ModelHandle, name: &str, what: &str) -> Failure {
    let message = format!("model '{}' answers {name} otherwise once it is optimized: {what}\n{ADVICE}", model.name());
    Failure::new(Exit::SampleFailed, message)
}

const ADVICE: &str = "nothing was written; --graph keep leaves the graph as it is, and where both answers are right, --tolerance \
                      and --relative-tolerance say how far apart they may lie";

#[cfg(test)]
mod tests {
    use loadonce_core::{DType, Shape, Tensor, TensorSpec};

    use super::*;

    #[test]
    fn an_answer_without_an_output_or_too_far_away_is_another_one() {
        let signature = Signature { inputs: vec![], outputs: vec![TensorSpec::new("y", DType::Fp32, [])] };
        let answer = |value: f32| {
            let tensor = Tensor::from_vec(Shape::new([1]), vec![value]).unwrap();
            vec![NamedTensor { name: "y".to_owned(), tensor }]
        };
        let tolerance = Tolerance { absolute: 1e-3, relative: 0.0 };
        assert_eq!(judge(&signature, &answer(1.0), &answer(1.0005), &tolerance), Ok(()));
        let far = judge(&signature, &answer(1.0), &answer(1.01), &tolerance).unwrap_err();
        assert_eq!(far, "output 'y' has 1.01 at [0], expected 1");
        assert_eq!(judge(&signature, &answer(1.0), &[], &tolerance).unwrap_err(), "it has 0 outputs, expected 1");
    }
}
