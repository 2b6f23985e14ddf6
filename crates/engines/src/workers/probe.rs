//! Whether a loaded model survives the fork: a worker has to answer before the model may be served so.
//!
//! What does not survive is a thread. A library that waits for a thread of its own, which is only in the template, waits for
//! ever in a worker; so the probe gives up on a worker that has had no processor time for a while.

use std::time::Duration;

use loadonce_core::{Batch, ModelSpec, Signature};

use super::crew::Crew;

/// Time without processor time after which a worker is taken to hang.
const IDLE: Duration = Duration::from_secs(5);

/// Runs of the sample: a thread that is not there may still seem to take what it is handed first.
const RUNS: usize = 2;

/// Lets a worker answer a sample, or zeros where there is none. The error is why it did not; a model's own error is an
/// answer, for the loader to judge.
pub(super) fn probe(crew: &Crew, spec: &ModelSpec, signature: &Signature) -> Result<(), String> {
    let Some(batch) = batch(spec, signature) else { return Ok(()) };
    let mut worker = crew.hire().map_err(|error| error.to_string())?;
    for _ in 0..RUNS {
        if let Err(lost) = worker.probe(&batch, IDLE) {
            return Err(lost.to_string());
        }
    }
    crew.keep(worker);
    Ok(())
}

/// The first sample as the model gets it. One that cannot be read is for the loader to refuse.
fn batch(spec: &ModelSpec, signature: &Signature) -> Option<Batch> {
    let signature = spec.annotate(signature).ok()?;
    let sample = spec.samples.read(&signature).ok()?.into_iter().next();
    match sample {
        Some(sample) => signature.arrange(sample.request.inputs).ok(),
        None => Batch::zeros(&signature),
    }
}
