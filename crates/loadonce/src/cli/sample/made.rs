//! A request made from the model's signature, for who has none.

use loadonce_core::sample::RequestMaker;
use loadonce_core::{Content, InferRequest, ModelHandle};
use loadonce_server::samples::{Body, Draft};
use serde_json::value::to_raw_value;

use super::{SampleFlags, ask, schema, unwritable, words};
use crate::cli::Failure;
use crate::cli::exit::Exit;

/// Requests that a model may refuse before it is given up.
const TRIES: usize = 32;

/// A request and the model's own answer to it.
struct Made {
    origin: String,
    request: Body,
    answer: Body,
}

/// A request that the model answers.
pub(super) async fn draft(model: &ModelHandle, flags: &SampleFlags) -> Result<Draft, Failure> {
    let content = model.signature().inputs.first().map(|spec| &spec.content);
    let Made { origin, request, answer } = match content {
        Some(Content::Json { schema }) => of_schema(model, schema.as_deref(), flags).await,
        _ => of_signature(model, flags).await,
    }?;
    let response = flags.record.then(|| (answer, flags.tolerance()));
    Ok(Draft { description: words::description(&origin, flags), request, response })
}

/// A row of JSON.
async fn of_schema(model: &ModelHandle, schema: Option<&str>, flags: &SampleFlags) -> Result<Made, Failure> {
    let schema = schema.and_then(|schema| serde_json::from_str(schema).ok());
    let schema = schema.ok_or_else(|| none(model, "it takes rows of JSON, and has no types that say of what"))?;
    let row = schema::value(&schema).map_err(|why| none(model, &why))?;
    let request = Body::instances(vec![to_raw_value(&row).map_err(unwritable)?]);
    let draft = Draft { description: String::new(), request, response: None };
    let (_, outputs) = ask(model, &draft, flags).await?;
    let answer = Body::answer(model.signature(), &outputs).map_err(unwritable)?;
    Ok(Made { origin: "made from the types of a row".to_owned(), request: draft.request, answer })
}

/// The first request that the model does not refuse.
async fn of_signature(model: &ModelHandle, flags: &SampleFlags) -> Result<Made, Failure> {
    let (signature, mut maker) = (model.signature(), RequestMaker::new(flags.seed));
    let origin = format!("made from the model's signature, with seed {}", flags.seed);
    let mut refused = None;
    for _ in 0..TRIES {
        let Some(inputs) = maker.make(signature) else { break };
        match model.infer(InferRequest { inputs: inputs.clone(), ..InferRequest::default() }).await {
            Ok(response) => {
                let (request, answer) = Body::pair(signature, &inputs, &response.outputs).map_err(unwritable)?;
                return Ok(Made { origin, request, answer });
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(match refused {
        Some(error) => Failure::new(Exit::SampleFailed, words::refused(model.name(), flags, &error)),
        None => none(model, "its signature does not say enough"),
    })
}

fn none(model: &ModelHandle, why: &str) -> Failure {
    let message = format!("no request can be made for model '{}': {why}; give rows with --rows FILE", model.name());
    Failure::new(Exit::Configuration, message)
}
