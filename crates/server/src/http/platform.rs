//! Predictions at the paths of hosting platforms, which name no model: SageMaker's `/invocations` (Developer Guide,
//! "Custom Inference Code with Hosting Services") and the predict route of Vertex AI ("Custom container requirements").

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use loadonce_core::{InferResponse, ModelHandle};

use super::predict::predict;
use super::target::Target;
use super::v1::predict_rows;
use crate::api::Api;
use crate::counts::Protocol;
use crate::error::{ApiError, ApiErrorKind};
use crate::predict::Format;
use crate::wire::either::{self, Form};
use crate::wire::v1;
use crate::wire::v1::csv::{self, Header};
use crate::wire::v2::Encoded;

/// Which of several models is meant (`InvokeEndpoint`, request parameter `TargetModel`).
pub(crate) const TARGET_MODEL: &str = "x-amzn-sagemaker-target-model";

const CSV: &str = "text/csv";
const JSON: &str = "application/json";

/// Answers v1, v2 and CSV in kind, unless the caller accepts CSV or JSON alone.
pub(super) async fn invocations(State(api): State<Api>, request: Request) -> Response {
    let target = match target(&api, request.headers().get(TARGET_MODEL)) {
        Ok(target) => target,
        Err(error) => return error.into_response(),
    };
    let header = csv_header(request.headers());
    let wants_csv = wants_csv(request.headers()).unwrap_or(header.is_some());
    let format = Format {
        decode: move |body: Bytes, model: &ModelHandle| match header {
            Some(header) => csv::decode_request(&body, header, model.signature())
                .map(|request| (Form::V1(v1::Field::Instances), request)),
            None => either::decode_request(&body, model.signature()),
        },
        encode: move |form, model: &ModelHandle, response: &InferResponse| {
            if wants_csv {
                return csv::encode_response(response).map(Encoded::json);
            }
            either::encode_response(&form, model, response)
        },
    };
    let mut response = predict(&api, Protocol::SageMaker, &target, format, request).await;
    if wants_csv && response.status().is_success() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CSV));
    }
    response
}

/// Adds the path that Vertex AI chooses. It may be any, also one that there is already for other methods.
pub(super) fn with_predict_path(path: &str, api: Api, routes: Router) -> Router {
    let literally = path.replace('{', "{{").replace('}', "}}");
    let predict = post(vertex).with_state(api).fallback_service(routes.clone());
    Router::new().without_v07_checks().route(&literally, predict).fallback_service(routes)
}

/// Answers `instances` with `predictions`. No model has `parameters`, which are ignored.
async fn vertex(State(api): State<Api>, request: Request) -> Response {
    match target(&api, None) {
        Ok(target) => predict_rows(&api, Protocol::Vertex, &target, request).await,
        Err(error) => error.into_response(),
    }
}

/// The model named, or the only one.
fn target(api: &Api, wanted: Option<&HeaderValue>) -> Result<Target, ApiError> {
    if let Some(name) = wanted {
        let name = name.to_str().map_err(|_| ApiError::invalid(format!("{TARGET_MODEL}: expected text")))?;
        return Ok(Target { name: name.to_owned(), version: None });
    }
    let served = api.served();
    let names: Vec<_> = served.registry.iter().map(|(name, _)| name).collect();
    match names.as_slice() {
        [only] => Ok(Target { name: (*only).to_owned(), version: None }),
        [] => Err(ApiError::new(ApiErrorKind::NoSuchPath, "no model is served")),
        _ => Err(ApiError::invalid(format!(
            "several models are served: {}; serve one alone, name one in {TARGET_MODEL} of /invocations, or ask \
             /v1/models/NAME:predict",
            names.join(", ")
        ))),
    }
}

/// What a body of CSV says of its first line; nothing where the body is another.
fn csv_header(headers: &HeaderMap) -> Option<Header> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let mut parts = content_type.split(';').map(str::trim);
    if parts.next() != Some(CSV) {
        return None;
    }
    Some(parts.fold(Header::Unsaid, |header, parameter| match parameter {
        "header=present" => Header::Present,
        "header=absent" => Header::Absent,
        _ => header,
    }))
}

/// The first of CSV and JSON that the caller accepts by name.
fn wants_csv(headers: &HeaderMap) -> Option<bool> {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let media_types = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    media_types.map(|name| name.trim().to_ascii_lowercase()).find_map(|name| match name.as_str() {
        CSV => Some(true),
        JSON => Some(false),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn headers_choose_the_format() {
        let of =
            |name: HeaderName, value: &'static str| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        let cases = [
            ("text/csv", Some(Header::Unsaid)),
            ("Text/CSV; charset=utf-8; header=absent", Some(Header::Absent)),
            ("text/csv;header=present", Some(Header::Present)),
            ("application/json", None),
            ("text/csvish", None),
        ];
        for (value, expected) in cases {
            assert_eq!(csv_header(&of(CONTENT_TYPE, value)), expected, "{value}");
        }
        let cases = [
            ("text/csv", Some(true)),
            ("application/json, text/csv", Some(false)),
            ("application/x-recordio-protobuf, Text/CSV;q=0.5", Some(true)),
            ("*/*", None),
        ];
        for (value, expected) in cases {
            assert_eq!(wants_csv(&of(ACCEPT, value)), expected, "{value}");
        }
    }
}
