//! TensorFlow Serving's REST format: rows (`instances`) or columns (`inputs`), as its `api_rest.md` has it; rows with named
//! columns and pandas' data frames for models whose columns have names; and what the platforms make of it.

pub(crate) mod csv;
mod examples;
mod fields;
mod frame;
mod metadata;
mod request;
mod response;
mod table;
mod task;
#[cfg(test)]
mod tests;

pub use self::examples::{Task, decode_examples, encode_results};
pub use self::metadata::metadata;
pub use self::request::{decode_outputs, decode_request};
pub use self::response::{encode_request, encode_response};

/// The two forms of a request; the answer mirrors it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `instances` in, `predictions` out: one entry a row.
    Rows,
    /// `inputs` in, `outputs` out: one entry a tensor.
    Columns,
}
