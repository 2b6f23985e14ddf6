//! The Open Inference Protocol v2 over HTTP: JSON (`inference_rest.md`, "Inference Request JSON Object" and following),
//! and Triton's extensions of it for binary tensors (`extension_binary_data.md`) and classification
//! (`extension_classification.md`).

mod client;
mod parameters;
mod request;
mod response;

#[cfg(test)]
mod tests;

pub use self::client::encode_request;
pub use self::request::{Framing, decode_outputs, decode_request};
pub use self::response::{Answerer, Encoded, encode_response};
pub use super::wanted::{OutputForm, Wanted};

/// The header that tells how many bytes of a body are JSON, before tensors in binary form follow.
pub const HEADER_LENGTH: &str = "inference-header-content-length";
