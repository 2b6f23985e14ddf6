//! The Open Inference Protocol v2 over gRPC (`inference_grpc.md`): messages to requests, and responses to messages.

pub mod proto;
mod contents;
mod request;
mod response;

#[cfg(test)]
mod tests;

pub use self::request::{Form, decode_message, decode_request};
pub use self::response::encode_response;
