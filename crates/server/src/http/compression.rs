//! Compressed bodies (RFC 9110, section 8.4): `gzip` and `deflate`, as clients of the Open Inference Protocol send them.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, NotForContentType, Predicate as _, SizeAbove};
use tower_http::decompression::RequestDecompressionLayer;

use crate::error::{ApiError, ApiErrorKind};

/// Bytes below which packing an answer costs more than it spares.
const WORTH_PACKING: u16 = 1024;

/// Unpacks requests. Bounds on a body count what comes out, so a small body cannot grow without end.
pub(super) fn unpack() -> RequestDecompressionLayer {
    RequestDecompressionLayer::new().pass_through_unaccepted(true)
}

/// Packs answers for callers who accept that.
pub(super) fn pack() -> CompressionLayer<And<SizeAbove, NotForContentType>> {
    CompressionLayer::new().compress_when(SizeAbove::new(WORTH_PACKING).and(NotForContentType::SSE))
}

/// Refuses a body that is still packed, as nobody here can unpack it.
pub(super) fn check_unpacked(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) if encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(encoding) => {
            let text = format!("Content-Encoding: expected gzip, deflate or identity, got {encoding:?}");
            Err(ApiError::new(ApiErrorKind::UnknownEncoding, text))
        }
    }
}
