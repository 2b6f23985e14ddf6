//! Request bodies, bounded.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, HeaderName};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::compression::check_unpacked;
use crate::error::{ApiError, ApiErrorKind};
use crate::wire::v2::HEADER_LENGTH;

/// Bytes that are reserved for a body by its announcement alone; more only as they come. What is reserved takes no memory
/// before something is written to it.
const MOST_TRUSTED: usize = 4 << 20;

/// The header that says how much of a body is JSON, where tensors follow it.
pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static(HEADER_LENGTH);

/// The alignment of every dtype.
const ALIGNMENT: usize = 8;

/// Reads a body of at most `limit` bytes; a larger one is refused by its header, before any of it is read. One that comes
/// in one piece is not copied, and one in several is copied once.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    check_unpacked(headers)?;
    let announced = number(headers, &CONTENT_LENGTH);
    if let Some(announced) = announced.filter(|announced| *announced > limit as u64) {
        return Err(too_large(&format!("of {announced} bytes"), limit));
    }
    let mut body = Limited::new(body, limit);
    let mut gathered = Gathered::new(announced);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return too_large("sent in chunks or packed", limit);
            }
            ApiError::unread("the body", &*error, &error.to_string())
        })?;
        if let Ok(piece) = frame.into_data() {
            gathered.push(headers, piece);
        }
    }
    Ok(gathered.finish())
}

/// The pieces of a body, in one. What lies behind the JSON of a binary request is aligned there for every dtype, so that
/// tensors need no copy of their own.
struct Gathered {
    /// Where it is the only one so far.
    first: Bytes,
    pieces: Vec<u8>,
    expected: usize,
    padding: usize,
}

impl Gathered {
    fn new(announced: Option<u64>) -> Self {
        let expected = announced.and_then(|announced| usize::try_from(announced).ok()).unwrap_or(0).min(MOST_TRUSTED);
        Self { first: Bytes::new(), pieces: Vec::new(), expected, padding: 0 }
    }

    fn push(&mut self, headers: &HeaderMap, piece: Bytes) {
        if self.pieces.is_empty() {
            if self.first.is_empty() {
                self.first = piece;
                return;
            }
            self.padding = padding(headers);
            self.pieces.reserve_exact(self.padding + self.expected.max(self.first.len() + piece.len()));
            self.pieces.resize(self.padding, 0);
            self.pieces.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.pieces.extend_from_slice(&piece);
    }

    fn finish(self) -> Bytes {
        if self.pieces.is_empty() { self.first } else { Bytes::from(self.pieces).slice(self.padding..) }
    }
}

/// Bytes in front of the JSON, so that what follows it is aligned: allocators align at least as much.
fn padding(headers: &HeaderMap) -> usize {
    let json = json_length(headers).unwrap_or(0);
    let past = usize::try_from(json % ALIGNMENT as u64).unwrap_or(0);
    (ALIGNMENT - past) % ALIGNMENT
}

/// How much of a body is JSON, where it says that tensors follow.
pub(super) fn json_length(headers: &HeaderMap) -> Option<u64> {
    number(headers, &JSON_LENGTH)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name).and_then(|value| value.to_str().ok()?.trim().parse().ok())
}

fn too_large(what: &str, limit: usize) -> ApiError {
    let text =
        format!("the body {what} is larger than the limit of {limit} bytes; the operator can raise --max-body-bytes");
    ApiError::new(ApiErrorKind::BodyTooLarge, text)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::HeaderValue;
    use futures_util::stream;

    use super::*;

    /// Reads a body of these pieces, with a head of that many bytes of JSON.
    async fn read_pieces(pieces: &[Bytes], json: usize) -> Bytes {
        let length = pieces.iter().map(Bytes::len).sum::<usize>();
        let headers =
            HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(length)), (JSON_LENGTH, HeaderValue::from(json))]);
        let pieces: Vec<_> = pieces.iter().cloned().map(Ok::<_, Infallible>).collect();
        read(&headers, Body::from_stream(stream::iter(pieces)), length).await.unwrap()
    }

    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 1000]);
        assert_eq!(read_pieces(std::slice::from_ref(&piece), 0).await.as_ptr(), piece.as_ptr());
        assert!(read_pieces(&[], 0).await.is_empty());
    }

    #[tokio::test]
    async fn several_pieces_are_copied_once_to_where_tensors_need_no_copy() {
        for json in 0..17 {
            let pieces = [3, 0, 5, 1000].map(|length| Bytes::from(vec![u8::try_from(length % 251).unwrap(); length]));
            let body = read_pieces(&pieces, json).await;
            assert_eq!(body, pieces.concat());
            assert_eq!(body[json..].as_ptr().align_offset(ALIGNMENT), 0, "{json}");
        }
    }
}
