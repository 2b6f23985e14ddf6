//! Request bodies, bounded.

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::LengthLimitError;

use super::compression::check_unpacked;
use crate::error::{ApiError, ApiErrorKind};

/// Reads a body of at most `limit` bytes; a larger one is refused by its header, before any of it is read.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    check_unpacked(headers)?;
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(announced) = announced.filter(|announced| *announced > limit as u64) {
        return Err(too_large(&format!("of {announced} bytes"), limit));
    }
    to_bytes(body, limit).await.map_err(|error| {
        if std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            return too_large("sent in chunks or packed", limit);
        }
        ApiError::new(ApiErrorKind::BodyCutShort, format!("the body could not be read to its end: {error}"))
    })
}

fn too_large(what: &str, limit: usize) -> ApiError {
    let text =
        format!("the body {what} is larger than the limit of {limit} bytes; the operator can raise --max-body-bytes");
    ApiError::new(ApiErrorKind::BodyTooLarge, text)
}
