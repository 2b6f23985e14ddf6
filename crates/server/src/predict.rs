//! A prediction, whatever the protocol: find the model, decode, infer, encode, count.

use std::sync::Arc;
use std::time::Instant;

use loadonce_core::{ErrorKind, InferRequest, InferResponse, ModelHandle, Timing};

use crate::api::Api;
use crate::counts::{Answered, Protocol};
use crate::error::{ApiError, ApiErrorKind};
use crate::wire::WireError;
use crate::wire::rows::Place;

/// Bytes above which decoding or encoding leaves the async runtime's threads.
const OFFLOAD_BYTES: usize = 256 << 10;

/// Who is asked, how, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The label in metrics.
    pub(crate) protocol: Protocol,
    pub(crate) model: &'a str,
    pub(crate) version: Option<&'a str>,
    /// When the request's head was there.
    pub(crate) started: Instant,
}

/// A request's body, before it is decoded.
#[derive(Debug)]
pub(crate) struct Received<B> {
    pub(crate) body: B,
    /// How much there is to decode, in bytes of JSON.
    pub(crate) size: usize,
    /// When the caller stops to wait.
    pub(crate) deadline: Option<Instant>,
}

/// The two ends of a format. What `decode` learns of the request's form, `encode` gets back.
#[derive(Debug)]
pub(crate) struct Format<D, E> {
    /// From a body to a request for this model.
    pub(crate) decode: D,
    /// From this model's response to a body.
    pub(crate) encode: E,
}

/// What is known of a prediction when it has been answered, well or not; an extension of the response, for access logs.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The model that was found.
    pub model: ModelHandle,
    /// How long the request waited and ran; `None` when it did not run to its end.
    pub timing: Option<Timing>,
}

/// Answers a prediction and counts it. The body is waited for once the model is known to be there. No [`Prediction`] is
/// told of a model that is not.
pub(crate) async fn predict<B, T, R, D, E>(
    api: &Api,
    asked: Asked<'_>,
    body: impl Future<Output = Result<Received<B>, ApiError>>,
    format: Format<D, E>,
) -> (Result<R, ApiError>, Option<Prediction>)
where
    B: Send + 'static,
    T: Place + Send + 'static,
    R: Send + 'static,
    D: FnOnce(B, &ModelHandle) -> Result<(T, InferRequest), WireError> + Send + 'static,
    E: FnOnce(T, &ModelHandle, &InferResponse) -> Result<R, WireError> + Send + 'static,
{
    let served = api.served();
    let pending = served.counts.of(asked.model).begin(asked.protocol, asked.started);
    let model = served.registry.get(asked.model, asked.version).cloned();
    drop(served);
    let mut prediction = None;
    let answer = async {
        let Prediction { model, timing: known } = prediction.insert(Prediction { model: model?, timing: None });
        let model = &*model;
        let Received { body, size, deadline } = body.await?;
        let Format { decode, encode } = format;
        let decoding = Instant::now();
        if size >= OFFLOAD_BYTES {
            model.expect_room()?;
        }
        let (form, mut request) = offload_for(model, api, size, move |model| Ok(decode(body, model)?)).await?;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        request.timeout = request.timeout.into_iter().chain(left).min();
        let (rows, decode) = (row_count(&request), decoding.elapsed());
        let response = model.infer(request).await.map_err(|error| ApiError::of_prediction(error, form.place()))?;
        *known = Some(response.timing);
        let size = response.outputs.iter().map(|output| output.tensor.byte_len()).sum();
        let (timing, encoding) = (response.timing, Instant::now());
        let encoded = offload_for(model, api, size, move |model| Ok(encode(form, model, &response)?)).await?;
        let ended = Instant::now();
        Ok((encoded, Answered { decode, timing, encode: ended - encoding, rows }, ended))
    };
    let result = match answer.await {
        Ok((encoded, answered, ended)) => {
            pending.answered(&answered, ended);
            Ok(encoded)
        }
        Err(error) => {
            pending.failed(&error);
            Err(error)
        }
    };
    (result, prediction)
}

/// Does work on `size` bytes here, or on a thread for blocking work if that many would hold up the runtime; of such work
/// no more is under way than there are processors.
pub(crate) async fn offload<T: Send + 'static>(
    api: &Api,
    size: usize,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if size < OFFLOAD_BYTES {
        return work();
    }
    let failed = |error: &dyn std::error::Error| {
        let kind = ApiErrorKind::Infer(ErrorKind::Internal);
        ApiError::new(kind, format!("the body could not be processed: {error}"))
    };
    let permit = Arc::clone(api.large_bodies()).acquire_owned().await.map_err(|error| failed(&error))?;
    let work = move || {
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(failed(&error)))
}

/// The same for a model, whose handle is shared with another thread only where work goes to one.
async fn offload_for<T: Send + 'static>(
    model: &ModelHandle,
    api: &Api,
    size: usize,
    work: impl FnOnce(&ModelHandle) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if size < OFFLOAD_BYTES {
        return work(model);
    }
    let model = model.clone();
    offload(api, size, move || work(&model)).await
}

/// Rows of a request: the length of its first input's first axis, one for a scalar.
fn row_count(request: &InferRequest) -> u64 {
    let first = request.inputs.first().and_then(|input| input.tensor.shape().first());
    first.map_or(1, |rows| *rows as u64)
}
